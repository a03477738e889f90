"""Files that are either whole or not there."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

TEMPORARY_PREFIX = ".writing-"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in the place of `path`.

    A reader, and a process that starts after a crash at any moment, sees the old file or the
    new one and never a part. The temporary file ends like `path`, because Keras and
    Matplotlib choose the format by the ending. A folder or a device is not replaced.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "Is a folder", str(path))
    if path.exists() and not path.is_file():
        raise PermissionError(errno.EPERM, "Is not an ordinary file", str(path))
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        write(temporary)
        with temporary.open("r+b") as file:  # some systems sync only what may be written
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = str(path)  # the reader has no use for the temporary name
        raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path`, atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, atomically."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_json(path: Path, values: Any) -> None:
    """Write `values` to `path` as indented JSON, atomically; NaN is refused."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def plain_json(values: object) -> Any:
    """Return what a JSON file of `values` would hold: dictionaries, lists, and None for NaN."""
    import msgspec

    return json.loads(msgspec.json.encode(values))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to `path` as CSV in UTF-8, atomically, with CR LF line ends.

    Half characters, as odd file names have them, become a question mark.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode(errors="replace"))


@dataclass(frozen=True)
class ArrayParts:
    """An array of float32 that need not fit into memory: its shape, and parts along axis 0."""

    shape: tuple[int, ...]
    parts: Iterable[np.ndarray]


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray | ArrayParts]) -> None:
    """Write arrays, one after the other, to a `.npz` file, atomically, with the folder it is in."""
    import numpy as np
    from numpy.lib import format as npy

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    if not isinstance(array, ArrayParts):
                        npy.write_array(file, np.asanyarray(array), allow_pickle=False)
                        continue
                    header = {"descr": "<f4", "fortran_order": False, "shape": array.shape}
                    npy.write_array_header_1_0(file, header)
                    for part in array.parts:
                        file.write(np.ascontiguousarray(part, "<f4").data)

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, write)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a `.npz` file; ValueError where it cannot be read."""
    import numpy as np

    try:
        # Opened here, because NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, TypeError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from error


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed process left in `folder`."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        path.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shown_name(name: str) -> str:
    """Return a name as it may be shown."""
    return name
