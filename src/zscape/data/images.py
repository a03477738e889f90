"""Images in memory and on disk, and their split for training. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zscape.data.listing import Skipped
from zscape.data.picture_cache import Decoding
from zscape.data.stored import StoredImages
from zscape.errors import DataError

EXPECTED_TYPES = "expected uint8, uint16, bool, or floats in [0, 1]"


@dataclass(frozen=True)
class Images:
    """Images as they are stored, with their labels if there are any.

    Attributes:
        images: (N, H, W, C): uint8, uint16, bool, or floats in [0, 1].
        labels: whole numbers (N,), or None.
        source: a name, a path, or `array`.
        class_names: what the labels 0, 1, 2, ... stand for, if they have names.
        names: the path of each picture within its folder.
        skipped: files of the folder that were left out.
        fingerprint: of what is listed in a folder.
    """

    images: np.ndarray
    labels: np.ndarray | None
    source: str
    class_names: tuple[str, ...] | None = None
    names: np.ndarray | None = None
    skipped: tuple[Skipped, ...] = ()
    fingerprint: str = ""

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def shown_labels(self) -> np.ndarray | None:
        """The labels as people read them: names (N,) where the classes have some."""
        if self.labels is None or self.class_names is None:
            return self.labels
        names: np.ndarray = np.array(self.class_names)
        return np.asarray(names[self.labels])

    def take(self, indices: np.ndarray | slice) -> Images:
        """Return the images at `indices`, in that order."""
        images: Any = self.images
        on_disk = isinstance(images, StoredImages)
        return replace(
            self,
            images=images.take(indices) if on_disk else images[indices],
            labels=None if self.labels is None else self.labels[indices],
            names=None if self.names is None else self.names[indices],
        )

    def readable(self) -> Images:
        """Return them without the pictures that cannot be read, which are then `skipped`.

        Waits until all pictures are decoded.

        Raises:
            DataError, OSError: what went wrong while they were decoded.
        """
        images: Any = self.images
        if not isinstance(images, StoredImages):
            return self
        broken = images.decoding.finish()
        kept = self.take(np.flatnonzero(~images.is_broken(np.arange(len(self)))))
        skipped = sorted({*self.skipped, *broken}, key=lambda item: item.path)
        return replace(kept, skipped=tuple(skipped))


@dataclass(frozen=True)
class Dataset:
    """Images split for training.

    Attributes:
        name: what to give `load_dataset` for the same images: a name, an absolute path, or
            `array` where they came from memory.
        train: what the network sees.
        validation: held out of train; early stopping and checkpoints look at it.
        test: looked at once, for the final metrics.
        fingerprint: SHA-256 of all images used, with their shape and type; of the pictures of a
            folder SHA-256 of their names and sizes in bytes.
    """

    name: str
    train: Images
    validation: Images
    test: Images
    fingerprint: str

    @property
    def decoding(self) -> Decoding | None:
        """The decoding of the pictures that the images come from; None for arrays."""
        images: Any = self.train.images
        return images.decoding if isinstance(images, StoredImages) else None

    def readable(self) -> Dataset:
        """Return it without the pictures that cannot be read; see `Images.readable`."""
        return replace(
            self,
            train=self.train.readable(),
            validation=self.validation.readable(),
            test=self.test.readable(),
        )


def as_float(images: np.ndarray) -> np.ndarray:
    """Return images of any accepted type as float32 in [0, 1], of the same shape.

    Whole numbers are divided by the largest value of their type. Floats are taken as they are:
    `load_images` checks their range.

    Raises:
        DataError: the type is not uint8, uint16, bool or a float.
    """
    if images.dtype == np.float32:
        return np.asarray(images)
    if images.dtype.kind == "u" and images.dtype.itemsize <= 2:
        largest = np.float32(np.iinfo(images.dtype).max)
        return np.asarray(np.divide(images, largest, dtype=np.float32))
    if images.dtype.kind not in "bf":
        raise DataError(f"the images have values of type {images.dtype}; {EXPECTED_TYPES}.")
    return images.astype(np.float32)


def epoch_order(n_images: int, seed: int, epoch: int) -> np.ndarray:
    """Return in which order an epoch, counted from 0, shows the training images, (n_images,)."""
    return np.random.default_rng([seed, epoch]).permutation(n_images)
