"""Pictures in zip files."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from zscape.data.pictures import PictureList
from zscape.data.sources import ShardSource
from zscape.data.sources.archive import (
    Member,
    UnreadableMember,
    as_list,
    check_pictures,
    places_of,
    sort_out,
)
from zscape.errors import PARSE_ERRORS, DataError, reason_of
from zscape.remote import as_path, in_threads

_MAGIC, _EMPTY = b"PK\x03\x04", b"PK\x05\x06"
_LOCAL_HEADER = 30  # bytes, before the name
_ENCRYPTED = 1
_FIRST_BYTES = 4096  # that are read to look at a file
_MOST_BYTES = 2**22  # that are read at once, of a picture


class Zip(ShardSource):
    """Zip files, read like the folder that unpacking them gives."""

    ending = ".zip"
    kind = "zip"

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether a location is a zip file, but not one with arrays (`.npz`)."""
        path = as_path(location).expanduser()
        if path.suffix.lower() == ".npz" or not path.is_file():
            return False
        first = _first_name(path)
        return not first.endswith(b".npy") if first is not None else super().matches(path)

    @classmethod
    def list_files(cls, files: Sequence[Path]) -> PictureList:
        """List the pictures of several zip files."""
        contents = sort_out(chain.from_iterable(in_threads(_members, files, files)))
        check_pictures(contents, files[0])
        names = places_of(contents.pictures, contents.pictures)
        if len(files) > 1:
            names = [f"{member.shard.name}/{member.path}" for member in contents.pictures]
        order = sorted(range(len(names)), key=names.__getitem__)  # as in a folder
        contents.pictures[:] = [contents.pictures[row] for row in order]
        contents.skipped.sort(key=lambda item: item.path)
        return as_list(contents, files, [names[row] for row in order])


def _first_name(path: Path) -> bytes | None:
    """Return the name of the first file in a zip file; None for another file."""
    try:
        with path.open("rb", buffering=_FIRST_BYTES) as file:
            start = file.read(_LOCAL_HEADER)
            if start[:4] not in (_MAGIC, _EMPTY):
                return None
            return file.read(int.from_bytes(start[26:28], "little"))
    except OSError:
        return None  # what is wrong is said when it is read


def _members(shard: Path) -> list[Member]:
    """Return the files in a zip file; of two with one name the last, as unpacking leaves it."""
    try:
        with shard.open("rb") as file, zipfile.ZipFile(file) as archive:
            infos = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    except (zipfile.BadZipFile, *PARSE_ERRORS) as error:
        raise DataError(
            f"{shard} cannot be read as a zip file ({reason_of(error)}); copy it again."
        ) from error
    n_bytes = shard.stat().st_size
    members = []
    for name, info in infos.items():
        path = name.replace("\\", "/")  # as some programs on Windows write
        content = partial(_content, shard, info)
        members.append(Member(shard, path, info.file_size, _hindrance(info, n_bytes), content))
    return members


def _hindrance(info: zipfile.ZipInfo, n_bytes: int) -> str:
    """Return why a file in an archive of `n_bytes` cannot be read, or nothing."""
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted; unpack the archive with its password, then name the folder"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a symbolic link"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is not compressed by Deflate; unpack the archive, then name the folder"
    if info.header_offset < 0 or info.compress_size > n_bytes:
        return f"it claims {info.compress_size:,} bytes of an archive of {n_bytes:,}"
    return ""


def _content(shard: Path, info: zipfile.ZipInfo) -> io.BytesIO:
    """Return a file of an archive; not through `zipfile`, which reads the whole list for each.

    What is unpacked never takes more than the declared size, which the caller has looked at.
    """
    n_bytes = info.compress_size + len(info.filename.encode()) + 256  # with the header, in one go
    with shard.open("rb", buffering=min(_MOST_BYTES, n_bytes)) as file:
        file.seek(info.header_offset)
        header = file.read(_LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER or not header.startswith(_MAGIC):
            return UnreadableMember("the archive is damaged there")
        file.seek(sum(struct.unpack("<HH", header[-4:])), io.SEEK_CUR)  # its name and more
        content = file.read(info.compress_size)
    try:
        if info.compress_type == zipfile.ZIP_DEFLATED:
            content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, info.file_size + 1)
    except zlib.error as error:
        return UnreadableMember(reason_of(error))
    if len(content) > info.file_size:
        return UnreadableMember(f"it unpacks to more than the {info.file_size:,} bytes it declares")
    if len(content) < info.file_size or zlib.crc32(content) != info.CRC:
        return UnreadableMember("the archive is damaged there: the checksum differs")
    return io.BytesIO(content)
