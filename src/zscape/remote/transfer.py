"""Reading, listing and writing what lies elsewhere; the length of what comes is checked."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from zscape.remote.attempts import N_CONNECTIONS, RemoteError, attempt, protocol_of

_STAMPS = (
    "ETag", "etag", "blob_id", "md5Hash", "LastModified", "last_modified", "Last-Modified", "mtime",
    "created",
)  # fmt: skip


class RangesIgnoredError(RemoteError):
    """The server sends whole files only."""


class _WrongLengthError(OSError):
    """Other than the announced number of bytes came."""


class Facts(NamedTuple):
    """What a server tells of a file or a folder."""

    is_folder: bool
    size: int | None  # bytes; None where the server does not tell
    stamp: int  # another one when the file is replaced


def facts_of(url: str) -> Facts:
    """Return what is known of a file or a folder; `MissingError` where there is none."""
    return attempt(url, lambda system, path: _facts(system.info(path)))


def files_below(url: str) -> dict[str, Facts]:
    """Return all files below a folder, by location."""
    if protocol_of(url) in ("http", "https"):
        return _linked_files(url)
    found = attempt(url, lambda system, path: system.find(path, detail=True))
    root = attempt(url, lambda system, path: path).rstrip("/")
    facts = {f"{url}/{name[len(root) + 1 :]}": _facts(info) for name, info in found.items()}
    return {name: fact for name, fact in facts.items() if not fact.is_folder and name[-1] != "/"}


def entries_of(url: str) -> list[str]:
    """Return the names of the files and folders directly in a folder."""
    found = attempt(url, lambda system, path: system.ls(path, detail=False))
    names = {str(name).rstrip("/").rpartition("/")[2] for name in found}
    return sorted(names - {"", url.rpartition("/")[2]})


def read(url: str, start: int, stop: int) -> bytes:
    """Return the bytes from `start` to `stop` of a file, all of them or an error."""
    if stop <= start:
        return b""

    def action(system: Any, path: str) -> bytes:
        content: bytes = system.cat_file(path, start=start, end=stop)
        if len(content) > stop - start and protocol_of(url) in ("http", "https"):
            raise RangesIgnoredError(f"{url} can only be read as a whole.")
        _check_length(len(content), stop - start)
        return content

    return attempt(url, action)


def download(url: str, target: Path, n_bytes: int | None) -> None:
    """Copy a file of `n_bytes` to this machine."""

    def action(system: Any, path: str) -> None:
        system.get_file(path, str(target))
        _check_length(target.stat().st_size, n_bytes)

    attempt(url, action)


def upload(source: Path, url: str) -> None:
    """Copy a file of this machine to `url`, in place of what is there."""

    def action(system: Any, path: str) -> None:
        system.put_file(str(source), path)
        _check_length(system.info(path)["size"], source.stat().st_size)

    attempt(url, action)


def remove(url: str, *, whole_folder: bool = False) -> None:
    """Remove a file, or a folder with all that is in it; `MissingError` where there is none."""
    if whole_folder:
        attempt(url, lambda system, path: system.rm(path, recursive=True))
    else:
        attempt(url, lambda system, path: system.rm_file(path))


def _check_length(n_there: int, n_bytes: int | None) -> None:
    if n_bytes not in (None, n_there):
        raise _WrongLengthError(f"{n_there:,} bytes came instead of {n_bytes:,}")


def _facts(info: dict[str, Any]) -> Facts:
    stamps = [str(info[name]) for name in _STAMPS if info.get(name) is not None]
    digest = hashlib.sha256("".join(stamps[:1]).encode()).digest()
    is_page = info.get("mimetype") == "text/html"  # the list of a folder, over HTTP
    size = info.get("size")
    return Facts(
        is_folder=info.get("type") == "directory" or is_page,
        size=None if size is None else int(size),
        stamp=int.from_bytes(digest[:7], "big"),
    )


def _linked_files(url: str) -> dict[str, Facts]:
    """Return the files below a folder that a server shows as pages with links."""
    from concurrent.futures import ThreadPoolExecutor

    pending, seen, found = [f"{url.rstrip('/')}/"], set[str](), set[str]()
    while pending:
        page = pending.pop()
        seen.add(page)
        links = map(_unquoted, attempt(page, lambda system, path: system.ls(path, detail=False)))
        # Others lead out of the folder, or sort its page.
        inner = {link for link in links if link.startswith(page) and "?" not in link}
        found |= {link for link in inner if not link.endswith("/")}
        pending += sorted(link for link in inner - seen if link.endswith("/"))
    names = sorted(found)
    with ThreadPoolExecutor(N_CONNECTIONS) as pool:
        facts = pool.map(facts_of, names)
        return {name: fact._replace(is_folder=False) for name, fact in zip(names, facts)}  # noqa: B905


def _unquoted(link: str) -> str:
    """Return a link with the names of files as they are, unless that would mean another one."""
    from urllib.parse import unquote

    name = unquote(link)
    return link if any(character in name for character in "%?#") else name
