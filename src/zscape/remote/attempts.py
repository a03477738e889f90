"""Attempts to read and write what lies elsewhere, and what is said when all of them fail.

Only here fsspec is imported, when something lies elsewhere.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from zscape.errors import ConfigError, DataError, reason_of, require

T = TypeVar("T")

N_ATTEMPTS = 9  # which bridge 48 seconds
N_FIRST_ATTEMPTS = 4  # while a server has never answered: its address may be wrong
FIRST_WAIT, LONGEST_WAIT = 0.25, 16.0  # seconds between attempts, doubled each time
N_CONNECTIONS = 64
_SECONDS_TO_CONNECT, _SECONDS_TO_READ = 10, 60

_have_answered: set[str] = set()  # servers and buckets

_TRY_AGAIN = (408, 425, 429)  # what a server may answer differently later, below 500
# Packages whose exceptions tell of a transfer; the rest of theirs are children of OSError.
_LIBRARIES = {
    "aiobotocore", "aiohttp", "botocore", "fsspec", "gcsfs", "google", "httpx", "huggingface_hub",
    "requests", "s3fs", "urllib3",
}  # fmt: skip
_NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound")
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


def protocol_of(url: str) -> str:
    """Return what stands before `://`."""
    return url.partition("://")[0]


def attempt(url: str, action: Callable[[Any, str], T]) -> T:
    """Return what `action` returns of the file system and the path, after failures if need be."""
    require("fsspec", "tenacity", extra="remote")
    import tenacity

    server = "/".join([os.environ.get("AWS_ENDPOINT_URL", ""), *url.split("/")[:3]])
    n_attempts = 0

    def once() -> T:
        nonlocal n_attempts
        n_attempts += 1
        try:
            found = action(*_opened(url))
        except Exception as error:
            if _status(error) is not None:
                _have_answered.add(server)
            raise
        _have_answered.add(server)
        return found

    def is_enough(state: Any) -> bool:
        return n_attempts >= (N_ATTEMPTS if server in _have_answered else N_FIRST_ATTEMPTS)

    try:
        retrying = tenacity.Retrying(
            stop=is_enough,
            wait=tenacity.wait_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)
            + tenacity.wait_random(0, FIRST_WAIT),
            retry=tenacity.retry_if_exception(lambda error: _kind(error) == "passing"),
            reraise=True,
        )
        return retrying(once)
    except Exception as error:  # each protocol has its own; those of others are raised again
        if _kind(error) is None:
            raise
        raise _told(url, error, n_attempts) from error


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
            "max_pool_connections": N_CONNECTIONS,
            "retries": {"total_max_attempts": 1},  # they are counted here
        }
    elif protocol in ("http", "https"):
        import aiohttp

        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=_SECONDS_TO_CONNECT, sock_read=_SECONDS_TO_READ
        )
        options["client_kwargs"] = {"timeout": timeout, "trust_env": True}  # which names proxies
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


def _told(url: str, error: BaseException, n_attempts: int) -> RemoteError:
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
    return RemoteError(f"{url}: {n_attempts} attempts failed ({reason}); {check}, then try again.")
