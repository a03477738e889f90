"""Paths of what lies elsewhere, which are used as those of this machine are."""

from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PosixPath
from typing import IO, Any, NoReturn

from zscape.errors import ConfigError, DataError
from zscape.remote import transfer
from zscape.remote.attempts import MissingError, protocol_of
from zscape.remote.transfer import Facts

_BLOCK = 2**22  # bytes that are read at a time, where files are read in parts
_LOCATION = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,3}")
_READ_ONLY = ("http", "https", "github", "zip", "tar")


def is_remote(location: object) -> bool:
    """Tell whether a location has a protocol in front, as in `s3://bucket/folder`.

    A path has lost one of the slashes by then.
    """
    if isinstance(location, RemotePath):
        return True
    found = _LOCATION.match(str(location)) if isinstance(location, str | Path) else None
    if found is None or found[1].lower() in ("file", "local"):
        return False
    return isinstance(location, Path) or "://" in found[0]


def as_path(location: str | Path) -> Path:
    """Return a path on this machine, or elsewhere where a location has a protocol in front."""
    if isinstance(location, RemotePath):
        return location
    text = str(location)
    if not is_remote(location):
        is_url = isinstance(location, str) and text.startswith(("file://", "local://"))
        return Path("/" + text.partition("://")[2].lstrip("/") if is_url else location)
    if "::" in text:
        raise ConfigError(f"{text} names a file within a file; name a file or a folder.")
    return RemotePath(text)


