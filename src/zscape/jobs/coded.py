"""Images from anywhere, encoded a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from zscape.data.alike import N_BORDERS, with_border
from zscape.data.decode import Rendering
from zscape.data.images import NO_LABEL, Images, as_float, chunk_length, drawn, on_disk
from zscape.data.load import fingerprint
from zscape.data.picture_cache import decode_rows
from zscape.data.picture_plan import PicturePlan
from zscape.data.pictures import PictureList, Skipped
from zscape.data.sources import PictureSource, Split, Wanted, resolve
from zscape.data.white import White
from zscape.files import shown_name
from zscape.reporter import LOG, Reporter, report_remarks
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
        splits: the split of each image, where the set has splits.
        errors: why a picture cannot be read, and its code means nothing; None if all can be.
    """

    codes: np.ndarray
    labels: np.ndarray | None
    classes: list[str] | None
    names: list[str] | None = None
    splits: list[str] | None = None
    errors: list[str | None] | None = None


class Piece(Protocol):
    """Some images that are still to be encoded; it can be sent to another process."""

    @property
    def name(self) -> str:
        """Which images they are, for messages."""

    def coded(self, run: Run) -> Coded:
        """Encode them."""


@dataclass(frozen=True)
class ToEncode:
    """Images that are still to be encoded.

    Attributes:
        n: how many.
        part_length: how many are encoded at a time.
        key: another for other images.
        skipped: files that were left out.
        cut: returns those of a range of numbers.
    """

    n: int
    part_length: int
    key: str
    skipped: Sequence[Skipped]
    cut: Callable[[range], Piece]

    @property
    def n_parts(self) -> int:
        """How many parts there are."""
        return -(-self.n // self.part_length)

    def pieces(self, first: int = 0) -> Iterator[Piece]:
        """Yield the images of each part, from number `first` on."""
        for number in range(first, self.n_parts):
            start = number * self.part_length
            yield self.cut(range(start, min(start + self.part_length, self.n)))


def piece_name(piece: Piece) -> str:
    """Return which images a piece has, for messages."""
    return piece.name


def coded(run: Run, piece: Piece) -> Coded:
    """Encode the images of a piece."""
    return piece.coded(run)


def to_encode(run: Run, data: str | Path | Images, reporter: Reporter = LOG) -> ToEncode:
    """List images as `run.load_images` reads them, and say how that is.

    All splits of a set are encoded, but of a set with a name its test split.
    Pictures go straight from their files to codes, without the cache.
    """
    source = resolve(data)
    if isinstance(source, PictureSource):
        return _pictures_of(run, source, reporter)
    images = run.load_images(data, split_to_encode(data))
    report_remarks(reporter, images.notes, images.warnings)
    key = fingerprint(images.images, *([] if images.labels is None else [images.labels]))
    length = min(CHUNK, chunk_length(run.config.image_shape))
    return ToEncode(len(images), length, key, images.skipped, partial(_cut_images, images))


def split_to_encode(data: str | Path | Images) -> Split:
    """Return the split of a set that is encoded: of one with a name `test`, of all else all."""
    return "test" if resolve(data).names else "all"


def _pictures_of(run: Run, source: PictureSource, reporter: Reporter) -> ToEncode:
    shape, reading = run.config.image_shape, run.reading
    plan = source.plan(Wanted(run.pictures, shape, reading.white, reading.kept))
    listed = plan.listed
    notes = [*plan.notes, *filter(None, [plan.white.note])]
    some = drawn(len(listed), N_BORDERS if run.border and shape[-1] == 1 else 0)
    looked_at, broken = decode_rows(listed, some, shape, plan.how, plan.white)
    whole = looked_at[[row not in broken for row in some.tolist()]]
    found = with_border(Images(whole, None, source.name), run.border)
    report_remarks(reporter, [*notes, *found.notes], plan.warnings)
    how = (plan.how, plan.white.value, plan.white.byte, bool(found.notes))
    length = min(CHUNK, chunk_length(shape))
    cut = partial(_cut_pictures, plan, bool(found.notes))
    return ToEncode(len(listed), length, listed.key(how, shape), listed.skipped, cut)


@dataclass(frozen=True)
class _SomeImages:
    name: str
    images: Images

    def coded(self, run: Run) -> Coded:
        part = self.images
        names = None if part.names is None else [str(name) for name in part.names]
        classes = _class_names(part.labels, part.class_names)
        splits = None if part.splits is None else [str(split) for split in part.splits]
        return Coded(run.model.encode(part.images), part.labels, classes, names, splits)


def _cut_images(images: Images, rows: range) -> _SomeImages:
    part = images.take(slice(rows.start, rows.stop))
    values = np.asarray(part.images) if on_disk(part.images) is None else as_float(part.images)
    bare = replace(part, images=values, targets=None, skipped=(), groups=None, notes=())
    return _SomeImages(_name(rows), bare)


@dataclass(frozen=True)
class _SomePictures:
    name: str
    listed: PictureList
    how: Rendering
    white: White
    invert: bool

    def coded(self, run: Run) -> Coded:
        listed, rows = self.listed, range(len(self.listed))
        decoded, reasons = decode_rows(listed, rows, run.config.image_shape, self.how, self.white)
        images = as_float(decoded)
        known = None if listed.labels is None else np.array(listed.labels)
        labels, classes = known, _class_names(known, listed.class_names)
        if known is not None and known.dtype.kind == "U":  # names, which have no numbers yet
            labels, classes = None, [shown_name(name) for name in known.tolist()]
        codes = run.model.encode(1 - images if self.invert else images)
        errors = [reasons.get(row) for row in rows]
        return Coded(codes, labels, classes, listed.names, listed.splits, errors)


def _cut_pictures(plan: PicturePlan, invert: bool, rows: range) -> _SomePictures:
    return _SomePictures(_name(rows), plan.listed.cut(rows), plan.how, plan.white, invert)


def _name(rows: range) -> str:
    return f"images {rows.start:,} to {rows.stop - 1:,}"


def _class_names(labels: np.ndarray | None, names: Sequence[str] | None) -> list[str] | None:
    """Return the name of each label, "" where the class is not known."""
    if labels is None or not names:
        return None
    shown = [shown_name(name) for name in names]
    return ["" if label == NO_LABEL else shown[label] for label in labels.tolist()]
