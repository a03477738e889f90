"""Pictures as images: decoded once, side by side, into a cache on disk.

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
from pathlib import Path

import numpy as np

from zscape.config import Fit, PictureConfig
from zscape.data.listing import Skipped
from zscape.data.pictures import (
    UnreadablePictureError,
    decode_picture,
    is_gray,
    quiet_pillow,
)
from zscape.data.sources import Source, open_source
from zscape.data.stored import StoredImages
from zscape.errors import DataError
from zscape.files import TEMPORARY_PREFIX, write_json

CACHE_VERSION = 1  # counted up when the same pictures are decoded to other values
_N_GRAY_SAMPLES = 64

Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder or of a file of many.

    Attributes:
        images: (N, H, W, C) of uint8, on disk.
        names: the path of each within the folder, with `/`, or its place in a file of many.
        labels: the number of the class of each, (N,), or None.
        class_names: the names of the classes, where they have any.
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
) -> Pictures:
    """Read all pictures in a folder and in those below it, or in a tar or Parquet file.

    The first time they are decoded, in as many threads as there are cores, into the cache. As
    long as no path, size or time of change differs they come from there.

    Args:
        folder: the folder, or the file of many pictures (`zscape.data.sources`).
        pictures: size, colour and fit.
        image_shape: (H, W, C), when a model asks for it, in place of size and colour.
        progress: called now and then while decoding, with how many are done and how many are to
            be done.

    Raises:
        DataError: there is no picture that can be read.
        OSError: the folder cannot be read, or the cache not written.
    """
    source = open_source(folder.resolve(), follow_links=pictures.follow_links)
    if image_shape is None:
        image_shape = (pictures.size, pictures.size, _n_channels(source, pictures))
    place = cache_root() / "pictures" / source_key(source, pictures, image_shape)
    if not (place / "index.json").is_file():
        _fill(place, folder, source, image_shape, pictures, progress)
    index = json.loads((place / "index.json").read_text(encoding="utf-8"))
    broken = {int(row): reason for row, reason in index["broken"].items()}
    skipped = [Skipped(source.names[row], reason) for row, reason in broken.items()]
    rows = np.array([row for row in range(len(source.names)) if row not in broken], np.int64)
    if not len(rows):
        raise DataError(
            f"none of the {len(source.names):,} pictures in {folder} can be read; the first, "
            f"{source.names[0]}: {broken[0]}."
        )
    array = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
    labels, class_names = _labels(source, rows)
    return Pictures(
        StoredImages(array, rows),
        tuple(source.names[row] for row in rows),
        labels,
        class_names,
        tuple(sorted([*source.skipped, *skipped], key=lambda item: item.path)),
    )


def _labels(source: Source, rows: np.ndarray) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Return whole numbers for the labels of some pictures, and the names of these."""
    if source.labels is None:
        return None, None
    values = np.array(source.labels)[rows]
    if values.dtype.kind != "U":
        return values.astype(np.int64), source.class_names
    names, numbers = np.unique(values, return_inverse=True)
    return numbers.astype(np.int64), tuple(str(name) for name in names)


def _n_channels(source: Source, pictures: PictureConfig) -> int:
    """Return 1 or 3: as asked for, or by a look at some pictures from all over the folder."""
    if pictures.color != "auto":
        return 1 if pictures.color == "gray" else 3
    step = -(-len(source.names) // _N_GRAY_SAMPLES)
    rows = range(0, len(source.names), step)
    with quiet_pillow():
        return 1 if all(is_gray(source.open(row)) for row in rows) else 3


def source_key(source: Source, pictures: PictureConfig, image_shape: Sequence[int]) -> str:
    """Return a name for the decoded pictures; any change of a file or an option gives another."""
    digest = hashlib.sha256(repr((CACHE_VERSION, pictures.fit, *image_shape)).encode())
    for path in source.files:
        facts = path.stat()
        digest.update(f"\0{path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode(errors="replace"))
    return digest.hexdigest()[:32]


def _fill(
    place: Path,
    folder: Path,
    source: Source,
    image_shape: tuple[int, int, int],
    pictures: PictureConfig,
    progress: Progress | None,
) -> None:
    """Decode pictures into a new folder, and put it in its place when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=place.parent))
    try:
        broken = _decode(building / "images.npy", source, image_shape, pictures, progress)
        write_json(building / "index.json", {"folder": str(folder), "broken": broken})
        try:
            building.rename(place)
        except OSError:
            if not (place / "index.json").is_file():  # else another process was faster
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _decode(
    path: Path,
    source: Source,
    image_shape: tuple[int, int, int],
    pictures: PictureConfig,
    progress: Progress | None,
) -> dict[int, str]:
    """Write the decoded pictures to an array on disk; return why some could not be, by row."""
    rows = range(len(source.names))
    shape = (len(rows), *image_shape)
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    broken = _decode_into(images, source, rows, pictures.fit, progress)
    images.flush()
    return broken


def decode_rows(
    source: Source, rows: range, image_shape: tuple[int, int, int], fit: Fit
) -> tuple[np.ndarray, dict[int, str]]:
    """Decode some pictures into memory, in as many threads as there are cores.

    Returns:
        Images (N, H, W, C) of uint8, black where one cannot be read, and why, by row.
    """
    images = np.zeros((len(rows), *image_shape), np.uint8)
    return images, _decode_into(images, source, rows, fit, None)


def _decode_into(
    images: np.ndarray, source: Source, rows: range, fit: Fit, progress: Progress | None
) -> dict[int, str]:
    image_shape = images.shape[1:]
    broken: dict[int, str] = {}

    def decode(row: int) -> None:
        try:
            images[row - rows.start] = decode_picture(source.open(row), image_shape, fit)
        except UnreadablePictureError as error:
            broken[row] = error.reason

    pool = ThreadPoolExecutor(len(os.sched_getaffinity(0)))
    try:
        with quiet_pillow():
            for done, _ in enumerate(pool.map(decode, rows)):
                if progress is not None:
                    progress(done, len(rows))
    finally:
        pool.shutdown(cancel_futures=True)
    return dict(sorted(broken.items()))