class RemotePath(PosixPath):
    """A path that lies elsewhere: the methods that read ask the server.

    Files are written through `zscape.files`, which writes them here and then uploads them whole.
    What would take the path for one of this machine is an error (`__fspath__`).
    """

    _known: dict[str, Facts] | None = (
        None  # all files below `_known_below`, and the folders of these
    )
    _known_below: str = ""

    def __str__(self) -> str:
        first, *rest = self.parts or ("",)
        return f"{first}//{'/'.join(rest)}" if first.endswith(":") else super().__str__()

    def __fspath__(self) -> NoReturn:
        raise DataError(f"{self} lies elsewhere and cannot be used here; download it first.")

    def __truediv__(self, key: Any) -> RemotePath:
        return self._with_known(super().__truediv__(key))

    def joinpath(self, *others: Any) -> RemotePath:
        """Return the path of something in this folder."""
        return self._with_known(super().joinpath(*others))

    def _with_known(self, path: Any) -> RemotePath:
        path._known, path._known_below = self._known, self._known_below
        return path  # type: ignore[no-any-return]

    @property
    def can_be_written(self) -> bool:
        """Whether the protocol lets anybody write."""
        return protocol_of(str(self)) not in _READ_ONLY

    def looked_up(self) -> RemotePath:
        """Return the same path, with a list of all that is there: the server is not asked again.

        Raises:
            RemoteError: there is nothing, or it cannot be reached.
        """
        found = RemotePath(str(self))
        url = str(found)
        own = transfer.facts_of(url)
        known = {url: own}
        if own.is_folder:
            files = transfer.files_below(url)
            known |= files
            for name in files:
                while (name := name.rpartition("/")[0]) not in known and len(name) > len(url):
                    known[name] = Facts(True, 0, 0)
        found._known, found._known_below = known, url
        return found

    def _facts(self) -> Facts | None:
        url = str(self)
        if self._known is not None and (
            url == self._known_below or url.startswith(f"{self._known_below}/")
        ):
            return self._known.get(url)
        try:
            return transfer.facts_of(url)
        except MissingError:
            return None

    def _file(self) -> Facts:
        """Return the facts of a file; as of this machine, an `OSError` if it is none."""
        facts = self._facts()
        if facts is None:
            raise FileNotFoundError(errno.ENOENT, "No such file", str(self))
        if facts.is_folder:
            raise IsADirectoryError(errno.EISDIR, "Is a folder", str(self))
        return facts

    # --- asking ---

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether there is a file or a folder."""
        return self._facts() is not None

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a folder."""
        facts = self._facts()
        return facts is not None and facts.is_folder

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a file."""
        facts = self._facts()
        return facts is not None and not facts.is_folder

    def is_symlink(self) -> bool:
        """Return False: there are no links."""
        return False

    def samefile(self, other_path: Any) -> bool:
        """Tell whether a path is the same."""
        return str(self) == str(other_path)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return the size; `st_mtime_ns` is no time, but another number for another content."""
        facts = self._file()
        if facts.size is None:
            raise DataError(f"{self}: the server does not tell its size; download it first.")
        zeros = (0, 0, 0, 0, 0, 0, facts.size, 0, 0, 0)
        return os.stat_result(zeros, {"st_mtime_ns": facts.stamp})

    def files_below(self) -> list[str]:
        """Return the paths of all files below this folder, within it."""
        files = self._known if self._known is not None else transfer.files_below(str(self))
        start = f"{self}/"
        found = (name for name, facts in files.items() if not facts.is_folder)
        return sorted(name.removeprefix(start) for name in found if name.startswith(start))

    def iterdir(self) -> Iterator[RemotePath]:  # type: ignore[override]
        """Yield what is directly in the folder."""
        if self._known is None:
            yield from map(self.__truediv__, transfer.entries_of(str(self)))
            return
        start = f"{self}/"
        inner = (name.removeprefix(start) for name in self._known if name.startswith(start))
        yield from (self / name for name in sorted(inner) if "/" not in name)

    def glob(self, pattern: str, **_: Any) -> Iterator[RemotePath]:  # type: ignore[override]
        """Yield the files whose paths have as many parts as the pattern, which fit."""
        wanted = pattern.split("/")
        for name in self.files_below():
            parts = name.split("/")
            if len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted)):
                yield self / name

    def rglob(self, pattern: str, **_: Any) -> Iterator[RemotePath]:  # type: ignore[override]
        """Yield the files below the folder whose names fit."""
        for name in self.files_below():
            if fnmatchcase(name.rpartition("/")[2], pattern):
                yield self / name

    # --- the same as for paths of this machine ---

    def expanduser(self) -> RemotePath:
        """Return the path."""
        return self

    def absolute(self) -> RemotePath:
        """Return the path."""
        return self

    def resolve(self, strict: bool = False) -> RemotePath:
        """Return the path."""
        return self

    # --- reading ---

    def contents(self) -> bytes:
        """Return all bytes; a `RemoteError` if they cannot be had, also where there is no file."""
        try:
            facts = self._file()
        except OSError as error:
            raise MissingError(f"{self} is not there any more; put it back.") from error
        if facts.size is None:
            return self._local().read_bytes()
        return transfer.read(str(self), 0, facts.size)

    def read_bytes(self) -> bytes:
        """Return all bytes; an `OSError` if there is no file."""
        self._file()
        return self.contents()

    def read_text(self, encoding: str | None = None, *_: Any, **__: Any) -> str:
        """Return the text of a file."""
        return self.read_bytes().decode(encoding or "utf-8")

    def open(self, mode: str = "r", buffering: int = -1, *_: Any, **__: Any) -> IO[Any]:  # type: ignore[override]
        """Open the file to read its bytes; only what is asked for is read, a block at a time."""
        if mode != "rb":
            raise DataError(f"{self} cannot be opened here for {mode!r}; download it first.")
        facts = self._file()
        if facts.size is None:
            return self._local().open("rb")
        return io.BufferedReader(_Ranges(self, facts.size), _BLOCK if buffering < 2 else buffering)

    def read_range(self, start: int, n_bytes: int) -> bytes:
        """Return a part of the file."""
        url = str(self)
        if url not in _whole_only:
            try:
                return transfer.read(url, start, start + n_bytes)
            except transfer.RangesIgnoredError:
                _whole_only.add(url)
        with self._local().open("rb") as file:
            file.seek(start)
            return file.read(n_bytes)

    def _local(self) -> Path:
        from zscape.remote.cache import fetched

        return fetched(self)

    # --- writing, as far as it is not uploading ---

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing but look: folders are there as soon as something is in them."""
        if not exist_ok and self.exists():
            raise FileExistsError(errno.EEXIST, "Exists", str(self))

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        if not missing_ok or self.exists():
            self._file()
            transfer.remove(str(self))


_whole_only: set[str] = set()  # files of servers that send whole ones only


class _Ranges(io.RawIOBase):
    """A file that is read in parts, each by one request."""

    def __init__(self, path: RemotePath, size: int) -> None:
        self._path, self._size, self._position = path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError(errno.EINVAL, "Invalid position", str(self._path))
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        n_bytes = max(0, min(len(buffer), self._size - self._position))
        content = self._path.read_range(self._position, n_bytes) if n_bytes else b""
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def readall(self) -> bytes:
        n_bytes = max(0, self._size - self._position)
        content = self._path.read_range(self._position, n_bytes) if n_bytes else b""
        self._position += len(content)
        return content
