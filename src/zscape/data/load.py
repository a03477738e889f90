"""Images and data sets from what the user names, split into train, validation and test."""

from __future__ import annotations

import hashlib
import math
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from zscape.data.checks import as_images, as_labels
from zscape.data.images import MAX_VALUES, Dataset, Images, ImageStore, chunks, epoch_order, on_disk
from zscape.data.picture_cache import Check, Decoding, Progress
from zscape.data.sources import Source, Split, Wanted, resolve
from zscape.errors import DataError
from zscape.settings import PictureConfig

N_VALIDATION = 5000
MIN_IMAGES = 20
MAX_FILE_TEST = 10_000
DECODED_FIRST = 500  # pictures that are not worth streaming


def load_images(
    source: str | Path | ImageStore | Images,
    split: Split = "test",
    *,
    pictures: PictureConfig | None = None,
    image_shape: tuple[int, int, int] | None = None,
    progress: Progress | None = None,
) -> Images:
    """Load images to look at: a split of a named set, or every image of a file or a folder.

    Args:
        source: `mnist`, the path of a folder of pictures, of a `.npz`, `.npy`, idx or idx.gz
            file, or an array (N, H, W) or (N, H, W, C).
        split: which part of a named set; all else is taken whole.
        pictures: how the pictures of a folder become images.
        image_shape: (H, W, C) that the pictures of a folder shall have, as a model asks for.
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
    images = _read(found, Wanted(split, pictures or PictureConfig(), image_shape))
    if found.has_pictures and images.decoding is not None:
        check = partial(_check_some, images.source, images.decoding)
        _decode(images.decoding, _rows(images), check, progress, wait=True)
    return images.readable()


def load_dataset(
    source: str | Path | ImageStore | Images,
    *,
    seed: int,
    limit: int | None = None,
    pictures: PictureConfig | None = None,
    progress: Progress | None = None,
    wait: bool = True,
) -> Dataset:
    """Load images and split them for training.

    A named set keeps its own test split. Of all else, a tenth is held out as the test split, at
    most 10,000 and fewer of large images: 2,730 of 128x128 in colour. Of what remains, a tenth (at
    most 5,000) is for validation. Both draws come from `seed`. Of a folder all listed pictures are
    split, before it is known which of them can be read.

    Args:
        source: as for `load_images`.
        seed: seeds the split.
        limit: use at most the first `limit` images of train and validation together, and at
            most as many of the test split.
        pictures: how the pictures of a folder become images.
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
        _check_enough(limit, f"a limit of {limit}")
    found = resolve(source)
    if found.has_splits:
        rest, test = _read(found, Wanted("train")), _read(found, Wanted("test"))
    else:
        rest, test = _split_off(_read(found, Wanted(pictures=pictures or PictureConfig())), seed)
    if limit is not None:
        rest, test = rest.take(slice(limit)), test.take(slice(limit))
    order = np.random.default_rng(seed).permutation(len(rest))
    n_validation = min(N_VALIDATION, max(1, len(rest) // 10))
    dataset = Dataset(
        name=found.name,
        train=rest.take(np.sort(order[n_validation:])),
        validation=rest.take(np.sort(order[:n_validation])),
        test=test,
        fingerprint=rest.fingerprint or fingerprint(rest.images, test.images),
    )
    if found.has_pictures and dataset.decoding is not None:
        train, *others = map(_rows, (dataset.train, dataset.validation, dataset.test))
        rows = np.concatenate([train[epoch_order(len(train), seed, 0)], *others])
        check, whole = partial(_check_parts, dataset), wait or len(rows) <= DECODED_FIRST
        _decode(dataset.decoding, rows, check, progress, wait=whole)
    return dataset.readable() if wait else dataset


def _split_off(images: Images, seed: int) -> tuple[Images, Images]:
    """Return what is left and the test split of images that have no split of their own."""
    _check_enough(len(images), _described(images.source, len(images.skipped)))
    order = np.random.default_rng([seed, 1]).permutation(len(images))
    # The test split is measured as a whole.
    most = min(MAX_FILE_TEST, MAX_VALUES // math.prod(images.image_shape))
    n_test = max(1, min(most, len(images) // 10))
    # In file order, so that nothing but the choice itself is random.
    return images.take(np.sort(order[n_test:])), images.take(np.sort(order[:n_test]))


def _rows(images: Images) -> np.ndarray:
    """Return which of the pictures of a decoding these are; none for arrays."""
    stored = on_disk(images.images)
    return np.arange(0) if stored is None else stored.rows


def _decode(
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


def _check_parts(dataset: Dataset, is_broken: np.ndarray) -> None:
    """Refuse parts of too few pictures that can be read."""
    parts = {"train": dataset.train, "validate": dataset.validation, "test": dataset.test}
    n_left = {use: int((~is_broken[_rows(part)]).sum()) for use, part in parts.items()}
    what = _described(dataset.name, len(dataset.train.skipped) + int(is_broken.sum()))
    _check_enough(sum(n_left.values()), what)
    for use, n in n_left.items():
        if not n:
            raise DataError(
                f"{what} has no picture to {use} on, for none of those drawn for it can be read; "
                "mend or remove the broken ones, or try another seed."
            )


def _check_some(name: str, decoding: Decoding, is_broken: np.ndarray) -> None:
    if is_broken.all():
        raise DataError(
            f"none of the {len(is_broken):,} pictures in {name} can be read; the first, "
            f"{decoding.source.names[0]}: {decoding.reasons[0]}."
        )


def _described(source: str, n_left_out: int) -> str:
    return source + (f" ({n_left_out:,} files were left out)" if n_left_out else "")


def _check_enough(n_images: int, what: str) -> None:
    if n_images < MIN_IMAGES:
        raise DataError(
            f"{what} gives {n_images} image{'s' if n_images != 1 else ''}; training needs at "
            f"least {MIN_IMAGES}: some to learn from, some to validate and to test on."
        )


def _read(source: Source, wanted: Wanted) -> Images:
    """Return checked images; those of encoded pictures are only listed."""
    found = source.read(wanted)
    images = as_images(found.images, found.source)
    if images.dtype.kind == "f" or not images.dtype.isnative:
        # Files may be big-endian; Keras takes the byte order of the machine only.
        native = np.float32 if images.dtype.kind == "f" else images.dtype.newbyteorder("=")
        images = np.asarray(images).astype(native, copy=False)
    labels, names = found.labels, None
    if labels is not None:
        labels, names = as_labels(labels, len(images), found.source)
    return replace(found, images=images, labels=labels, class_names=names or found.class_names)


def fingerprint(*arrays: ImageStore) -> str:
    """Return the SHA-256 of arrays, with their shapes and types."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        for _, part in chunks(array):
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
