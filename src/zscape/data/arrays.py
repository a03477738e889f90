"""Reading images from files: `.npz`, `.npy`, idx and idx.gz."""

from __future__ import annotations

import gzip
import lzma
import math
import re
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from zscape.errors import DataError

ACCEPTED = (
    "a .npz file with an array images, a .npy file, an idx or idx.gz file, or a folder of pictures"
)

_IDX_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins an empty archive
_NPY_MAGIC = b"\x93NUMPY"
# What damaged and hostile files make the libraries raise that read them, Pillow among them.
PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
# And NumPy, gzip and zipfile besides.
_READ_ERRORS = (*PARSE_ERRORS, lzma.LZMAError, tokenize.TokenError, zipfile.BadZipFile)


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the images and, when there are any, the labels of a file, as they are stored.

    The format is told by the first bytes of the content, not by the name.

    Returns:
        Images of any shape and type, and labels or None.

    Raises:
        DataError: the file is missing, empty, damaged, or of another kind.
    """
    with _as_data_errors(path):
        with path.open("rb") as file:
            start = file.read(8)
        if not start:
            raise DataError(f"{path} is empty; expected {ACCEPTED}.")
        if start.startswith(_ZIP_MAGICS):
            return _read_npz(path)
        if start.startswith(_NPY_MAGIC):
            # Mapped, a header that claims more than the file holds takes no memory.
            return np.load(path, allow_pickle=False, mmap_mode="r"), None
        if start.startswith(_GZIP_MAGIC) or _is_idx(start):
            images, label_file = _read_idx(path), _label_file(path)
            return images, None if label_file is None else _read_label_file(label_file)
    raise DataError(f"{path} is of an unknown kind; expected {ACCEPTED}.")


@contextmanager
def _as_data_errors(path: Path) -> Iterator[None]:
    """Turn whatever reading `path` raises into a `DataError` of one line."""
    try:
        # NumPy multiplies the sizes in a header without looking, and says with a warning that
        # a file is as old as Python 2.
        with np.errstate(over="raise"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Reading `.npy` or `.npz` file", UserWarning)
            yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; expected {ACCEPTED}.") from error
    except PermissionError as error:
        raise DataError(f"{path} may not be read; change its permissions.") from error
    except _READ_ERRORS as error:
        reason = " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__
        if "object arrays" in reason.lower() or "python objects" in reason.lower():
            raise DataError(
                f"{path} holds pickled Python objects, which are never loaded; save plain arrays "
                "of numbers."
            ) from error
        raise DataError(
            f"{path} cannot be read ({reason}); it may be damaged: copy or save it again."
        ) from error


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    # Opened here, because NumPy leaves a damaged archive open.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        if "images" not in stored.files:
            found = ", ".join(map(repr, stored.files[:8])) or "nothing"
            raise DataError(f"{path} has no array named images, it has {found}; rename yours.")
        return stored["images"], stored["labels"] if "labels" in stored.files else None


def _read_label_file(path: Path) -> np.ndarray:
    with _as_data_errors(path):  # its own, because its path is the one to name
        return _read_idx(path)


def _is_idx(start: bytes) -> bool:
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _IDX_TYPES and start[3] > 0


def _read_idx(path: Path) -> np.ndarray:
    """Read the format of the MNIST files: magic number, big-endian sizes, values."""
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
    with gzip.open(path) if compressed else path.open("rb") as file:
        magic = file.read(4)
        if not _is_idx(magic):
            inside = "a gzip file without an idx file in it" if compressed else "not an idx file"
            raise DataError(f"{path} is {inside}; expected {ACCEPTED}.")
        n_axes = magic[3]
        shape = struct.unpack(f">{n_axes}I", _read_exactly(file, 4 * n_axes, path))
        dtype = _IDX_TYPES[magic[2]]
        # The header is only a claim: what is there decides how much memory is taken.
        n_bytes = math.prod(shape) * dtype.itemsize
        content = _read_exactly(file, n_bytes, path)
        if file.read(1):
            raise DataError(
                f"{path} goes on after the {n_bytes:,} bytes of values that its header "
                "announces; copy it again."
            )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_exactly(file: Any, n_bytes: int, path: Path) -> bytearray:
    content = bytearray()
    while len(content) < n_bytes:
        part = file.read(min(n_bytes - len(content), 2**24))
        if not part:
            raise DataError(
                f"{path} is cut off: its header announces {n_bytes:,} bytes and "
                f"{len(content):,} are there; copy it again."
            )
        content += part
    return content


def _label_file(path: Path) -> Path | None:
    """Return the file of labels that the names of MNIST put beside a file of images."""
    name, n_changes = re.subn(r"images([-.])idx3", r"labels\1idx1", path.name)
    if not n_changes:
        return None
    bare = name.removesuffix(".gz")  # only one of the two files may have been unpacked
    candidates = (path.with_name(each) for each in (name, bare, f"{bare}.gz"))
    return next((labels for labels in candidates if labels.is_file()), None)
