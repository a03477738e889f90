"""Decoding the pictures of a data set: which and when, what is checked, and what is found out."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from zscape.data.images import Dataset, Images, on_disk, readable_rows
from zscape.data.pairs import one_white, with_remarks
from zscape.data.picture_cache import Check, Decoding, Progress
from zscape.data.pictures import Skipped
from zscape.data.splits import check_enough, described
from zscape.errors import DataError


def decode(
    decoding: Decoding, rows: np.ndarray, check: Check, progress: Progress | None, *, wait: bool
) -> None:
    """Decode the pictures at `rows`, or only begin to; then `decoding` is to be closed."""
    with ExitStack() as stack:
        stack.callback(decoding.close)
        decoding.start(rows, check)
        if wait:
            decoding.finish(progress)
        else:
            stack.pop_all()


def rows_of(images: Images, decoding: Decoding | None = None) -> np.ndarray:
    """Return which of the pictures of a decoding these are; none for arrays, or for another."""
    stored = on_disk(images.images)
    if stored is None or (decoding is not None and stored.decoding is not decoding):
        return np.arange(0)
    return stored.rows


def settled(images: Images) -> Images:
    """Return images with what their decoding found to be white."""
    if images.decoding is None:
        return images
    targets = None if images.targets is None else on_disk(images.targets)
    decodings = [images.decoding, *([] if targets is None else [targets.decoding])]
    one_white(*decodings)
    own, *theirs = (decoding.white for decoding in decodings)
    found = replace(
        images,
        white=own.value,
        notes=(*images.notes, *filter(None, [own.note])),
        warnings=(*images.warnings, *filter(None, [own.warning])),
    )
    return with_remarks(
        found, [white.note for white in theirs], [white.warning for white in theirs]
    )


def with_whole_targets(dataset: Dataset, progress: Progress | None) -> Dataset:
    """Decode clean pictures; return the data set without the pairs of which one is broken."""
    parts = (dataset.train, dataset.validation, dataset.test)
    stores = [store for part in parts if (store := on_disk(part.clean)) is not None]
    if dataset.train.targets is None or not stores:
        return dataset
    decoding = stores[0].decoding
    rows = np.concatenate([store.rows for store in stores])
    decode(decoding, rows, lambda is_broken: None, progress, wait=True)
    broken = [Skipped(f"clean {item.path}", item.reason) for item in decoding.finish()]
    train, validation, test = (
        replace(part.take(readable_rows(part.clean)), skipped=(*part.skipped, *broken))
        for part in parts
    )
    return replace(dataset, train=train, validation=validation, test=test)


def check_parts(dataset: Dataset, is_broken: np.ndarray) -> None:
    """Refuse parts of too few pictures that can be read."""
    parts = {"train": dataset.train, "validate": dataset.validation, "test": dataset.test}
    own = {use: rows for use, part in parts.items() if len(rows := rows_of(part, dataset.decoding))}
    n_left = {use: int((~is_broken[rows]).sum()) for use, rows in own.items()}
    broken = [*dataset.train.skipped]
    if dataset.decoding is not None:
        names, reasons = dataset.decoding.source.names, dataset.decoding.reasons
        broken = [*(Skipped(names[row], reasons[row]) for row in sorted(reasons)[:1]), *broken]
    n_broken = len(dataset.train.skipped) + int(is_broken.sum())
    what = described(dataset.name, n_broken, *broken[:1])
    check_enough(sum(n_left.values()), what)
    for use, n in n_left.items():
        if not n:
            raise DataError(
                f"{what} has no picture to {use} on, for none of those drawn for it can be read; "
                "mend or remove the broken ones, or try another seed."
            )


def check_some(name: str, decoding: Decoding, is_broken: np.ndarray) -> None:
    """Refuse pictures of which none can be read."""
    if is_broken.all():
        raise DataError(
            f"none of the {len(is_broken):,} pictures in {name} can be read; the first, "
            f"{decoding.source.names[0]}: {decoding.reasons[0]}."
        )
