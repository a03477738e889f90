"""Images from anywhere, encoded a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from zscape.data.images import NO_LABEL, Images, as_float, chunk_length
from zscape.data.load import fingerprint
from zscape.data.picture_cache import decode_rows
from zscape.data.pictures import PictureList, Skipped
from zscape.data.sources import PictureSource, resolve
from zscape.files import shown_name
from zscape.runs import Run

CHUNK = 1024  # images that are encoded at a time; fewer of large ones


@dataclass(frozen=True)
class Coded:
    """Some images and their codes.

    Attributes:
        codes: (n, d), or (n, h, w, d) where codes are spatial.
        labels: whole numbers (n,), `NO_LABEL` where the class is not known; None without any.
        classes: the names of the labels, "" where the class is not known; None without names.
        names: the path of each picture; None for arrays.
        errors: why a picture cannot be read, and its code means nothing; None if all can be.
    """

    codes: np.ndarray
    labels: np.ndarray | None
    classes: list[str] | None
    names: list[str] | None = None
    errors: list[str | None] | None = None


@dataclass(frozen=True)
class ToEncode:
    """Images that are still to be encoded.

    Attributes:
        n: how many.
        part_length: how many are encoded at a time.
        key: another for other images.
        skipped: files that were left out.
        encode: encodes those of a range of numbers.
    """

    n: int
    part_length: int
    key: str
    skipped: Sequence[Skipped]
    encode: Callable[[range], Coded]

    @property
    def n_parts(self) -> int:
        """How many parts there are."""
        return -(-self.n // self.part_length)

    def part(self, number: int) -> Coded:
        """Encode the images of a part."""
        start = number * self.part_length
        return self.encode(range(start, min(start + self.part_length, self.n)))

    def parts(self) -> Iterator[Coded]:
        """Encode a part after the other."""
        return map(self.part, range(self.n_parts))


def to_encode(run: Run, data: str | Path | Images) -> ToEncode:
    """List images; pictures go straight from their files to codes, without the cache."""
    source = resolve(data)
    length = min(CHUNK, chunk_length(run.config.image_shape))
    if isinstance(source, PictureSource):
        listed = source.list_pictures(follow_links=run.pictures.follow_links)
        key = listed.key(run.pictures.fit, run.config.image_shape)
        encode = partial(_of_pictures, run, listed)
        return ToEncode(len(listed), length, key, listed.skipped, encode)
    images = run.load_images(data)
    key = fingerprint(images.images, *([] if images.labels is None else [images.labels]))
    return ToEncode(len(images), length, key, images.skipped, partial(_of_images, run, images))


def _of_images(run: Run, images: Images, rows: range) -> Coded:
    part = images.take(slice(rows.start, rows.stop))
    names = None if part.names is None else [str(name) for name in part.names]
    classes = _class_names(part.labels, part.class_names)
    return Coded(run.model.encode(part.images), part.labels, classes, names)


def _of_pictures(run: Run, listed: PictureList, rows: range) -> Coded:
    decoded, reasons = decode_rows(listed, rows, run.config.image_shape, run.pictures.fit)
    known = None if listed.labels is None else np.array(listed.labels[rows.start : rows.stop])
    labels, classes = known, _class_names(known, listed.class_names)
    if known is not None and known.dtype.kind == "U":  # names, which have no numbers yet
        labels, classes = None, [shown_name(name) for name in known.tolist()]
    return Coded(
        run.model.encode(as_float(decoded)),
        labels,
        classes,
        listed.names[rows.start : rows.stop],
        [reasons.get(row) for row in rows],
    )


def _class_names(labels: np.ndarray | None, names: Sequence[str] | None) -> list[str] | None:
    """Return the name of each label, "" where the class is not known."""
    if labels is None or not names:
        return None
    shown = [shown_name(name) for name in names]
    return ["" if label == NO_LABEL else shown[label] for label in labels.tolist()]
