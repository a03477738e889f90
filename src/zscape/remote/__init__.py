"""What lies elsewhere, as in `s3://bucket/folder`: read, written and copied through fsspec."""

from zscape.remote.attempts import DeniedError, MissingError, RemoteError
from zscape.remote.cache import cache_root, fetched, in_threads, n_threads
from zscape.remote.path import RemotePath, as_path, is_remote

__all__ = [
    "DeniedError",
    "MissingError",
    "RemoteError",
    "RemotePath",
    "as_path",
    "cache_root",
    "fetched",
    "in_threads",
    "is_remote",
    "n_threads",
]
