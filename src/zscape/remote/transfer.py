"""Reading and writing what lies elsewhere, with retries, checks of lengths, and errors in a line.

Only this module calls fsspec, which is imported when something lies elsewhere.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from zscape.errors import ConfigError, DataError, reason_of, require

T = TypeVar("T")

N_ATTEMPTS = 6
FIRST_WAIT, LONGEST_WAIT = 0.25, 8.0  # seconds between attempts, doubled each time
_N_CONNECTIONS = 64
_SECONDS_TO_CONNECT, _SECONDS_TO_READ = 10, 60

_TRY_AGAIN = (408, 425, 429)  # what a server may answer differently later, below 500
# Packages whose exceptions tell of a transfer; the rest of theirs are children of OSError.
_LIBRARIES = {
    "aiobotocore", "aiohttp", "botocore", "fsspec", "gcsfs", "google", "httpx", "huggingface_hub",
    "requests", "s3fs", "urllib3",
}  # fmt: skip
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
_STAMPS = (
    "ETag", "etag", "blob_id", "md5Hash", "LastModified", "last_modified", "Last-Modified", "mtime",
    "created",
)  # fmt: skip
_IN_EXTRA = {"s3": "s3fs", "s3a": "s3fs", "http": "aiohttp", "https": "aiohttp"}
_OTHERS = {"gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub"}
_SET = {  # variables of the environment: credentials, and the address of the server
    "s3": ("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE,", "AWS_ENDPOINT_URL"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS", ""),
    "hf": ("HF_TOKEN", ""),
}
_BY_BOTO = re.compile(
    r"An error occurred \((?=\w)|\) when calling the \w+ operation( \(.*?\))?(?=:)"
)
_SAME = {"s3a": "s3", "gcs": "gs"}


class RemoteError(DataError):
    """What lies elsewhere cannot be reached, read or written, also after several attempts."""


class MissingError(RemoteError):
    """It does not exist."""


class DeniedError(RemoteError):
    """The server does not let this user read or write it."""


class RangesIgnoredError(RemoteError):
    """The server sends whole files only."""


class _WrongLengthError(OSError):
    """Other than the announced number of bytes came."""


class Facts(NamedTuple):
    """What a server tells of a file or a folder."""

    is_folder: bool
    size: int | None  # bytes; None where the server does not tell
    stamp: int  # another one when the file is replaced


def protocol_of(url: str) -> str:
    """Return what stands before `://`."""
    return url.partition("://")[0]


# --- what is done with a location ---


def facts_of(url: str) -> Facts:
    """Return what is known of a file or a folder; `MissingError` where there is none."""
    return _attempt(url, lambda system, path: _facts(system.info(path)))


def files_below(url: str) -> dict[str, Facts]:
    """Return all files below a folder, by location."""
    if protocol_of(url) in ("http", "https"):
        return _linked_files(url)
    found = _attempt(url, lambda system, path: system.find(path, detail=True))
    root = _attempt(url, lambda system, path: path).rstrip("/")
    facts = {f"{url}/{name[len(root) + 1 :]}": _facts(info) for name, info in found.items()}
    return {name: fact for name, fact in facts.items() if not fact.is_folder and name[-1] != "/"}


def entries_of(url: str) -> list[str]:
    """Return the names of the files and folders directly in a folder."""
    found = _attempt(url, lambda system, path: system.ls(path, detail=False))
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

    return _attempt(url, action)


def download(url: str, target: Path, n_bytes: int | None) -> None:
    """Copy a file of `n_bytes` to this machine."""

    def action(system: Any, path: str) -> None:
        system.get_file(path, str(target))
        _check_length(target.stat().st_size, n_bytes)

    _attempt(url, action)


def upload(source: Path, url: str) -> None:
    """Copy a file of this machine to `url`, in place of what is there."""

    def action(system: Any, path: str) -> None:
        system.put_file(str(source), path)
        _check_length(system.info(path)["size"], source.stat().st_size)

    _attempt(url, action)


def remove(url: str, *, whole_folder: bool = False) -> None:
    """Remove a file, or a folder with all that is in it; `MissingError` where there is none."""
    if whole_folder:
        _attempt(url, lambda system, path: system.rm(path, recursive=True))
    else:
        _attempt(url, lambda system, path: system.rm_file(path))


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
        links = map(_unquoted, _attempt(page, lambda system, path: system.ls(path, detail=False)))
        # Others lead out of the folder, or sort its page.
        inner = {link for link in links if link.startswith(page) and "?" not in link}
        found |= {link for link in inner if not link.endswith("/")}
        pending += sorted(link for link in inner - seen if link.endswith("/"))
    names = sorted(found)
    with ThreadPoolExecutor(_N_CONNECTIONS) as pool:
        facts = pool.map(facts_of, names)
        return {name: fact._replace(is_folder=False) for name, fact in zip(names, facts)}  # noqa: B905


def _unquoted(link: str) -> str:
    """Return a link with the names of files as they are, unless that would mean another one."""
    from urllib.parse import unquote

    name = unquote(link)
    return link if any(character in name for character in "%?#") else name


# --- attempts, and what is said when they fail ---


def _attempt(url: str, action: Callable[[Any, str], T]) -> T:
    """Return what `action` returns of the file system and the path, after failures if need be."""
    require("fsspec", "tenacity", extra="remote")
    import tenacity

    try:
        system, path = _opened(url)
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(N_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)
            + tenacity.wait_random(0, FIRST_WAIT),
            retry=tenacity.retry_if_exception(lambda error: _kind(error) == "passing"),
            reraise=True,
        )
        return retrying(action, system, path)
    except Exception as error:  # each protocol has its own; those of others are raised again
        if _kind(error) is None:
            raise
        raise _told(url, error) from error


def _opened(url: str) -> tuple[Any, str]:
    """Return the file system that a location is in, and its path there."""
    import fsspec

    protocol = protocol_of(url)
    if protocol in _IN_EXTRA:
        require(_IN_EXTRA[protocol], extra="remote")
    try:
        kind = fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        package = _OTHERS.get(protocol)
        remedy = f"; install it with: pip install {package}" if package else ""
        raise ConfigError(f"{url} cannot be read ({reason_of(error)}){remedy}.") from error
    except ValueError as error:
        raise ConfigError(
            f"{url} begins with {protocol}://, which is not known; expected s3://, gs://, hf://, "
            "https:// or another protocol of fsspec."
        ) from error
    # Credentials that are set after an error are to be heeded.
    known = tuple(sorted(item for item in os.environ.items() if item[0].startswith("AWS_")))
    asked = tuple(sorted(kind._get_kwargs_from_urls(url).items()))
    return _file_system(protocol, asked, known, os.getpid()), kind._strip_protocol(url)


@functools.lru_cache(8)
def _file_system(protocol: str, asked: tuple[Any, ...], known: tuple[Any, ...], pid: int) -> Any:
    """Return one file system for all threads; fsspec would make one, with its connections, each."""
    import fsspec

    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if protocol in ("s3", "s3a"):
        options["config_kwargs"] = {
            "connect_timeout": _SECONDS_TO_CONNECT,
            "read_timeout": _SECONDS_TO_READ,
            "max_pool_connections": _N_CONNECTIONS,
            "retries": {"total_max_attempts": 1},  # they are counted here
        }
    elif protocol in ("http", "https"):
        import aiohttp

        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_SECONDS_TO_CONNECT, sock_read=_SECONDS_TO_READ
        )
        options["client_kwargs"] = {"timeout": timeout}
    system = fsspec.filesystem(protocol, **{**dict(asked), **options})
    if protocol in ("s3", "s3a"):
        system.retries = 1
    return system


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _status(error: BaseException) -> int | None:
    """Return the status of HTTP that an error is due to, if there is one."""
    for each in _chain(error):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        else:
            found = getattr(each, "status", None) or getattr(response, "status_code", None)
        if isinstance(found, int):
            return found
    return None


def _kind(error: BaseException) -> str | None:
    """Return what an error means: missing, denied, credentials, final, passing; None for others."""
    if isinstance(error, DataError | ConfigError):
        return None
    if any(type(each).__name__ in _NO_CREDENTIALS for each in _chain(error)):
        return "credentials"
    status = _status(error)
    if status in (404, 410):
        return "missing"
    if status in (401, 403):
        return "denied"
    if status is not None and 400 <= status < 500 and status not in _TRY_AGAIN:
        return "final"
    # Over HTTP, any failure is first told as a missing file, with what it was as its cause.
    if status is None and isinstance(error, FileNotFoundError) and error.__cause__ is None:
        return "missing"
    if status is None and isinstance(error, PermissionError):
        return "denied"
    if isinstance(error, NotImplementedError | IsADirectoryError | NotADirectoryError):
        return "final"
    is_theirs = type(error).__module__.partition(".")[0] in _LIBRARIES
    return "passing" if isinstance(error, OSError) or is_theirs else None


def _told(url: str, error: BaseException) -> RemoteError:
    """Return an error of one line that names the object and says what to do."""
    kind, last = _kind(error), [*_chain(error)][-1]
    reason = _BY_BOTO.sub("", reason_of(last)).removeprefix("400, message: ")
    protocol = protocol_of(url)
    keys, address = _SET.get(_SAME.get(protocol, protocol), ("", ""))
    if kind == "missing":
        if "NoSuchBucket" in str(last):
            return MissingError(f"{url}: its bucket does not exist; check the spelling.")
        return MissingError(f"{url} does not exist; check the spelling.")
    if kind == "credentials":
        return DeniedError(f"{url}: no credentials are found ({reason}); set {keys.rstrip(',')}.")
    if kind == "denied":
        remedy = f"set {keys} of" if keys else "ask for"
        return DeniedError(f"{url}: access is denied ({reason}); {remedy} one who may.")
    if kind == "final":
        return RemoteError(f"{url}: the server refuses this ({reason}); check the location.")
    check = "check the network" + (f" and {address}" if address else "")
    return RemoteError(f"{url}: {N_ATTEMPTS} attempts failed ({reason}); {check}, then try again.")
