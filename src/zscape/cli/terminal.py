"""What the command line shows: results on stdout, messages on stderr, errors as one line."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zscape.errors import ZscapeError

if TYPE_CHECKING:
    from rich.console import Console

DONE, OUR_FAULT, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

# What the system says when a path the user gave cannot be used.
_PATH_ERRORS = {
    errno.ENOSPC: "no space is left on the disk; free some, then go on with --resume or try again",
    errno.EDQUOT: "your disk quota is used up; free some space, then try again",
    errno.EACCES: "permission denied; choose a place you may write to",
    errno.EPERM: "not permitted; choose a place you may write to",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another path",
    errno.EISDIR: "this is a folder; expected a file",
    errno.ENAMETOOLONG: "this name is too long; choose a shorter one",
    errno.EFBIG: "the file would grow beyond the allowed size; raise the limit or try another disk",
}


def say(message: str) -> None:
    """Print a message for the user to stderr."""
    print(message, file=sys.stderr, flush=True)


def print_json(values: Any) -> None:
    """Print one JSON object to stdout."""
    print(json.dumps(values, indent=2, allow_nan=False))


def progress_console() -> Console:
    """Return a console on stderr: bars on a terminal, plain lines elsewhere."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_evaluation(figures: Mapping[str, Any]) -> None:
    """Print the figures of a model beside those of PCA to stdout, warnings to stderr."""
    from rich.console import Console
    from rich.table import Table

    model, pca = figures["model"], figures["pca"] or {}
    names = {
        "mse": ("MSE", "{:.5f}"),
        "psnr": ("PSNR, dB", "{:.2f}"),
        "ssim": ("SSIM", "{:.4f}"),
        "knn_accuracy": ("k-NN accuracy", "{:.4f}"),
    }
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"{figures['n_images']:,} images ({figures['data']})")
    table.add_column("model", justify="right")
    table.add_column("PCA", justify="right")
    for key, (name, form) in names.items():
        cells = (values.get(key) for values in (model, pca))
        table.add_row(name, *("-" if cell is None else form.format(cell) for cell in cells))
    ratio = f"{figures['compression_ratio']:.1f}x"
    table.add_row("compression", ratio, ratio if pca else "-")
    Console(highlight=False, markup=False, width=None).print(table)
    for warning in figures["warnings"]:
        say(f"warning: {warning}")
    for note in figures["notes"]:
        say(f"note: {note}")


def load_frameworks() -> None:
    """Import Keras and its backend without the log lines they print before anyone can object.

    TensorFlow writes to the file descriptor of stderr while it is loaded, whatever its log
    level, so that descriptor is set aside for the moment. If the import fails, what was
    written is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import keras

            if keras.backend.backend() == "tensorflow":
                import tensorflow as tf

                # The second half of these lines comes with the first operation.
                tf.zeros(())
                tf.get_logger().setLevel("ERROR")
        except BaseException:
            log.seek(0)
            os.write(kept, log.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def errors_as_lines() -> Iterator[None]:
    """Turn the errors a user can mend into one line on stderr and exit status 2.

    Ctrl-C ends with status 130. Anything else is a fault of zscape and keeps its traceback,
    with status 1.
    """
    try:
        yield
    except ZscapeError as error:
        say(f"zscape: {one_line(str(error))}")
        sys.exit(BAD_INPUT)
    except BrokenPipeError:
        # The reader of stdout, `head` perhaps, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except OSError as error:
        if error.errno not in _PATH_ERRORS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        say(f"zscape: {where}{_PATH_ERRORS[error.errno]}.")
        sys.exit(BAD_INPUT)
    except MemoryError:
        say("zscape: not enough memory; try a smaller --batch-size, --limit or smaller images.")
        sys.exit(BAD_INPUT)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def one_line(text: str) -> str:
    """Return a text of several lines as one."""
    return " ".join(text.split())
