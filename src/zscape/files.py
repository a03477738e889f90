"""Files that are either whole or not there, and names as people can read them."""

from __future__ import annotations

import csv
import errno
import hashlib
import itertools
import json
import os
import re
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zscape.errors import RunError
from zscape.remote.path import RemotePath

if TYPE_CHECKING:
    import numpy as np

TEMPORARY_PREFIX = ".writing-"

_SURROGATES = re.compile("[\ud800-\udfff]")
# What begins a formula in a spreadsheet; the wide signs do in Japanese and Chinese ones.
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # change the direction


def shown_name(name: str) -> str:
    r"""Return the name of a class, a picture or a folder as it can be shown anywhere, in one line.

    Bytes that are not UTF-8 are read as Windows-1252, which has Latin-1 in it. Control characters,
    line ends and characters that turn the direction of writing are escaped: `\n`, `\u202e`.
    Accents are joined with their letters (NFC); macOS takes them apart.

    Example:
        >>> shown_name(os.fsdecode(b"caf\xe9"))
        'café'
    """
    return visible(unicodedata.normalize("NFC", name))


def visible(text: str) -> str:
    """Return a text as `shown_name` does, but each accent where it was, as paths need it."""
    text = in_unicode(text)
    if text.isprintable():
        return text
    return "".join(_escaped(c) if _is_unseen(c) else c for c in text)


def in_unicode(text: str) -> str:
    """Return a text in which what no encoding can write is replaced as in `shown_name`."""
    return _SURROGATES.sub(_decoded, text) if _SURROGATES.search(text) else text


def _decoded(match: re.Match[str]) -> str:
    """Return the character that a byte of a file name stands for, else an escape."""
    byte = ord(match[0]) - 0xDC00  # how Python keeps a byte it cannot decode
    if not 0x80 <= byte <= 0xFF:
        return _escaped(match[0])
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:  # five bytes have no meaning there
        return f"\\x{byte:02x}"


def _is_unseen(character: str) -> bool:
    is_control = unicodedata.category(character) in ("Cc", "Zl", "Zp")
    return is_control or unicodedata.bidirectional(character) in _TURNS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in the place of `path`.

    A reader, and a process that starts after a crash at any moment, sees the old file or the
    new one and never a part. The temporary file ends like `path`, because Keras and
    Matplotlib choose the format by the ending. A folder or a device is not replaced.
    What lies elsewhere is written on this machine, then uploaded.
    """
    if isinstance(path, RemotePath):
        _write_elsewhere(path, write)
        return
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


def _write_elsewhere(path: RemotePath, write: Callable[[Path], object]) -> None:
    from zscape.remote.transfer import upload

    check_can_be_written(path)
    with tempfile.TemporaryDirectory(prefix="zscape-") as folder:
        temporary = Path(folder, path.name)
        write(temporary)
        upload(temporary, str(path))


def check_can_be_written(path: Path) -> None:
    """Refuse a location of a protocol that only reads."""
    if isinstance(path, RemotePath) and not path.can_be_written:
        raise RunError(f"{path} can only be read; write to this machine, or to s3:// and the like.")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path`, atomically, and what UTF-8 cannot write as in `shown_name`."""
    write_bytes(path, in_unicode(text).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, atomically."""
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def write_json(path: Path, values: Any) -> None:
    """Write `values` to `path` as indented JSON, atomically; NaN is refused.

    It is ASCII, and every text comes back as it was, also the path of a file with an odd name.
    """
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def plain_json(values: object) -> Any:
    """Return what a JSON file of `values` would hold: dictionaries, lists, and None for NaN.

    What UTF-8 cannot write is as in `shown_name`.
    """
    import msgspec

    plain = msgspec.to_builtins(values, str_keys=True)
    return json.loads(msgspec.json.encode(_all_in_unicode(plain)))


def _all_in_unicode(values: Any) -> Any:
    """Return plain values with every text, also in keys, as `in_unicode` gives it."""
    if isinstance(values, str):
        return in_unicode(values)
    if isinstance(values, dict):
        return {_all_in_unicode(key): _all_in_unicode(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_all_in_unicode(value) for value in values]
    return values


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to `path` as CSV in UTF-8, atomically, with CR LF line ends.

    It is safe to open in a spreadsheet: see `safe_cell`. It has no byte order mark, which programs
    would take for a part of the first column's name.
    """

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            lines = itertools.chain([header], rows)
            csv.writer(file).writerows([safe_cell(cell) for cell in row] for row in lines)

    write_atomically(path, write)


def safe_cell(cell: object) -> object:
    """Return a cell of a table; of a text that a spreadsheet would run, with an apostrophe before.

    Numbers, also those that are texts, stay as they are, and so does a single sign.

    References:
        OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection.
    """
    if not isinstance(cell, str):
        return cell
    text = in_unicode(cell)
    is_formula = text.startswith(_FORMULA_STARTS) and len(text) > 1 and not _is_number(text)
    return f"'{text}" if is_formula else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()


def tsv_line(cells: Iterable[object]) -> str:
    """Return a line of tab-separated values, each as safe as in a CSV and shown in one line."""
    safe = (safe_cell(shown_name(c) if isinstance(c, str) else c) for c in cells)
    return "\t".join(map(str, safe)) + "\n"


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


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed process left in `folder`."""
    if isinstance(folder, RemotePath):
        return  # what is uploaded is whole
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if not isinstance(path, RemotePath):
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        from zscape.remote.transfer import remove

        remove(str(path), whole_folder=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
