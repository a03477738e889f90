"""What lies elsewhere, as in `s3://bucket/folder`: read, written and copied through fsspec."""

from zscape.remote.cache import cache_root, fetched, in_threads, n_threads
from zscape.remote.path import RemotePath, as_path, is_remote
from zscape.remote.transfer import DeniedError, MissingError, RemoteError

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
