"""Arrays from `.npz` files, whose claims are checked before memory is taken for them.

A few bytes can claim terabytes, and zeros are packed a thousandfold.
"""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from zscape.errors import PARSE_ERRORS, reason_of
from zscape.hardware import free_memory

MAX_UNPACKED = 2**30  # bytes; beyond, what is packed too well is taken for a trap
MAX_RATIO = 200  # masks, which are mostly zeros, are packed up to so many times

# What damaged and hostile files make NumPy and `zipfile` raise.
READ_ERRORS = (*PARSE_ERRORS, lzma.LZMAError, tokenize.TokenError, zipfile.BadZipFile)


def load_arrays(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a `.npz` file, or those of some names that it has.

    Raises:
        ValueError: it cannot be read; the message is one line without a full stop.
    """
    try:
        # Opened here, because NumPy leaves a damaged file open.
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile) or stored.zip is None:
                raise ValueError("it is one array without a name")
            wanted = [name for name in stored.files if names is None or name in names]
            check_claims(stored.zip, wanted)
            return {name: stored[name] for name in wanted}
    except READ_ERRORS as error:
        raise ValueError(reason_of(error)) from error


def check_claims(archive: zipfile.ZipFile, names: Collection[str]) -> None:
    """Check what the headers of some arrays in a `.npz` file claim; ValueError if it is too much.

    No more is unpacked than the list of the archive says, and no array is larger than that.
    """
    members = [info for info in archive.infolist() if info.filename.removesuffix(".npy") in names]
    for info in members:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{info.filename} is not compressed as NumPy does it")
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            if version > (2, 0):
                raise ValueError(f"{info.filename} holds records, not plain numbers")
            read = np.lib.format.read_array_header_1_0
            if version == (2, 0):
                read = np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            n_there = info.file_size - file.tell()
        claimed = math.prod(shape) * dtype.itemsize
        if claimed > n_there and not dtype.hasobject:  # of objects NumPy says what is wrong
            raise ValueError(
                f"{info.filename} claims {claimed:,} bytes of values, and {n_there:,} are there"
            )
    check_unpacked(sum(i.file_size for i in members), sum(i.compress_size for i in members))


def check_unpacked(n_bytes: int, n_packed: int) -> None:
    """Check that so many bytes may be unpacked into memory from `n_packed`; else ValueError."""
    if n_bytes > max(MAX_UNPACKED, MAX_RATIO * n_packed):
        raise ValueError(
            f"its {n_packed:,} bytes unpack to {n_bytes:,}, as those of a trap do: if it is none, "
            "save it without compression"
        )
    if n_bytes > (free := free_memory()):
        raise ValueError(f"it takes {n_bytes:,} bytes of memory, and {free:,} are free")
