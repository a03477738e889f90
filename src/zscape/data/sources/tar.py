"""Pictures in tar files."""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from zscape.data.pictures import PictureList
from zscape.data.sources import PictureSource, ShardSource
from zscape.data.sources.archive import Member, as_list, check_pictures, sort_out
from zscape.data.sources.label_table import as_numbers
from zscape.errors import PARSE_ERRORS, DataError, reason_of
from zscape.remote import RemotePath, as_path, in_threads

_MAX_LABEL_BYTES = 1000
_UNTAR = "mkdir -p {folder} && tar -xf {name} -C {folder}"
_COMMANDS = {  # how archives of other kinds are unpacked into a folder
    (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst"): _UNTAR,
    (".7z",): "7z x {name} -o{folder}",
    (".rar",): "unrar x {name} {folder}/",
}
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # how these begin


class Tar(ShardSource):
    """Uncompressed tar files: with class folders, or in the convention of WebDataset.

    In that, files of one name with different endings belong together: `0001.jpg`, `0001.cls`.
    """

    ending = ".tar"
    kind = "tar"

    @classmethod
    def list_files(cls, files: Sequence[Path]) -> PictureList:
        """List the pictures of several tar files."""
        members = [*chain.from_iterable(in_threads(_members, files, files))]
        contents = sort_out(members, known=(".cls", ".json", ".txt"))  # beside a picture
        check_pictures(contents, files[0])
        names = [f"{member.shard.name}/{member.path}" for member in contents.pictures]
        notes = [
            member
            for member in members
            if member.path.endswith(".cls") and member.size <= _MAX_LABEL_BYTES
        ]
        classes = {
            (member.shard, member.path.removesuffix(".cls")): text
            for member, text in zip(notes, in_threads(_text, notes, files), strict=True)
        }
        labels = [
            classes.get((member.shard, member.path.rpartition(".")[0]), "")
            for member in contents.pictures
        ]
        return as_list(contents, files, names, as_numbers(labels) if any(labels) else None)


class Packed(PictureSource):
    """An archive in which single pictures cannot be found without unpacking it: refused."""

    rank = 0

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether a location is such a file."""
        path = as_path(location).expanduser()
        return path.name.lower().endswith(tuple(e for ends in _COMMANDS for e in ends)) and (
            path.is_file()
        )

    def list_pictures(self, *, follow_links: bool = False) -> PictureList:
        """Say how to unpack it."""
        endings = next(ends for ends in _COMMANDS if self.path.name.lower().endswith(ends))
        end = max((end for end in endings if self.path.name.lower().endswith(end)), key=len)
        raise _packed(self.path, self.path.name[: -len(end)], _COMMANDS[endings])


def _packed(path: Path, folder_name: str, command: str = _UNTAR) -> DataError:
    """Return the error that says how to unpack a compressed archive."""
    folder = path.absolute().with_name(folder_name or "pictures")
    command = command.format(name=shlex.quote(str(path)), folder=shlex.quote(str(folder)))
    return DataError(
        f"{path} is a compressed archive; only zip files and plain tar files are read as they are: "
        f"unpack it ({command}), then name {folder}, or the folder in it that has the pictures."
    )


class _Within:
    """A file that is asked for no more than it has, whatever the headers in it claim."""

    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file, self._n_bytes = file, n_bytes
        # Each header is read once or twice; in a circle of them, without end.
        self._left = 4 * n_bytes + 2**16

    def read(self, size: int) -> bytes:
        part = self._file.read(max(0, min(size, self._n_bytes - self._file.tell())))
        self._left -= max(1, len(part))
        if self._left < 0:
            raise tarfile.ReadError("its headers go round in circles")
        return part

    def seek(self, position: int) -> int:
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


def _members(shard: Path) -> list[Member]:
    """Return the files in a tar file."""
    n_bytes = shard.stat().st_size
    try:
        with shard.open("rb") as file:
            if file.read(6).startswith(_COMPRESSED):
                raise _packed(shard, shard.stem)
            file.seek(0)
            inner: Any = _Within(file, n_bytes)
            with tarfile.open(fileobj=inner, mode="r:") as archive:
                members = [_member(shard, info, n_bytes) for info in archive if not info.isdir()]
                inner.seek(archive.offset)
                # What follows a damaged header would be missed in silence.
                if any(inner.read(tarfile.BLOCKSIZE)):
                    raise tarfile.ReadError(f"the header at {archive.offset:,} is damaged")
                return members
    except (tarfile.TarError, *PARSE_ERRORS) as error:
        raise DataError(
            f"{shard} cannot be read as an uncompressed tar file ({reason_of(error)}); unpack "
            "it and name the folder, or copy it again."
        ) from error


def _member(shard: Path, info: tarfile.TarInfo, n_bytes: int) -> Member:
    # Of a sparse file the size is that with the holes.
    if not info.issparse() and not 0 <= info.size <= n_bytes - info.offset_data:
        raise tarfile.ReadError(
            f"{info.name[:80]} claims {info.size:,} bytes at {info.offset_data:,} of {n_bytes:,}"
        )
    hindrance = ""
    if info.issparse():
        hindrance = "a sparse file; unpack the archive and name the folder"
    elif not info.isfile():
        hindrance = "a link" if info.islnk() or info.issym() else "not an ordinary file"
    content = partial(_content, shard, info.offset_data, info.size)
    return Member(shard, info.name, info.size, hindrance, content)


def _content(shard: Path, offset: int, size: int) -> io.BytesIO:
    if isinstance(shard, RemotePath):
        return io.BytesIO(shard.read_range(offset, size))
    with shard.open("rb") as file:
        file.seek(offset)
        return io.BytesIO(file.read(size))


def _text(member: Member) -> str:
    return member.open().read().decode(errors="replace").strip()
