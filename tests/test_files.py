"""Files are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import PATIENCE
from zscape.files import remove_leftovers, write_atomically, write_bytes, write_json, write_text


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
