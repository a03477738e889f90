"""Folders and files of pictures: listed, and made into images that are decoded when needed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zscape.data.listing import Skipped
from zscape.data.picture_cache import Decoding
from zscape.data.pictures import is_gray, quiet_pillow
from zscape.data.sources import Source, open_source
from zscape.settings import PictureConfig

_N_GRAY_SAMPLES = 64


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder or of a file of many, as listed: some may turn out unreadable.

    Attributes:
        decoding: (N, H, W, C) of uint8, on disk, once it is started.
        names: the path of each within the folder, with `/`, or its place in a file of many.
        labels: the number of the class of each, (N,), or None.
        class_names: the names of the classes, where they have any.
        skipped: files that were left out of the list, with the reasons.
        fingerprint: SHA-256 of the names and sizes of the files.
    """

    decoding: Decoding
    names: tuple[str, ...]
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    skipped: tuple[Skipped, ...]
    fingerprint: str


def cache_root() -> Path:
    """Return where decoded pictures are kept: `$ZSCAPE_CACHE`, or the user's cache folder."""
    if own := os.environ.get("ZSCAPE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zscape"


def list_folder(
    folder: Path, pictures: PictureConfig, *, image_shape: tuple[int, int, int] | None = None
) -> Pictures:
    """List all pictures in a folder and in those below it, or in a tar or Parquet file.

    Args:
        folder: the folder, or the file of many pictures (`zscape.data.sources`).
        pictures: size, colour and fit.
        image_shape: (H, W, C), when a model asks for it, in place of size and colour.

    Raises:
        DataError: there is no picture.
        OSError: the folder cannot be read.
    """
    source = open_source(folder.resolve(), follow_links=pictures.follow_links)
    if image_shape is None:
        image_shape = (pictures.size, pictures.size, _n_channels(source, pictures))
    labels, class_names = _labels(source)
    return Pictures(
        Decoding(source, image_shape, pictures.fit, cache_root() / "pictures"),
        tuple(source.names),
        labels,
        class_names,
        tuple(source.skipped),
        hashlib.sha256(repr((source.names, source.sizes)).encode(errors="replace")).hexdigest(),
    )


def _labels(source: Source) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Return whole numbers for the labels of the pictures, and the names of these."""
    if source.labels is None:
        return None, None
    values = np.array(source.labels)
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
