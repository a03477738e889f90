"""Images as arrays: named sets, the user's files, and the split into train and test."""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import replace
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from zscape.data.arrays import ACCEPTED, read_arrays
from zscape.data.folder import list_folder
from zscape.data.images import EXPECTED_TYPES, Dataset, Images, epoch_order
from zscape.data.picture_cache import Decoding, Progress
from zscape.data.sources import is_shard
from zscape.data.stored import StoredImages
from zscape.errors import DataError
from zscape.settings import PictureConfig

NAMES = ("mnist",)
N_VALIDATION = 5000
MIN_IMAGES = 20
MAX_FILE_TEST = 10_000
MAX_TEST_VALUES = 2**27  # they are measured as a whole: half a gigabyte of float32
DECODED_FIRST = 500  # pictures that are not worth streaming

Split = Literal["train", "test", "all"]

_CHUNK_VALUES = 2**24


def load_images(
    source: str | Path | np.ndarray | Images,
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
        progress: called while pictures are decoded, see `zscape.data.picture_cache`.

    Raises:
        DataError: the source is unknown, cannot be read, or does not hold images.

    References:
        MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, under CC BY-SA 3.0. Cite LeCun et al.,
        "Gradient-based learning applied to document recognition", Proc. IEEE 86(11), 1998.
    """
    if split not in get_args(Split):
        raise DataError(f"split is {split!r}; expected {', '.join(get_args(Split))}.")
    images = _open(source, split, pictures, image_shape)
    if isinstance(images.images, StoredImages) and not isinstance(source, Images):
        decoding = images.images.decoding
        try:
            decoding.start(images.images.rows, partial(_check_some, images))
            decoding.finish(progress)
        finally:
            decoding.close()
    return images.readable()


def _open(
    source: str | Path | np.ndarray | Images,
    split: Split,
    pictures: PictureConfig | None,
    image_shape: tuple[int, int, int] | None = None,
) -> Images:
    """Do what `load_images` does, but only list the pictures of a folder."""
    if isinstance(source, Images):
        checked = _checked(source.images, source.labels, source.source)
        return replace(source, images=checked.images, labels=checked.labels)
    if isinstance(source, np.ndarray):
        return _checked(source, None, "array")
    if str(source) in NAMES:
        return _load_mnist(split)
    if not isinstance(source, str | Path):
        raise DataError(
            f"images are given as {type(source).__name__}; expected a name ({', '.join(NAMES)}), "
            "a path, or a NumPy array."
        )
    try:
        path = Path(source).expanduser()
        has_pictures, exists = path.is_dir() or is_shard(path), path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~nobody, forbidden folder
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise DataError(
            f"{str(source)[:80]!r} cannot be opened ({reason}); expected {ACCEPTED}."
        ) from error
    if has_pictures:
        listed = list_folder(path, pictures or PictureConfig(), image_shape=image_shape)
        return Images(
            cast(np.ndarray, StoredImages(listed.decoding, np.arange(len(listed.names)))),
            listed.labels,
            str(path.resolve()),
            listed.class_names,
            np.array(listed.names),
            listed.skipped,
            listed.fingerprint,
        )
    if not exists and path.suffix == "":
        close = difflib.get_close_matches(str(source).lower(), NAMES, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"expected {ACCEPTED}."
        raise DataError(
            f"{source} is neither a file nor a known data set ({', '.join(NAMES)}); {hint}"
        )
    return _checked(*read_arrays(path), str(path.absolute()))


def load_dataset(
    source: str | Path | np.ndarray | Images,
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
    if isinstance(source, str | Path) and str(source) in NAMES:
        rest, test = _load_mnist("train"), _load_mnist("test")
    else:
        images = _open(source, "all", pictures)
        _check_enough(len(images), _described(images.source, len(images.skipped)))
        order = np.random.default_rng([seed, 1]).permutation(len(images))
        most = min(MAX_FILE_TEST, MAX_TEST_VALUES // int(np.prod(images.image_shape)))
        n_test = max(1, min(most, len(images) // 10))
        # In file order, so that nothing but the choice itself is random.
        test = images.take(np.sort(order[:n_test]))
        rest = images.take(np.sort(order[n_test:]))
    if limit is not None:
        rest, test = rest.take(slice(limit)), test.take(slice(limit))
    order = np.random.default_rng(seed).permutation(len(rest))
    n_validation = min(N_VALIDATION, max(1, len(rest) // 10))
    in_memory = isinstance(source, Images) and rest.source in NAMES  # perhaps a part of the set
    dataset = Dataset(
        name="array" if in_memory else rest.source,
        train=rest.take(np.sort(order[n_validation:])),
        validation=rest.take(np.sort(order[:n_validation])),
        test=test,
        fingerprint=rest.fingerprint or _fingerprint(rest.images, test.images),
    )
    if dataset.decoding is not None and not isinstance(source, Images):
        _decode(dataset, dataset.decoding, seed, progress, wait=wait)
    return dataset.readable() if wait else dataset


def _decode(
    dataset: Dataset, decoding: Decoding, seed: int, progress: Progress | None, *, wait: bool
) -> None:
    """Begin to decode the pictures of all parts; of a small folder, or to `wait`, decode all."""
    train, validation, test = (
        cast(StoredImages, part.images).rows
        for part in (dataset.train, dataset.validation, dataset.test)
    )
    rows = np.concatenate([train[epoch_order(len(train), seed, 0)], validation, test])
    try:
        decoding.start(rows, partial(_check_parts, dataset))
        if wait or len(rows) <= DECODED_FIRST:
            decoding.finish(progress)
            decoding.close()
    except BaseException:
        decoding.close()
        raise


def _check_parts(dataset: Dataset, is_broken: np.ndarray) -> None:
    """Refuse parts of too few pictures that can be read."""
    parts = {"train": dataset.train, "validate": dataset.validation, "test": dataset.test}
    n_left = {
        use: int((~is_broken[cast(StoredImages, part.images).rows]).sum())
        for use, part in parts.items()
    }
    n_left_out = len(dataset.train.skipped) + int(is_broken.sum())
    what = _described(dataset.name, n_left_out)
    _check_enough(sum(n_left.values()), what)
    for use, n in n_left.items():
        if not n:
            raise DataError(
                f"{what} has no picture to {use} on, for none of those drawn for it can be read; "
                "mend or remove the broken ones, or try another --seed."
            )


def _check_some(images: Images, is_broken: np.ndarray) -> None:
    if is_broken.all():
        decoding = cast(StoredImages, images.images).decoding
        first = decoding.reason(0)
        raise DataError(
            f"none of the {len(images):,} pictures in {images.source} can be read; the first, "
            f"{decoding.source.names[0]}: {first}."
        )


def _described(source: str, n_left_out: int) -> str:
    return source + (f" ({n_left_out:,} files were left out)" if n_left_out else "")


def _load_mnist(split: Split) -> Images:
    """Load the embedded MNIST; `MNIST.md` beside it has its licence and citation."""
    parts = ("train", "test") if split == "all" else (split,)
    resource = files("zscape.data") / "mnist.npz"
    with as_file(resource) as path, np.load(path, allow_pickle=False) as stored:
        images = np.concatenate([stored[f"{part}_images"] for part in parts])
        labels = np.concatenate([stored[f"{part}_labels"] for part in parts])
    return Images(images[..., np.newaxis], labels.astype(np.int64), "mnist")


def _check_enough(n_images: int, what: str) -> None:
    if n_images < MIN_IMAGES:
        raise DataError(
            f"{what} gives {n_images} image{'s' if n_images != 1 else ''}; training needs at "
            f"least {MIN_IMAGES}: some to learn from, some to validate and to test on."
        )


def _checked(images: np.ndarray, labels: np.ndarray | None, source: str) -> Images:
    """Check arrays as the user gave them; return them as (N, H, W, C) with whole labels."""
    if not isinstance(images, StoredImages):  # those were made as they should be
        images = _with_channels(np.asarray(images), source)
        images = _with_known_type(images, source)
    if labels is not None:
        labels = _checked_labels(np.asarray(labels), len(images), source)
    return Images(images, labels, source)


def _with_channels(images: np.ndarray, source: str) -> np.ndarray:
    expected = "expected images (N, H, W) or (N, H, W, C)"
    shape = images.shape
    if images.ndim == 3 and shape[-1] in (1, 3, 4):
        raise DataError(
            f"{source} has shape {shape}, which looks like one image (H, W, C); {expected}: "
            "add a first axis, or a last one if these are many."
        )
    if images.ndim == 2:
        raise DataError(
            f"{source} has shape {shape}: one image, or flattened ones; {expected}: "
            "reshape the array."
        )
    if images.ndim not in (3, 4):
        raise DataError(f"{source} has shape {shape}; {expected}.")
    if images.ndim == 4 and shape[1] in (1, 3) and min(shape[2:]) >= 8:
        raise DataError(
            f"{source} has shape {shape}, which looks like (N, C, H, W); {expected}: "
            "move the axis with numpy.moveaxis(images, 1, -1)."
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.size == 0:
        raise DataError(f"{source} has shape {shape}: there are no pixels; {expected}.")
    return images


def _with_known_type(images: np.ndarray, source: str) -> np.ndarray:
    kind, size = images.dtype.kind, images.dtype.itemsize
    if kind == "b" or (kind == "u" and size <= 2):
        # Files may be big-endian; Keras takes the byte order of the machine only.
        return images.astype(images.dtype.newbyteorder("="), copy=False)
    if kind in "iu":
        low, high = int(images.min()), int(images.max())
        if low < 0 or high > 255:
            raise DataError(
                f"{source} has whole numbers from {low} to {high}; expected 0 to 255 (or "
                "unsigned 16-bit): scale them, or give floats in [0, 1]."
            )
        return images.astype(np.uint8)
    if kind != "f":
        raise DataError(
            f"{source} has values of type {images.dtype}; {EXPECTED_TYPES}: convert them."
        )
    _check_range(images, source)
    return images if images.dtype == np.float32 else images.astype(np.float32)


def _check_range(images: np.ndarray, source: str) -> None:
    step = max(1, _CHUNK_VALUES // max(1, images[0].size))
    low, high, n_bad = np.inf, -np.inf, 0
    for start in range(0, len(images), step):
        part = images[start : start + step]
        finite = np.isfinite(part)
        if not finite.all():
            n_bad += int(part.size - finite.sum())
            continue
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    if n_bad:
        raise DataError(
            f"{source} has {n_bad:,} NaN or infinite value{'s' if n_bad != 1 else ''}; expected "
            "floats in [0, 1]: replace them first."
        )
    if low < 0 or high > 1:
        raise DataError(
            f"{source} has values from {low:.9g} to {high:.9g}; expected floats in [0, 1]: "
            f"{_range_remedy(low, high)}."
        )


def _range_remedy(low: float, high: float) -> str:
    if low >= -0.01 and high <= 1.01:  # what rounding and resizing leave
        return "clip them with numpy.clip(images, 0, 1)"
    if low >= 0 and high <= 255:
        return "divide them by 255"
    if low >= -1 and high <= 1:
        return "add 1 and divide by 2"
    return "rescale them"


def _checked_labels(labels: np.ndarray, n_images: int, source: str) -> np.ndarray:
    if labels.shape != (n_images,):
        raise DataError(
            f"{source} has labels of shape {labels.shape} for {n_images:,} images; expected "
            f"({n_images},): one label for each image."
        )
    whole = labels.dtype.kind in "iub" or (
        labels.dtype.kind == "f"
        # Beyond 2**53 a float no longer tells one whole number from the next.
        and bool((np.abs(labels) < 2**53).all() and (labels % 1 == 0).all())
    )
    if not whole:
        raise DataError(
            f"{source} has labels of type {labels.dtype} that are not whole numbers; expected "
            "one whole number for each image: number the classes 0, 1, 2, ..."
        )
    return labels.astype(np.int64)


def _fingerprint(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        step = max(1, 2**24 * len(array) // max(1, array.nbytes))
        for start in range(0, len(array), step):
            digest.update(np.ascontiguousarray(array[start : start + step]).data)
    return digest.hexdigest()
