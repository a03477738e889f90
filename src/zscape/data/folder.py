"""A folder of pictures as images: decoded once, side by side, into a cache on disk.

The cache is an array of uint8 in a file, of which only the parts that are used take memory, so
that the number of pictures is limited by the disk alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from zscape.config import PictureConfig
from zscape.data.listing import Skipped, list_pictures
from zscape.data.pictures import (
    KINDS,
    UnreadablePictureError,
    decode_picture,
    is_gray,
    quiet_pillow,
)
from zscape.data.stored import StoredImages
from zscape.errors import DataError
from zscape.files import TEMPORARY_PREFIX, write_json

CACHE_VERSION = 1  # counted up when the same pictures are decoded to other values
MAX_CLASSES = 1000
_N_GRAY_SAMPLES = 64
_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Folder:
    """The pictures of a folder.

    Attributes:
        images: (N, H, W, C) of uint8, on disk.
        names: the path of each within the folder, with `/`.
        labels: the number of the class of each, (N,), or None.
        class_names: the names of the classes.
        skipped: files that were left out, with the reasons.
    """

    images: StoredImages
    names: tuple[str, ...]
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    skipped: tuple[Skipped, ...]


def cache_root() -> Path:
    """Return where decoded pictures are kept: `$ZSCAPE_CACHE`, or the user's cache folder."""
    if own := os.environ.get("ZSCAPE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zscape"


def read_folder(
    folder: Path,
    pictures: PictureConfig,
    *,
    image_shape: tuple[int, int, int] | None = None,
    progress: Progress | None = None,
) -> Folder:
    """Read all pictures in a folder and in those below it.

    The first time they are decoded, in as many threads as there are cores, into the cache. As
    long as no path, size or time of change differs they come from there.

    Args:
        folder: the folder.
        pictures: size, colour and fit.
        image_shape: (H, W, C), when a model asks for it, in place of size and colour.
        progress: called now and then while decoding, with how many are done and how many are to
            be done.

    Raises:
        DataError: there is no picture that can be read.
        OSError: the folder cannot be read, or the cache not written.
    """
    root = folder.resolve()
    names, skipped = list_pictures(root, follow_links=pictures.follow_links)
    if not names:
        others = f"; it has {len(skipped):,} other files" if skipped else ""
        raise DataError(f"{folder} has no pictures{others}; expected {KINDS} files in it.")
    if image_shape is None:
        n_channels = _n_channels(root, names, pictures)
        image_shape = (pictures.size, pictures.size, n_channels)
    place = cache_root() / "pictures" / _key(root, names, pictures, image_shape)
    if not (place / "index.json").is_file():
        _fill(place, root, names, image_shape, pictures, progress)
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    broken = {int(row): reason for row, reason in index["broken"].items()}
    skipped += [Skipped(names[row], reason) for row, reason in broken.items()]
    rows = np.array([row for row in range(len(names)) if row not in broken], np.int64)
    if not len(rows):
        raise DataError(
            f"none of the {len(names):,} pictures in {folder} can be read; the first, "
            f"{names[0]}: {broken[0]}."
        )
    array = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
    good = tuple(names[row] for row in rows)
    labels, class_names = _classes(good)
    return Folder(
        StoredImages(array, rows),
        good,
        labels,
        class_names,
        tuple(sorted(skipped, key=lambda item: item.path)),
    )


def _n_channels(root: Path, names: Sequence[str], pictures: PictureConfig) -> int:
    """Return 1 or 3: as asked for, or by a look at some pictures from all over the folder."""
    if pictures.color != "auto":
        return 1 if pictures.color == "gray" else 3
    step = -(-len(names) // _N_GRAY_SAMPLES)
    with quiet_pillow():
        return 1 if all(is_gray(root / name) for name in names[::step]) else 3


def _key(
    root: Path, names: Sequence[str], pictures: PictureConfig, image_shape: Sequence[int]
) -> str:
    """Return a name for the decoded pictures; any change of a file or an option gives another."""
    digest = hashlib.sha256(repr((CACHE_VERSION, str(root), *image_shape)).encode())
    digest.update(f"{pictures.fit}".encode())
    for name in names:
        facts = (root / name).stat()
        digest.update(f"\0{name}\0{facts.st_size}\0{facts.st_mtime_ns}".encode(errors="replace"))
    return digest.hexdigest()[:32]


def _fill(
    place: Path,
    root: Path,
    names: Sequence[str],
    image_shape: tuple[int, int, int],
    pictures: PictureConfig,
    progress: Progress | None,
) -> None:
    """Decode pictures into a new folder, and put it in its place when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=place.parent))
    try:
        broken = _decode(building / "images.npy", root, names, image_shape, pictures, progress)
        write_json(building / "index.json", {"folder": str(root), "broken": broken})
        try:
            building.rename(place)
        except OSError:
            if not (place / "index.json").is_file():  # else another process was faster
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _decode(
    path: Path,
    root: Path,
    names: Sequence[str],
    image_shape: tuple[int, int, int],
    pictures: PictureConfig,
    progress: Progress | None,
) -> dict[int, str]:
    """Write the decoded pictures to an array on disk; return why some could not be, by row."""
    shape = (len(names), *image_shape)
    images: Any = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    broken: dict[int, str] = {}

    def decode(row: int) -> None:
        try:
            images[row] = decode_picture(root / names[row], image_shape, pictures.fit)
        except UnreadablePictureError as error:
            broken[row] = error.reason

    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        with quiet_pillow():
            for done, _ in enumerate(pool.map(decode, range(len(names)))):
                if progress is not None:
                    progress(done, len(names))
    finally:
        pool.shutdown(cancel_futures=True)
    images.flush()
    return dict(sorted(broken.items()))


def _classes(names: Sequence[str]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Return labels and class names, if the folders directly below look like classes.

    They do when every picture is in one of them, there are 2 to `MAX_CLASSES`, at least two
    pictures for each on average, and they are not called train, test and the like.
    """
    parts = [PurePosixPath(name).parts for name in names]
    classes = sorted({part[0] for part in parts if len(part) > 1})
    if (
        any(len(part) == 1 for part in parts)
        or not 2 <= len(classes) <= MAX_CLASSES
        or len(names) < 2 * len(classes)
        or {name.lower() for name in classes} <= _SPLITS
    ):
        return None, None
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers[part[0]] for part in parts], np.int64), tuple(classes)
