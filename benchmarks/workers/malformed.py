"""Gives malformed files to a reader, one after the other, and prints what became of each.

`python -m benchmarks.workers.malformed READER FIRST END`: a line of JSON before each input and one
after it, so that whoever started this process knows which input it hung or died on.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import io
import json
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import traceback
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.malformed.edits import damaged
from benchmarks.malformed.readers import READERS

SEED = 0
MOST_BOMBS = 40
ROOM = 4 * 2**30  # bytes of address space beyond those at the start: a failed allocation is seen
_FAILED = ("MemoryError", "Unable to allocate", "bad_alloc", "malloc of size", "cannot allocate")


def malformed(name: str, number: int) -> tuple[str, bytes]:
    """Return the name and the content of an input of a reader, the same in every run."""
    if number < MOST_BOMBS and number < len(bombs := _bombs(name)):
        return list(bombs.items())[number]
    files = _files(name)
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode()), number])
    chosen = list(files)[rng.integers(0, len(files))]
    return chosen, damaged(files[chosen], rng, list(files.values()))


@functools.cache
def _files(name: str) -> dict[str, bytes]:
    return READERS[name].files()


@functools.cache
def _bombs(name: str) -> dict[str, bytes]:
    """Make the bombs in another process, for that takes memory of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(READERS[name].bombs).result()


def outcome(name: str, file: str, content: bytes, folder: Path) -> dict[str, str]:
    """Read an input in an empty folder; return whether it was read, refused, or what was found."""
    from zscape.cli.terminal import _path_error  # what becomes a line there
    from zscape.errors import ZscapeError

    path = folder / "in" / file.replace(" ", "/")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    told: list[str] = []
    try:
        told = READERS[name].read(path)
        result = {"result": "read"}
    except ZscapeError as error:
        told = _texts(error)
        result = {"result": "refused", "message": str(error)}
    except BaseException as error:
        if isinstance(error, OSError) and _path_error(error) is not None:
            result = {"result": "refused", "message": str(error)}
        else:
            result = {
                "result": "finding",
                "kind": "traceback",
                "text": traceback.format_exc()[-3000:],
            }
    if any(word.lower() in text.lower() for text in told for word in _FAILED):
        result = {"result": "finding", "kind": "failed allocation", "text": "; ".join(told)[-600:]}
    return result


def _texts(error: BaseException) -> list[str]:
    """Return what an error and those that led to it say."""
    found: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        found.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return found


def peak_bytes() -> int:
    """Return the most memory since the last call, and begin anew."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what zscape keeps for the next step is not the next input's
    Path("/proc/self/clear_refs").write_text("5")
    return peak


def main() -> None:
    """Read the inputs of the command line."""
    name, first, end = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    answers = io.TextIOWrapper(os.fdopen(os.dup(1), "wb"), write_through=True)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print
    root = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=root) as place:
        os.environ["ZSCAPE_CACHE"] = f"{place}/cache"
        if first < MOST_BOMBS:
            _bombs(name)  # before the memory is limited
        files = _files(name)
        warm = Path(place) / "warm"  # with everything loaded, the address space is known
        for file, content in files.items():
            outcome(name, file, content, warm)
            shutil.rmtree(warm)
        shutil.rmtree(f"{place}/cache", ignore_errors=True)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
        peak_bytes()
        for number in range(first, end):
            file, content = malformed(name, number)
            print(json.dumps({"begun": number}), file=answers, flush=True)
            folder = Path(place) / "one"
            found = outcome(name, file, content, folder)
            shutil.rmtree(folder)
            shutil.rmtree(f"{place}/cache", ignore_errors=True)
            line = {"number": number, "file": file, "peak": peak_bytes(), **found}
            print(json.dumps(line), file=answers, flush=True)


if __name__ == "__main__":
    main()
