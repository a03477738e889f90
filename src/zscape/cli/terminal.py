"""What the command line shows: results on stdout, messages on stderr, errors as one line."""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, NoReturn

from zscape.errors import ConfigError, ZscapeError, backend_needed
from zscape.files import TEMPORARY_PREFIX, in_unicode, visible
from zscape.reporter import ConsoleReporter

DONE, OUR_FAULT, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

# What the system says when a path the user gave cannot be used.
_PATH_ERRORS = {
    errno.ENOSPC: "no space is left on the disk; free some, then try again",
    errno.EDQUOT: "your disk quota is used up; free some space, then try again",
    errno.EFBIG: "the file would grow beyond the allowed size; raise the limit or try another disk",
    errno.EIO: "the disk reports an error; try another one",
    errno.EACCES: "permission denied; choose a place you may read and write",
    errno.EPERM: "not permitted; choose a place you may read and write",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENOENT: "this file or folder does not exist; check the path",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another path",
    errno.EEXIST: "this is a file, not a folder; choose another path",
    errno.EISDIR: "this is a folder; name a file",
    errno.ENAMETOOLONG: "this name is too long; choose a shorter one",
    errno.ELOOP: "this path leads through a circle of links; choose another path",
    errno.EMFILE: "too many files are open; close other programs or raise the limit",
}


_REMARKS = ("warning: ", "note: ")

_flags: dict[str, str] = {}
_remarks: set[str] = set()  # that the command has made
_QUOTED = re.compile(r"`(\w+)(?:=(\w+))?`")


def name_flags(flags: Mapping[str, str]) -> None:
    """Set the flags of the command that runs, by the names of its arguments in Python."""
    _remarks.clear()
    _flags.clear()
    _flags.update(flags)


def in_flags(message: str) -> str:
    """Return a message that names arguments as one that names flags.

    Arguments stand between backticks, or begin the message: `resume=True` becomes --resume, and
    "latent_dim is 0" becomes "--latent-dim is 0".
    """

    def flag(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name not in _flags:
            return match[0].strip("`")
        return _flags[name] if value in (None, "True") else f"{_flags[name]} {value}"

    first, found, rest = message.partition(" is ")
    if found and _flags.get(first, "").startswith("-"):
        message = f"{_flags[first]} is {rest}"
    return _QUOTED.sub(flag, message)


def print_any_text() -> None:
    r"""Let stdout and stderr print every text, whatever their encoding is.

    Bytes of file names that are no UTF-8 are printed as `shown_name` has them, and what a terminal
    has no character for as an escape: `\u732b`.
    """
    codecs.register_error("zscape", _printable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="zscape")


def _printable(error: UnicodeError) -> tuple[bytes, int]:
    """Return what to print in place of characters that an encoding lacks, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = in_unicode(error.object[error.start : error.end])
    return text.encode(error.encoding, "backslashreplace"), error.end


def in_one_line(message: str) -> str:
    """Return a message in the words of the command line, without what would steer a terminal."""
    line = visible(in_flags(message))
    if line.startswith(_REMARKS):
        _remarks.add(line)
    return line


def say(message: str) -> None:
    """Print a message for the user to stderr, a warning or a note only once in a command."""
    n_before, line = len(_remarks), in_one_line(message)
    if not line.startswith(_REMARKS) or len(_remarks) > n_before:
        print(line, file=sys.stderr, flush=True)


def terminal_reporter() -> ConsoleReporter:
    """Return a reporter to stderr: bars on a terminal, plain lines elsewhere."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    return ConsoleReporter(console, in_one_line)


def print_json(values: Any) -> None:
    """Print one JSON object to stdout."""
    print(json.dumps(values, indent=2, allow_nan=False))


def load_frameworks() -> None:
    """Import Keras and its backend without the log lines they print before anyone can object.

    TensorFlow writes to the file descriptor of stderr while it is loaded, whatever its log
    level, so that descriptor is set aside for the moment. If the import fails, what was
    written is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log, _ctrl_c_ends_at_once():
        os.dup2(log.fileno(), 2)
        try:
            with backend_needed():
                _import_frameworks()
        except ConfigError:
            raise
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _import_frameworks() -> None:
    import keras

    # On other backends, too, Keras loads TensorFlow where it is installed.
    if keras.backend.backend() == "tensorflow" or find_spec("tensorflow"):
        import tensorflow as tf

        # The second half of the lines it writes comes with the first operation.
        tf.zeros(())
        tf.get_logger().setLevel("ERROR")


@contextmanager
def _ctrl_c_ends_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process without unwinding.

    An import that is cut short leaves half-made modules, which print tracebacks of their own.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # elsewhere Python does not allow it
        return
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Turn the errors a user can mend into one line on stderr and exit status 2.

    Ctrl-C ends with status 130. Anything else is a fault of zscape and keeps its traceback,
    with status 1.
    """
    try:
        yield
    except ZscapeError as error:
        _fail(str(error))
    except BrokenPipeError:
        # The reader of stdout, `head` perhaps, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except OSError as error:
        message = _path_error(error)
        if message is None:
            raise
        _fail(message)
    except _memory_errors():
        _fail(
            "not enough memory; try a smaller --batch-size, --latent-dim or --limit, or smaller "
            "images."
        )
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def one_line(text: str) -> str:
    """Return a text of several lines as one."""
    return " ".join(text.split())


def _fail(message: str) -> NoReturn:
    say(f"zscape: {one_line(in_flags(message))}")
    sys.exit(BAD_INPUT)


def _path_error(error: OSError) -> str | None:
    """Return what the user can do about an error of the file system, or None."""
    number = error.errno
    if number is None:
        # HDF5 puts the number into its text.
        found = re.search(r"errno = (\d+)", str(error))
        number = int(found[1]) if found else None
    if number not in _PATH_ERRORS:
        return None
    if not error.filename:
        return f"{_PATH_ERRORS[number]}."
    # The user knows the file, not the name it has while it is being written.
    path = re.sub(rf"{re.escape(TEMPORARY_PREFIX)}\d+-", "", str(error.filename))
    return f"{path}: {_PATH_ERRORS[number]}."


def _memory_errors() -> tuple[type[BaseException], ...]:
    """Return what is raised for want of memory; evaluated only when something was raised."""
    if "tensorflow" not in sys.modules:
        return (MemoryError,)
    import tensorflow as tf

    return MemoryError, tf.errors.ResourceExhaustedError
