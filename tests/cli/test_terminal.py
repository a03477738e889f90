"""The `zscape` script as a real process: what it loads, prints, and how it ends."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import PATIENCE, heed_ctrl_c
from zscape.cli.terminal import errors_as_lines, load_frameworks, one_line
from zscape.errors import ConfigError

CHATTER = re.compile(r"TensorFlow|oneDNN|absl|[Ww]arning:? |I0000|[WE]0000|cuda|rebuild", re.I)


def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zscape", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options
    )


@pytest.mark.parametrize("verb", ["--help", "info"])
def test_what_needs_no_network_loads_no_framework(trained: Any, verb: str) -> None:
    words = ["zscape", verb, *([str(trained.two)] if verb == "info" else [])]
    program = (
        f"import sys\nsys.argv = {words!r}\n"
        "from zscape.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'skimage', 'scipy'}\n"
        "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_training_prints_its_own_lines_only(trained: Any, tmp_path: Path) -> None:
    done = run(
        "train", trained.data, "--out", tmp_path / "run", "--epochs", 1, "--latent-dim", 2, "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["n_images"] == 6
    lines = done.stderr.splitlines()
    assert lines[0].startswith("epoch 1/1  loss 0.")
    own = ("epoch ", "measuring ", "warning: ", "note: ")
    assert all(line.startswith(own) for line in lines), lines
    rest = [line for line in lines if not line.startswith("warning: ")]
    assert not [line for line in rest if CHATTER.search(line)]


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_reader_that_leaves_is_no_fault(trained: Any, more: tuple[str, ...]) -> None:
    command = [sys.executable, "-u", "-m", "zscape", "info", str(trained.two), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before the process has written anything
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 0


def no_file_above(n_bytes: int) -> Callable[[], None]:
    """Let no file of the new process grow beyond a size: what a full disk does, without one."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))

    return limit


@pytest.mark.slow
@pytest.mark.parametrize("n_bytes", [100, 100_000])  # within the settings; within the model
def test_training_on_a_full_disk_leaves_nothing_half_written(
    trained: Any, tmp_path: Path, n_bytes: int
) -> None:
    out = tmp_path / "run"
    limit = no_file_above(n_bytes)
    words = ("train", trained.data, "--out", out, "--epochs", 1, "--preset", "classic")
    failed = run(*words, preexec_fn=limit)
    assert failed.returncode == 2, failed.stderr
    assert failed.stderr.startswith("zscape: ")
    assert "beyond the allowed size" in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert not list(out.rglob(".writing-*"))
    assert not (out / "model.keras").exists()


@pytest.mark.slow
def test_a_full_disk_leaves_the_file_that_was_to_be_replaced(trained: Any, tmp_path: Path) -> None:
    out = tmp_path / "codes.npz"
    out.write_bytes(b"mine")
    words = ("encode", trained.two, trained.data, "-o", out, "--force")
    failed = run(*words, preexec_fn=no_file_above(100))
    assert failed.returncode == 2, failed.stderr
    assert failed.stderr.startswith("zscape: ")
    assert failed.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["codes.npz"]
    assert out.read_bytes() == b"mine"


def started(*words: object) -> tuple[subprocess.Popen[str], Iterator[str]]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "zscape", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    assert process.stderr is not None
    return process, iter(process.stderr)


@pytest.mark.slow
def test_ctrl_c_prints_one_command_that_goes_on(trained: Any, tmp_path: Path) -> None:
    out = tmp_path / "a run"
    process, lines = started(
        "train", trained.data, "--out", out, "--epochs", 9999, "--latent-dim", 2, "--force",
        "--patience", 9999, "--preset", "classic",
    )  # fmt: skip
    assert next(lines).startswith("epoch    1/9999")
    process.send_signal(signal.SIGINT)
    out_text, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert out_text == ""
    assert "Traceback" not in err
    (line,) = [line for line in err.splitlines() if line.startswith("interrupted")]
    words = shlex.split(line.partition("go on with: ")[2])
    assert words[0] == "zscape"
    assert words.count("--resume") == 1
    assert "--force" not in words
    # Nothing may be lost and nothing repeated, so a resumed training starts later.
    process, lines = started(*words[1:])
    assert int(next(lines).split()[1].partition("/")[0]) > 1
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 130)


