"""Images that stay on disk until they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np


class StoredImages:
    """Some of the images of a memory-mapped array, in any order; looks like an array of them.

    Args:
        array: images (M, H, W, C), usually memory-mapped.
        rows: which of them, (N,).
    """

    def __init__(self, array: np.ndarray, rows: np.ndarray) -> None:
        self._array = array
        self._rows = rows
        self.shape: tuple[int, ...] = (len(rows), *array.shape[1:])
        self.dtype: np.dtype[Any] = array.dtype
        self.ndim = array.ndim
        self.size: int = int(np.prod(self.shape, dtype=np.int64))
        self.nbytes: int = self.size * array.dtype.itemsize

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Read the images at `index`: a number, a slice or an array, and parts of them."""
        if isinstance(index, tuple):
            first, *rest = index
            one = np.ndim(self._rows[first]) == 0
            return self[first][tuple(rest) if one else (slice(None), *rest)]
        images: np.ndarray = self._array[self._rows[index]]
        return np.array(images)  # of a single row the array would give a view of the file

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of them."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def take(self, indices: np.ndarray | slice) -> StoredImages:
        """Return the images at `indices`, still on disk."""
        return StoredImages(self._array, self._rows[indices])


def as_rows(images: Any) -> np.ndarray:
    """Return anything like an array as one, but what is on disk as it is."""
    return images if isinstance(images, StoredImages) else np.asarray(images)  # type: ignore[return-value]
