"""Images that stay on disk until they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from types import EllipsisType
from typing import Any

import numpy as np

from zscape.data.picture_cache import Decoding


class StoredImages(np.lib.mixins.NDArrayOperatorsMixin):
    """Some of the images of a decoding, in any order; used like an array of them, read-only.

    Choosing images reads these only: `images[5]`, `images[8:64]`, `images[rows]`, and parts of
    them as in `images[8:64, ..., 0]`. Whatever else an array can do reads all of them first.

    Args:
        decoding: images (M, H, W, C); reading those that are not decoded yet waits for them.
        rows: which of them, (N,).
    """

    def __init__(self, decoding: Decoding, rows: np.ndarray) -> None:
        self.decoding = decoding
        self.rows = rows
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
        return images[(*(slice(None),) * np.ndim(rows), *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all of them."""
        if copy is False:
            raise ValueError("images on disk cannot be an array without a copy")
        whole: np.ndarray = self[:]
        return whole if dtype is None else whole.astype(dtype, copy=False)

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

    def is_broken(self, indices: np.ndarray) -> np.ndarray:
        """Tell which of the pictures at `indices` cannot be read, when they are decoded."""
        return self.decoding.is_broken(self.rows[indices])

    def take(self, indices: np.ndarray | slice) -> StoredImages:
        """Return the images at `indices`, still on disk."""
        return StoredImages(self.decoding, self.rows[indices])


def _is_basic(index: Any) -> bool:
    basic = isinstance(index, int | np.integer | slice | EllipsisType)
    return basic and not isinstance(index, bool)
