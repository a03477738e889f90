"""Files are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import PATIENCE
from zscape.files import (
    plain_json,
    remove_leftovers,
    shown_name,
    tsv_line,
    write_atomically,
    write_bytes,
    write_csv,
    write_json,
    write_text,
)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_makes_a_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.txt", lambda path: path.write_text("new"))
    assert (tmp_path / "a.txt").read_text() == "new"
    assert names(tmp_path) == {"a.txt"}


def test_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a longer old text")
    write_text(path, "new ä")
    assert path.read_bytes() == "new ä".encode()
    write_bytes(path, b"\0\1")
    assert path.read_bytes() == b"\0\1"
    assert names(tmp_path) == {"a.txt"}


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    seen = []

    def write(temporary: Path) -> None:
        temporary.write_text("ne")
        seen.append((temporary.parent, temporary.suffix, path.read_text()))

    write_atomically(path, write)
    assert seen == [(tmp_path, ".txt", "old")]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), ValueError("x")])
def test_an_error_while_writing_keeps_the_old_file(tmp_path: Path, error: Exception) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise error

    with pytest.raises(type(error)) as caught:
        write_atomically(path, write)
    assert caught.value is error
    assert path.read_text() == "old"
    assert names(tmp_path) == {"a.txt"}


def test_an_interrupt_before_anything_is_written_leaves_nothing(tmp_path: Path) -> None:
    def write(temporary: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a.txt", write)
    assert names(tmp_path) == set()


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none" / "a.txt", "new")


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(IsADirectoryError):
        write_text(target, "new")
    assert names(tmp_path) == {"folder"}


def test_a_pipe_or_device_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "pipe"
    os.mkfifo(target)
    with pytest.raises(PermissionError, match="not an ordinary file"):
        write_text(target, "new")
    assert target.is_fifo()
    assert names(tmp_path) == {"pipe"}


def test_json_is_readable_and_refuses_nan(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    values = {"mse": 0.25, "names": ["a", None]}
    write_json(path, values)
    assert json.loads(path.read_text()) == values
    assert path.read_text().endswith("}\n")
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"mse": float("nan")})
    assert json.loads(path.read_text()) == values


def test_a_killed_writer_leaves_the_old_file_and_a_leftover_to_remove(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from zscape.files import write_atomically\n"
        "def write(temporary):\n"
        "    temporary.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_atomically(Path(sys.argv[1]), write)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(names(tmp_path)) == 2
    remove_leftovers(tmp_path)
    assert names(tmp_path) == {"a.txt"}


def test_removing_leftovers_spares_other_files(tmp_path: Path) -> None:
    for name in ("model.keras", ".lock", "writing.txt"):
        (tmp_path / name).write_text("mine")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == {"model.keras", ".lock", "writing.txt"}
    remove_leftovers(tmp_path / "none")  # a folder not made yet has none


# --- names ---

LATIN = os.fsdecode(b"caf\xe9")  # "caf\udce9"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("cat/001.png", "cat/001.png"),
        (LATIN, "café"),
        (os.fsdecode(b"10 \x80"), "10 €"),  # Windows-1252
        (os.fsdecode(b"a\x81b"), "a\\x81b"),  # nothing there
        (os.fsdecode("猫".encode() + b"\xe9"), "猫é"),
        ("猫 犬 日本語 한국어", "猫 犬 日本語 한국어"),
        ("cafe\u0301", "café"),  # as macOS keeps it
        ("a\nb\tc\r\x1b[31md\x00", "a\\nb\\tc\\r\\x1b[31md\\x00"),
        ("gnp.\u202etxt\u2066", "gnp.\\u202etxt\\u2066"),
        ("a\u2028b\x85", "a\\u2028b\\x85"),
        ("\ud800", "\\ud800"),
        ("👩‍🔬", "👩‍🔬"),  # joined by a character that nobody sees
        ("שלום", "שלום"),
        ("<b>&amp;", "<b>&amp;"),  # pages escape it
        ("", ""),
    ],
)
def test_names_are_shown_in_one_line(name: str, shown: str) -> None:
    assert shown_name(name) == shown
    assert shown_name(shown) == shown
    shown.encode()


def test_every_file_takes_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", LATIN)
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "café"
    write_csv(tmp_path / "a.csv", (LATIN,), [(LATIN,)])
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "café\ncafé\n"
    # A path must come back as it was, so that it can be opened again.
    write_json(tmp_path / "a.json", {"path": LATIN})
    assert json.loads((tmp_path / "a.json").read_text()) == {"path": LATIN}
    assert plain_json({LATIN: (LATIN, math.nan, 1, None)}) == {"café": ["café", None, 1, None]}


# --- tables that are safe in a spreadsheet ---

UNSAFE = (
    "=cmd|' /C calc'!A0", "=1+1", "+1+1", "-1+1", "-a.png", "@SUM(A1)", "\t=1+1", "\r=1+1",
    "\n=1+1", "\uff1d1+1",
)  # fmt: skip


@pytest.mark.parametrize("text", UNSAFE)
def test_a_formula_becomes_text(text: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ("a", text), [(text, -1.5)])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["a", f"'{text}"], [f"'{text}", "-1.5"]]
    cells = tsv_line(("a", text, -1.5)).rstrip("\n").split("\t")
    assert cells[0::2] == ["a", "-1.5"]
    assert cells[1] in (
        f"'{text}",
        shown_name(text),
    )  # what began with a tab begins with its escape
    assert cells[1][0] not in "=+-@"


def test_all_else_in_a_table_stays_as_it_is(tmp_path: Path) -> None:
    row = [-1.5, "-1.5", "+3e-05", "-inf", "-", "a=b", "a-1.png", "'", "", 'say "a, b"', None]
    write_csv(tmp_path / "a.csv", ["-", "-1.5"], [row])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        expected = ["" if cell is None else str(cell) for cell in row]
        assert list(csv.reader(file)) == [["-", "-1.5"], expected]
    content = (tmp_path / "a.csv").read_bytes()
    assert content.count(b"\r\n") == 2
    assert not content.startswith(b"\xef\xbb\xbf")


def test_a_row_of_tsv_is_one_line() -> None:
    assert tsv_line(("a\tb\nc", 1, "猫")) == "a\\tb\\nc\t1\t猫\n"
