"""Images and data sets from what the user names, split into train, validation and test."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np

from zscape.data.alike import with_classes
from zscape.data.checks import as_images, as_labels
from zscape.data.decoded import (
    check_parts,
    check_some,
    decode,
    rows_of,
    settled,
    with_whole_targets,
)
from zscape.data.images import Dataset, Images, ImageStore, chunks, epoch_order, on_disk
from zscape.data.pairs import read_pairs
from zscape.data.picture_cache import Progress
from zscape.data.sources import Source, Split, Wanted, resolve
from zscape.data.splits import (
    check_enough,
    held_out,
    limited,
    part_of,
    parts_of,
    same_classes,
)
from zscape.data.white import whiten
from zscape.errors import DataError
from zscape.files import shown_name
from zscape.settings import PictureConfig

N_VALIDATION = 5000
DECODED_FIRST = 500  # pictures that are not worth streaming

Location = str | Path | ImageStore | Images


class Reading(NamedTuple):
    """How images are read, besides what pictures are made into.

    Attributes:
        white: the value that the user says is white.
        kept: the value that was white in the training of a model; used if it holds all values.
        validation: other images to validate on.
        test: other images to test on.
        target: the clean images, where those to learn from are noisy.
        known: bytes of the pictures of a folder that are used, by name; None for all.
        is_old: read as the first format of runs did, which took the first images of a limit, the
            white of the container, and no splits that people made.
    """

    white: float | None = None
    kept: float | None = None
    validation: Location | None = None
    test: Location | None = None
    target: Location | None = None
    known: Mapping[str, int] | None = None
    is_old: bool = False


def load_images(
    source: Location,
    split: Split = "test",
    *,
    pictures: PictureConfig | None = None,
    image_shape: tuple[int, int, int] | None = None,
    reading: Reading = Reading(),  # noqa: B008  # it is a tuple
    progress: Progress | None = None,
) -> Images:
    """Load images to look at: a split of a set that has splits, or else every image.

    Args:
        source: `mnist`, the path of a folder or a file, or an array (N, H, W) or (N, H, W, C).
        split: which part of a set with splits of its own; all else is taken whole.
        pictures: how the pictures of a folder become images.
        image_shape: (H, W, C) that the pictures of a folder shall have, as a model asks for.
        reading: what is white.
        progress: called now and then with how many pictures are decoded, of how many.

    Raises:
        DataError: the source is unknown, cannot be read, or does not hold images.

    References:
        MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, under CC BY-SA 3.0. Cite LeCun et al.,
        "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), 1998.
    """
    if split not in get_args(Split):
        raise DataError(f"split is {split!r}; expected {', '.join(get_args(Split))}.")
    found = resolve(source)
    pictures = pictures or PictureConfig()
    images = _read(
        found,
        Wanted(pictures, image_shape, reading.white, reading.kept, reading.known),
        is_old=reading.is_old,
    )
    part = part_of(images, split)
    if split != "all" and images.splits is not None and not found.names:
        note = ""
        if split not in images.splits:
            note = f"{images.source} has no {split} split: all {len(images):,} images are taken"
        elif len(part) < len(images):
            note = f"{images.source}: its {split} split, {len(part):,} of {len(images):,} images"
        part = replace(part, notes=(*part.notes, *filter(None, [note])))
    if found.has_pictures and part.decoding is not None:
        check = partial(check_some, part.source, part.decoding)
        decode(part.decoding, rows_of(part), check, progress, wait=True)
    return settled(part.readable())


def load_dataset(
    source: Location,
    *,
    seed: int,
    limit: int | None = None,
    pictures: PictureConfig | None = None,
    reading: Reading = Reading(),  # noqa: B008  # it is a tuple
    progress: Progress | None = None,
    wait: bool = True,
) -> Dataset:
    """Load images and split them for training.

    A set with splits of its own keeps them. Where there is no test split, a tenth is held out as
    such, at most 10,000 and fewer of large images: 2,730 of 128x128 in colour. Where there is no
    validation split, a tenth of what remains is, at most 5,000. All draws come from `seed`; pages
    and patches of one file stay together. Of a folder all listed pictures are split, before it is
    known which of them can be read.

    Args:
        source: as for `load_images`.
        seed: seeds the split.
        limit: use at most so many images of train and validation together, and as many of the
            test split; they are drawn.
        pictures: how the pictures of a folder become images.
        reading: what is white, and other images to validate or to test on.
        progress: as for `load_images`.
        wait: return when all pictures are decoded, and without those that cannot be read. Otherwise
            those of a large folder are being decoded when this returns, in the order of the first
            epoch of training with this seed; then `Dataset.decoding` is to be closed, and
            `Dataset.readable` gives what `wait` would have.

    Raises:
        DataError: as for `load_images`, or there are too few images.
        OSError: a file cannot be read, or the cache not written.
    """
    if limit is not None:
        check_enough(limit, f"a limit of {limit}")
    found = resolve(source)
    pictures = pictures or PictureConfig()
    wanted = Wanted(pictures, None, reading.white, reading.kept, reading.known)
    if reading.target is None:
        images = _read(found, wanted, is_old=reading.is_old)
    else:
        images = read_pairs(found, resolve(reading.target), wanted, _read)
    others = _others(images, pictures, reading, progress)
    parts, notes = parts_of(images, seed, others)
    if limit is not None:
        parts = limited(parts, limit, seed, first=reading.is_old)
    stores = [part.images for part in parts.values()]
    stores += [part.targets for part in parts.values() if part.targets is not None]
    prints = [images.fingerprint or fingerprint(*stores)]
    prints += [other.fingerprint or fingerprint(other.images) for other in others.values()]
    parts |= others
    if "validation" not in parts:
        rest = parts["train"]
        n_validation = min(N_VALIDATION, max(1, len(rest) // 10))
        parts["train"], parts["validation"] = held_out(rest, n_validation, seed)
    parts = same_classes(parts)
    dataset = Dataset(
        name=found.name,
        train=replace(parts["train"], notes=(*images.notes, *notes)),
        validation=parts["validation"],
        test=parts["test"],
        fingerprint=_joined(prints),
    )
    dataset = with_whole_targets(dataset, progress)
    if found.has_pictures and dataset.decoding is not None:
        train, *own = (
            rows_of(part, dataset.decoding)
            for part in (dataset.train, dataset.validation, dataset.test)
        )
        # Patches of a picture one after the other, for each takes the whole to be decoded.
        first = epoch_order(len(train), seed, 0) if images.groups is None else slice(None)
        rows = np.concatenate([train[first], *own])
        if dataset.decoding.source.in_order:
            rows = np.sort(rows)
        # Where values decide what is white, no image can be read before all are decoded.
        whole = wait or len(rows) <= DECODED_FIRST or dataset.decoding.how.exact
        decode(dataset.decoding, rows, partial(check_parts, dataset), progress, wait=whole)
        dataset = replace(dataset, train=settled(dataset.train))
    if any(other.white not in (None, dataset.train.white) for other in others.values()):
        # Only now is it known what is white in the pictures to learn from.
        known = replace(images, white=dataset.train.white)
        again = _others(known, pictures, reading, progress)
        names = dataset.train.class_names
        dataset = replace(
            dataset,
            validation=with_classes(again.get("validation", dataset.validation), names),
            test=with_classes(again.get("test", dataset.test), names),
        )
    return dataset.readable() if wait else dataset


def _others(
    images: Images, pictures: PictureConfig, reading: Reading, progress: Progress | None
) -> dict[str, Images]:
    """Return the images that the user names to validate and to test on, by their use."""
    found = {}
    for use in ("validation", "test"):
        if (location := getattr(reading, use)) is not None:
            found[use] = load_images(
                location,
                use,
                pictures=pictures,
                image_shape=images.image_shape,
                reading=Reading(white=reading.white, kept=images.white),
                progress=progress,
            )
            if found[use].image_shape != images.image_shape:
                raise DataError(
                    f"{found[use].source} has images of shape {found[use].image_shape}, and those "
                    f"of {images.source} have {images.image_shape}; give images of that shape."
                )
    return found


def _joined(prints: list[str]) -> str:
    """Return one fingerprint for several."""
    return prints[0] if len(prints) == 1 else hashlib.sha256("".join(prints).encode()).hexdigest()


def _read(source: Source, wanted: Wanted, *, is_old: bool = False) -> Images:
    """Return checked images; those of encoded pictures are only listed."""
    found = source.read(wanted)
    if is_old and not source.names:
        found = replace(found, splits=None)
    images = found.images
    if on_disk(images) is None and not is_old:
        array, white = whiten(
            np.asarray(images), found.source, asked=wanted.white, kept=wanted.kept
        )
        # Of floats and bool it is clear without a decision.
        decided = white.value if images.dtype.kind in "iu" or wanted.white else None
        images = array
        found = replace(
            found,
            white=found.white or decided,
            notes=(*found.notes, *filter(None, [white.note])),
            warnings=(*found.warnings, *filter(None, [white.warning])),
        )
    images = as_images(images, found.source)
    in_memory = on_disk(images) is None
    if in_memory and (images.dtype.kind == "f" or not images.dtype.isnative):
        # Files may be big-endian; Keras takes the byte order of the machine only.
        native = np.float32 if images.dtype.kind == "f" else images.dtype.newbyteorder("=")
        images = np.asarray(images).astype(native, copy=False)
    labels, names = found.labels, None
    if labels is not None:
        labels, names = as_labels(labels, len(images), found.source)
    names = names or found.class_names
    if names is not None:
        names = tuple(map(shown_name, names))
    return replace(found, images=images, labels=labels, class_names=names)


def fingerprint(*arrays: ImageStore) -> str:
    """Return the SHA-256 of arrays, with their shapes and types."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        for _, part in chunks(array):
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
