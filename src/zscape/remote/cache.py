"""Copies on this machine of files that lie elsewhere, and how many are read at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from zscape.hardware import n_cores
from zscape.remote import transfer
from zscape.remote.path import RemotePath

N_READERS = 32  # threads that wait for a server

T = TypeVar("T")
S = TypeVar("S")


def cache_root() -> Path:
    """Return where decoded pictures and copies are kept: `$ZSCAPE_CACHE`, or the user's cache."""
    if own := os.environ.get("ZSCAPE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zscape"


def fetched(path: Path) -> Path:
    """Return a path of this machine with the content of a file, which is copied here once.

    The copy has the same name, and lies in a folder that is another one for another content.
    """
    if not isinstance(path, RemotePath):
        return path
    from filelock import FileLock

    facts = path._file()
    key = hashlib.sha256(f"{path}\0{facts.size}\0{facts.stamp}".encode()).hexdigest()[:32]
    folder = cache_root() / "files" / key
    copy = folder / path.name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        if not copy.exists():
            partial = folder / f".part-{path.name}"
            transfer.download(str(path), partial, facts.size)
            partial.replace(copy)
    return copy


def n_threads(files: Iterable[Path]) -> int:
    """Return in how many threads to read files: as many as cores, or more that wait for servers."""
    n_local = n_cores()
    return max(N_READERS, n_local) if any(isinstance(f, RemotePath) for f in files) else n_local


def in_threads(function: Callable[[S], T], items: Sequence[S], files: Iterable[Path]) -> list[T]:
    """Return what a function makes of each item, in order, where it reads some of the files."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(n_threads(files)) as pool:
        return list(pool.map(function, items))  # an error cancels what has not begun
