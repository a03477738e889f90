"""Images that stay on disk until they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from zscape.data.picture_cache import Decoding


class StoredImages:
    """Some of the images of an array on disk, in any order; looks like an array of them.

    Args:
        array: images (M, H, W, C); reading those that are not decoded yet waits for them.
        rows: which of them, (N,).
    """

    def __init__(self, array: Decoding, rows: np.ndarray) -> None:
        self.decoding = array
        self.rows = rows
        self.shape: tuple[int, ...] = (len(rows), *array.shape[1:])
        self.dtype: np.dtype[Any] = array.dtype
        self.ndim = array.ndim
        self.size: int = int(np.prod(self.shape, dtype=np.int64))
        self.nbytes: int = self.size * array.dtype.itemsize

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Read the images at `index`: a number, a slice or an array, and parts of them."""
        if isinstance(index, tuple):
            first, *rest = index
            one = np.ndim(self.rows[first]) == 0
            return self[first][tuple(rest) if one else (slice(None), *rest)]
        return np.array(self.decoding[self.rows[index]])  # of one row it is a view of the file

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of them."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def is_broken(self, indices: np.ndarray) -> np.ndarray:
        """Tell which of the pictures at `indices` cannot be read, when they are decoded."""
        return self.decoding.is_broken(self.rows[indices])

    def take(self, indices: np.ndarray | slice) -> StoredImages:
        """Return the images at `indices`, still on disk."""
        return StoredImages(self.decoding, self.rows[indices])


def as_rows(images: Any) -> np.ndarray:
    """Return anything like an array as one, but what is on disk as it is."""
    return images if isinstance(images, StoredImages) else np.asarray(images)  # type: ignore[return-value]
