"""Reading images from files: `.npz`, `.npy`, idx and idx.gz."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from zscape.errors import DataError

ACCEPTED = "a .npz file with an array images, a .npy file, or an idx or idx.gz file"

_IDX_TYPES = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGIC = b"PK"
_NPY_MAGIC = b"\x93NUMPY"
# What damaged or hostile files make NumPy, gzip and zipfile raise.
_READ_ERRORS = (
    ValueError,
    KeyError,
    EOFError,
    OSError,
    MemoryError,
    OverflowError,
    RuntimeError,
    NotImplementedError,
    SyntaxError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def read_arrays(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Read the images and, when there are any, the labels of a file, as they are stored.

    The format is told by the first bytes of the content, not by the name.

    Returns:
        Images of any shape and type, and labels or None.

    Raises:
        DataError: the file is missing, empty, damaged, or of another kind.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
        if not start:
            raise DataError(f"{path} is empty; expected {ACCEPTED}.")
        if start.startswith(_ZIP_MAGIC):
            return _read_npz(path)
        if start.startswith(_NPY_MAGIC):
            return np.load(path, allow_pickle=False, mmap_mode="r"), None
        if start.startswith(_GZIP_MAGIC) or _is_idx(start):
            labels = _label_file(path)
            return _read_idx(path), None if labels is None else _read_idx(labels)
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; expected {ACCEPTED}.") from error
    except PermissionError as error:
        raise DataError(f"{path} may not be read; change its permissions.") from error
    except _READ_ERRORS as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise DataError(f"{path} is damaged or not to be read: {reason}.") from error
    raise DataError(f"{path} is of an unknown kind; expected {ACCEPTED}.")


def _read_npz(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    with np.load(path, allow_pickle=False) as stored:
        if "images" not in stored.files:
            found = ", ".join(stored.files[:8]) or "nothing"
            raise DataError(f"{path} has no array named images, it has {found}; rename yours.")
        return stored["images"], stored["labels"] if "labels" in stored.files else None


def _is_idx(start: bytes) -> bool:
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _IDX_TYPES and start[3] > 0


def _read_idx(path: Path) -> np.ndarray:
    """Read the format of the MNIST files: magic number, big-endian sizes, values."""
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
    with gzip.open(path) if compressed else path.open("rb") as file:
        magic = file.read(4)
        if not _is_idx(magic):
            raise DataError(f"{path} is not an idx file: it begins with {magic.hex()}.")
        n_axes = magic[3]
        shape = struct.unpack(f">{n_axes}I", _read_exactly(file, 4 * n_axes, path))
        dtype = _IDX_TYPES[magic[2]]
        # The header is only a claim: what is there decides how much memory is taken.
        n_bytes = math.prod(shape) * dtype.itemsize
        content = _read_exactly(file, n_bytes, path)
        if file.read(1):
            raise DataError(f"{path} goes on after the {n_bytes:,} bytes its header announces.")
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
    if "images-idx3" not in path.name:
        return None
    labels = path.with_name(path.name.replace("images-idx3", "labels-idx1"))
    return labels if labels.is_file() else None
