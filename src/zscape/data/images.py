"""Images in memory and on disk, and their split for training. NumPy only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import Any, Protocol, Self

import numpy as np

from zscape.data.picture_cache import Decoding
from zscape.data.pictures import Skipped
from zscape.errors import DataError

EXPECTED_TYPES = "expected uint8, uint16, bool, or floats in [0, 1]"
CHUNK_VALUES = 2**24  # values that are worked on at a time: 64 MB of float32
NO_LABEL = -1  # of an image whose class is not known
MAX_VALUES = 2**27  # values of images that are worked on as a whole: half a gigabyte of float32


class ImageStore(Sized, Iterable[Any], Protocol):
    """Images (N, H, W, C): a NumPy array, or `StoredImages`, which reads them when asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a value: uint8, uint16, bool or a float."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def size(self) -> int:
        """Number of values."""

    def __getitem__(self, index: Any, /) -> Any: ...

    def __array__(self) -> np.ndarray: ...


class StoredImages(np.lib.mixins.NDArrayOperatorsMixin):
    """Some of the images of a decoding, in any order; used like an array of them, read-only.

    Choosing images reads these only, and waits for those that are not decoded yet: `images[5]`,
    `images[8:64]`, `images[rows]`, and parts of them as in `images[8:64, ..., 0]`. Whatever else an
    array can do reads all of them first.
    """

    def __init__(self, decoding: Decoding, rows: np.ndarray, *, invert: bool = False) -> None:
        self.decoding = decoding
        self.rows = rows
        self._invert = invert
        self.shape: tuple[int, ...] = (len(rows), *decoding.shape[1:])
        self.dtype: np.dtype[Any] = decoding.dtype
        self.ndim = len(self.shape)
        self.size: int = int(np.prod(self.shape, dtype=np.int64))
        self.nbytes: int = self.size * decoding.dtype.itemsize

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __bool__(self) -> bool:
        return bool(np.asarray(self))

    def __getitem__(self, index: Any) -> Any:
        """Return what NumPy would return from an array of all images."""
        first, *rest = index if isinstance(index, tuple) and index else (index,)
        is_list = isinstance(first, list | np.ndarray) and np.ndim(first) == 1
        is_choice = is_list or (_is_basic(first) and first is not Ellipsis)
        if not is_choice or not all(map(_is_basic, rest)):
            return np.asarray(self)[index]
        rows = self.rows[first]
        images = np.array(self.decoding[rows])  # of one row it is a view of the file
        if self._invert:
            images = ~images if images.dtype == np.uint8 else 1 - images
        return images[(*(slice(None),) * np.ndim(rows), *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of them."""
        if copy is False:
            raise ValueError("images on disk cannot be an array without a copy")
        return np.asarray(self[:], dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Calculate with all of them, as in `images == 0`."""
        if "out" in kwargs:
            raise TypeError("images on disk cannot be changed")
        loaded = [np.asarray(x) if isinstance(x, StoredImages) else x for x in inputs]
        return getattr(ufunc, method)(*loaded, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Return what else an array has, as in `images.max()`."""
        if name.startswith("_"):  # of these NumPy, copy and pickle ask for some
            raise AttributeError(name)
        whole = np.asarray(self)
        whole.flags.writeable = False  # a change would be lost
        return getattr(whole, name)

    def take(self, indices: np.ndarray | slice) -> StoredImages:
        """Return the images at `indices`, still on disk."""
        return StoredImages(self.decoding, self.rows[indices], invert=self._invert)

    def inverted(self) -> StoredImages:
        """Return them with black for white, still on disk."""
        return StoredImages(self.decoding, self.rows, invert=not self._invert)


@dataclass(frozen=True)
class Images:
    """Images as they are stored, with their labels if there are any.

    Attributes:
        images: (N, H, W, C): uint8, uint16, bool, or floats in [0, 1].
        labels: whole numbers (N,), `NO_LABEL` where the class is not known, or None.
        source: a name, a path, or `array`.
        class_names: what the labels 0, 1, 2, ... stand for, if they have names.
        names: the path of each picture within its folder.
        skipped: files of the folder that were left out.
        fingerprint: of what is listed in a folder.
        splits: `train`, `validation` or `test` for each image (N,), where the source has such.
        part: which split of the source these are; empty if they are not one.
        groups: images of one file have one number (N,), and are not split; None if all differ.
        white: the value that was white before it became 1.0; None where nobody decided.
        scale: how many pixels of an image stand for one of a picture's side, the median.
        targets: the clean image for each noisy one, (N, H, W, C), where there are such pairs.
        notes: how the images were read, a sentence each, to be told to the user once.
        warnings: what may be wrong with the images, a sentence each, for reports too.
    """

    images: ImageStore
    labels: np.ndarray | None
    source: str
    class_names: tuple[str, ...] | None = None
    names: np.ndarray | None = None
    skipped: tuple[Skipped, ...] = ()
    fingerprint: str = ""
    splits: np.ndarray | None = None
    part: str = ""
    groups: np.ndarray | None = None
    white: float | None = None
    scale: float | None = None
    targets: ImageStore | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def clean(self) -> ImageStore:
        """What a network shall make of the images: the targets, or else the images themselves."""
        return self.images if self.targets is None else self.targets

    @property
    def shown_labels(self) -> np.ndarray | None:
        """The labels as people read them: names (N,) where the classes have some, `-` for none."""
        if self.labels is None or self.class_names is None:
            return self.labels
        names: np.ndarray = np.array([*self.class_names, "-"])[self.labels]
        return names

    @property
    def decoding(self) -> Decoding | None:
        """The decoding of the pictures that the images come from; None for arrays."""
        stored = on_disk(self.images)
        return None if stored is None else stored.decoding

    def take(self, indices: np.ndarray | slice) -> Images:
        """Return the images at `indices`, in that order; those on disk stay there."""
        return replace(
            self,
            images=_taken(self.images, indices),
            targets=None if self.targets is None else _taken(self.targets, indices),
            labels=None if self.labels is None else self.labels[indices],
            names=None if self.names is None else self.names[indices],
            splits=None if self.splits is None else self.splits[indices],
            groups=None if self.groups is None else self.groups[indices],
        )

    def some(self, n: int, seed: int | Sequence[int] = 0) -> Images:
        """Return `n` of the images, drawn over all by `drawn`, or all where there are no more."""
        return self if len(self) <= n else self.take(drawn(len(self), n, seed))

    def readable(self) -> Images:
        """Wait for all pictures; return those that can be read, the others being `skipped`."""
        if self.decoding is None:
            return self
        kept = self.take(readable_rows(self.images))
        skipped = sorted({*self.skipped, *self.decoding.finish()}, key=lambda item: item.path)
        return replace(kept, skipped=tuple(skipped))


@dataclass(frozen=True)
class Dataset:
    """Images split for training. A `with` block ends the decoding of pictures at its end.

    Attributes:
        name: what to give `load_dataset` for the same images: a name, an absolute path, or
            `array` where they came from memory.
        train: what the network sees.
        validation: held out of train; early stopping and checkpoints look at it.
        test: looked at once, for the final metrics.
        fingerprint: SHA-256 of all images used, with their shape and type; of the pictures of a
            folder SHA-256 of their names and sizes in bytes.

    Example:
        >>> with load_dataset("photos", seed=0, wait=False) as dataset:
        ...     first = dataset.train.images[:64]
    """

    name: str
    train: Images
    validation: Images
    test: Images
    fingerprint: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.decoding is not None:
            self.decoding.close()

    @property
    def decoding(self) -> Decoding | None:
        """The decoding of the pictures that the images come from; None for arrays."""
        return self.train.decoding

    def readable(self) -> Dataset:
        """Return it without the pictures that cannot be read; see `Images.readable`."""
        train, validation, test = (
            part.readable() for part in (self.train, self.validation, self.test)
        )
        return replace(self, train=train, validation=validation, test=test)


def as_store(images: Any) -> ImageStore:
    """Return anything like an array as one; what is on disk stays there. Nothing is checked."""
    images = images.images if isinstance(images, Images) else images
    return images if isinstance(images, StoredImages) else np.asarray(images)


def on_disk(images: ImageStore) -> StoredImages | None:
    """Return images as what they are on disk, or None for an array."""
    return images if isinstance(images, StoredImages) else None


def _taken(images: ImageStore, indices: np.ndarray | slice) -> ImageStore:
    stored = on_disk(images)
    if stored is not None:
        return stored.take(indices)
    chosen: np.ndarray = images[indices]
    return chosen


def readable_rows(images: ImageStore) -> np.ndarray:
    """Return the numbers of the images that can be read, (n,); waits for pictures on disk."""
    if (stored := on_disk(images)) is not None:
        stored.decoding.finish()
    return np.flatnonzero(~is_broken(images, np.arange(len(images))))


def is_broken(images: ImageStore, rows: np.ndarray) -> np.ndarray:
    """Tell which of the images at `rows` cannot be read, (n,); waits for these only."""
    stored = on_disk(images)
    if stored is None:
        return np.zeros(len(rows), bool)
    return stored.decoding.is_broken(stored.rows[rows])


def chunk_length(image_shape: Sequence[int], *, copies: int = 1) -> int:
    """Return how many images (H, W, C) to work on at a time, which takes so many float32 copies."""
    n_values = int(np.prod(image_shape, dtype=np.int64))
    return max(1, CHUNK_VALUES // max(1, copies * n_values))


def chunks(
    images: ImageStore, *, copies: int = 1, most: int | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield a few images at a time, `most` or fewer: where they are, and the images themselves."""
    length = chunk_length(images.shape[1:], copies=copies)
    length = min(length, most or length)
    for start in range(0, len(images), length):
        rows = slice(start, min(start + length, len(images)))
        yield rows, images[rows]


def as_float(images: ImageStore, white: float | None = None) -> np.ndarray:
    """Return images of any accepted type as float32 in [0, 1], of the same shape.

    Whole numbers are divided by `whole_white`. Floats are taken as they are; the range of neither
    is checked: `zscape.data.checks` does that.
    """
    values = np.asarray(images)
    if values.dtype == np.float32:
        return values
    if values.dtype.kind in "iu":
        largest = np.float32(whole_white(values.dtype, white))
        return np.asarray(np.divide(values, largest, dtype=np.float32))
    if values.dtype.kind not in "bf":
        raise DataError(f"the images have values of type {values.dtype}; {EXPECTED_TYPES}.")
    return values.astype(np.float32)


def whole_white(dtype: np.dtype[Any], white: float | None = None) -> float:
    """Return which whole number of a type is white: `white`, or the largest where that is less.

    Where `white` is None, it is the largest of unsigned 8 and 16 bits, and 255 of all other types,
    which NumPy and others choose without being asked.
    """
    largest = float(np.iinfo(dtype).max)
    if white is None:
        return largest if dtype.kind == "u" and dtype.itemsize <= 2 else 255.0
    return min(float(white), largest)


def drawn(n_images: int, n: int, seed: int | Sequence[int] = 0) -> np.ndarray:
    """Return which `n` of some images to take when not all are, in increasing order, (n,).

    They are drawn at random, because the first ones of a sorted set are of one class.
    """
    order = np.random.default_rng(seed).permutation(n_images)
    return np.sort(order[:n])


def epoch_order(n_images: int, seed: int, epoch: int) -> np.ndarray:
    """Return in which order an epoch, counted from 0, shows the training images, (n_images,)."""
    return np.random.default_rng([seed, epoch]).permutation(n_images)


def _is_basic(index: Any) -> bool:
    basic = isinstance(index, int | np.integer | slice | EllipsisType)
    return basic and not isinstance(index, bool)
