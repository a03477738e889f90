"""Images from anywhere, encoded a part at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from zscape.data.alike import N_BORDERS, with_border
from zscape.data.images import NO_LABEL, Images, as_float, chunk_length, drawn
from zscape.data.load import fingerprint
from zscape.data.picture_cache import decode_rows
from zscape.data.picture_plan import PicturePlan
from zscape.data.pictures import Skipped
from zscape.data.sources import PictureSource, Split, Wanted, resolve
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
    return ToEncode(len(images), length, key, images.skipped, partial(_of_images, run, images))


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
    encode = partial(_of_pictures, run, plan, invert=bool(found.notes))
    length = min(CHUNK, chunk_length(shape))
    return ToEncode(len(listed), length, listed.key(how, shape), listed.skipped, encode)


def _of_images(run: Run, images: Images, rows: range) -> Coded:
    part = images.take(slice(rows.start, rows.stop))
    names = None if part.names is None else [str(name) for name in part.names]
    classes = _class_names(part.labels, part.class_names)
    splits = None if part.splits is None else [str(split) for split in part.splits]
    return Coded(run.model.encode(part.images), part.labels, classes, names, splits)


def _of_pictures(run: Run, plan: PicturePlan, chosen: range, *, invert: bool) -> Coded:
    listed = plan.listed
    decoded, reasons = decode_rows(listed, chosen, run.config.image_shape, plan.how, plan.white)
    images = as_float(decoded)
    known = None if listed.labels is None else np.array([listed.labels[row] for row in chosen])
    labels, classes = known, _class_names(known, listed.class_names)
    if known is not None and known.dtype.kind == "U":  # names, which have no numbers yet
        labels, classes = None, [shown_name(name) for name in known.tolist()]
    return Coded(
        run.model.encode(1 - images if invert else images),
        labels,
        classes,
        [listed.names[row] for row in chosen],
        None if listed.splits is None else [listed.splits[row] for row in chosen],
        [reasons.get(row) for row in chosen],
    )


def _class_names(labels: np.ndarray | None, names: Sequence[str] | None) -> list[str] | None:
    """Return the name of each label, "" where the class is not known."""
    if labels is None or not names:
        return None
    shown = [shown_name(name) for name in names]
    return ["" if label == NO_LABEL else shown[label] for label in labels.tolist()]