def test_ctrl_c_before_training_says_nothing_of_resuming(
    zscape: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, trained: Any, tmp_path: Path
) -> None:
    import zscape.jobs.train as training

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "load_dataset", interrupted)
    done = zscape("train", trained.data, "--out", tmp_path / "run")
    assert done.status == 130
    assert done.err == "interrupted before training began; nothing was written.\n"
    assert not (tmp_path / "run").exists()


def test_ctrl_c_while_frameworks_load_ends_at_once(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'keras':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Slow())\n"
        f"sys.argv = ['zscape', 'train', 'mnist', '--out', {str(tmp_path / 'run')!r}]\n"
        "from zscape.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
    assert not (tmp_path / "run").exists()


def test_a_missing_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ConfigError, match=r"tensorflow.*pip install"):
        load_frameworks()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left"), "zscape: no space is left on the disk"),
        (OSError("Unable to write (file write failed: errno = 28, error message = 'x')"),
         "zscape: no space is left on the disk"),
        (PermissionError(errno.EACCES, "x", "/a/.writing-12-b.npz"),
         "zscape: /a/b.npz: permission denied"),
        (OSError(errno.EROFS, "x", "/cd"), "zscape: /cd: the file system is read-only"),
        (MemoryError(), "zscape: not enough memory"),
        (ConfigError("two\n  lines"), "zscape: two lines\n"),
    ],
)  # fmt: skip
def test_errors_become_one_line(
    error: BaseException, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop, errors_as_lines():
        raise error
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(expected)
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("error", [ValueError("ours"), OSError("unknown"), ZeroDivisionError()])
def test_our_own_faults_keep_their_traceback(error: Exception) -> None:
    with pytest.raises(type(error)), errors_as_lines():
        raise error


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_name_can_be_printed_on_any_terminal(encoding: str, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode("猫".encode() + b" caf\xe9 \x1b[31m")
    folder.mkdir()
    program = (
        "import sys\n"
        "from zscape.cli.terminal import *\n"
        "print_any_text()\n"
        "print(sys.argv[1])\n"
        "say(sys.argv[1])\n"
        "terminal_reporter().warn(sys.argv[1])\n"
    )
    words = [sys.executable, "-c", program, folder.name]
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    done = subprocess.run(words, capture_output=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    cat = "猫" if encoding == "utf-8" else r"\u732b"
    cafe = "café" if encoding != "ascii" else r"caf\xe9"
    assert done.stdout.decode(encoding) == f"{cat} {cafe} \x1b[31m\n"
    shown = f"{cat} {cafe} \\x1b[31m"
    assert done.stderr.decode(encoding).splitlines() == [shown, f"warning: {shown}"]


@pytest.mark.parametrize("more", [{"PYTHONIOENCODING": "ascii"}, {"LANG": "C", "LC_ALL": "C"}])
def test_commands_print_odd_names_in_any_locale(
    copied: Path, tmp_path: Path, more: dict[str, str]
) -> None:
    run_folder = copied.rename(tmp_path / os.fsdecode("猫".encode() + b"\xe9"))
    environment = {**os.environ, **more}
    for words in (["info", run_folder], ["evaluate", run_folder], ["info", run_folder / "gone"]):
        command = [sys.executable, "-m", "zscape", *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, timeout=PATIENCE, env=environment, check=False
        )
        assert done.returncode == (2 if words[-1] != run_folder else 0), done.stderr
        assert b"Traceback" not in done.stderr
    assert b"does not exist" in done.stderr


def test_one_line_joins_what_is_broken() -> None:
    assert one_line("  a\n b\t c ") == "a b c"
