"""The one check of shape, type and range that all images go through, wherever they come from."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from zscape.data.images import (
    EXPECTED_TYPES,
    NO_LABEL,
    ImageStore,
    as_store,
    chunks,
    on_disk,
    whole_white,
)
from zscape.errors import DataError


def as_images(images: Any, source: str = "array", white: float | None = None) -> ImageStore:
    """Return images (N, H, W) or (N, H, W, C) as (N, H, W, C), checked by `check_values`.

    Whole numbers of other types than uint8 and uint16 become the smaller of these that holds them.
    Nothing else is copied. What is on disk stays there: it was made as it should be.
    """
    store = as_store(images)
    if on_disk(store) is not None:
        return store
    array = _with_channels(np.asarray(store), source)
    check_values(array, source, white)
    if array.dtype.kind == "i" or (array.dtype.kind == "u" and array.dtype.itemsize > 2):
        return array.astype(np.uint8 if whole_white(array.dtype, white) <= 255 else np.uint16)
    return array


def check_values(images: ImageStore, source: str = "", white: float | None = None) -> None:
    """Check the type and the range of images of any shape, those given to a model without source.

    They may be bool, floats in [0, 1], or whole numbers from 0 to `whole_white` of their type and
    `white`. Values are looked at only where the type allows others.
    """
    kind = images.dtype.kind
    has = f"{source} has" if source else "the images have"
    if kind == "b" or images.size == 0:
        return
    if kind in "iu":
        _check_whole(images, has, white)
        return
    if kind != "f":
        raise DataError(f"{has} values of type {images.dtype}; {EXPECTED_TYPES}: convert them.")
    low, high, n_bad = np.inf, -np.inf, 0
    for _, part in chunks(images):
        part_low, part_high = float(part.min()), float(part.max())
        if not np.isfinite(part_low - part_high):  # min and max keep NaN
            n_bad += int(part.size - np.isfinite(part).sum())
        low, high = min(low, part_low), max(high, part_high)
    if n_bad:
        raise DataError(
            f"{has} {n_bad:,} NaN or infinite value{'s' if n_bad != 1 else ''}; expected floats "
            "in [0, 1]: replace them first."
        )
    if low < 0 or high > 1:
        raise DataError(
            f"{has} values from {low:.9g} to {high:.9g}; expected floats in [0, 1]: "
            f"{_range_remedy(low, high)}."
        )


def _check_whole(images: ImageStore, has: str, white: float | None) -> None:
    """Refuse whole numbers below 0 or above white."""
    most = whole_white(images.dtype, white)
    if images.dtype.kind == "u" and most >= np.iinfo(images.dtype).max:
        return
    ranges = [(int(part.min()), int(part.max())) for _, part in chunks(images)]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    if 0 <= low and high <= most:
        return
    expected = (
        "expected 0 to 255 (or unsigned 16-bit): scale them, or give floats in [0, 1]"
        if white is None
        else f"expected 0 to {most:g}, for {most:g} is white here: give images of that scale, or "
        "floats in [0, 1]"
    )
    raise DataError(f"{has} whole numbers from {low} to {high}; {expected}.")


def as_labels(labels: Any, n_images: int, source: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Return labels as int64 (N,), checked, and the names of the classes if they are texts.

    What is below 0, NaN or an empty text is `NO_LABEL`.
    """
    found: np.ndarray = np.asarray(labels)
    if found.shape == (n_images, 1):  # as Keras has them
        found = found[:, 0]
    if found.shape != (n_images,):
        is_one_hot = found.ndim == 2 and len(found) == n_images
        remedy = ": numpy.argmax(labels, axis=1), if these are one-hot" if is_one_hot else ""
        raise DataError(
            f"{source} has labels of shape {found.shape} for {n_images:,} images; expected "
            f"({n_images},): one label for each image{remedy}."
        )
    if found.dtype.kind in "SUT":
        return _numbered(found)
    is_missing = np.isnan(found) if found.dtype.kind == "f" else np.zeros(n_images, bool)
    known = found[~is_missing]
    whole = (
        found.dtype.kind in "ib"
        or (found.dtype.kind == "u" and bool((known < 2**63).all()))
        or (
            found.dtype.kind == "f"
            # Beyond 2**53 a float no longer tells one whole number from the next.
            and bool((np.abs(known) < 2**53).all() and (known % 1 == 0).all())
        )
    )
    if not whole:
        raise DataError(
            f"{source} has labels of type {found.dtype} that are not whole numbers; expected "
            "one whole number or text for each image: number the classes 0, 1, 2, ..."
        )
    numbers = np.where(is_missing, NO_LABEL, found).astype(np.int64)
    return np.maximum(numbers, NO_LABEL), None


def _numbered(texts: np.ndarray) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Return texts (N,) as the numbers that they spell, or of the classes that they name."""
    if texts.dtype.kind == "S":
        texts = np.char.decode(texts, "utf-8", "replace")
    names, rows = np.unique(np.char.strip(texts.astype(str)), return_inverse=True)
    if all(re.fullmatch(r"([+-]?\d{1,15}(\.0*)?|nan)?", name, re.ASCII | re.I) for name in names):
        values = [NO_LABEL if name.lower() in ("", "nan") else int(float(name)) for name in names]
        numbers = np.maximum(np.array(values, np.int64), NO_LABEL)
        return numbers[rows], None
    is_name = names != ""
    numbers = np.where(is_name, np.cumsum(is_name) - 1, NO_LABEL)
    return numbers[rows].astype(np.int64), tuple(names[is_name].tolist())


def _with_channels(images: np.ndarray, source: str) -> np.ndarray:
    """Return images as (N, H, W, C), or say what is odd about their shape."""
    shape, n_axes = images.shape, images.ndim
    oddity = remedy = ""
    if n_axes == 3 and shape[-1] in (1, 3, 4):
        oddity = ", which looks like one image (H, W, C)"
        remedy = ": add a first axis, or a last one if these are many"
    elif n_axes == 2:
        oddity, remedy = ": one image, or flattened ones", ": reshape the array"
    elif n_axes == 4 and shape[1] in (1, 3) and min(shape[2:]) >= 8:
        oddity = ", which looks like (N, C, H, W)"
        remedy = ": move the axis with numpy.moveaxis(images, 1, -1)"
    elif n_axes in (3, 4) and images.size == 0:
        oddity = ": there are no pixels"
    if oddity or n_axes not in (3, 4):
        expected = "expected images (N, H, W) or (N, H, W, C)"
        raise DataError(f"{source} has shape {shape}{oddity}; {expected}{remedy}.")
    return images if n_axes == 4 else images[..., np.newaxis]


def _range_remedy(low: float, high: float) -> str:
    if low >= -0.01 and high <= 1.01:  # what rounding and resizing leave
        return "clip them with numpy.clip(images, 0, 1)"
    if low >= 0 and high <= 255:
        return "divide them by 255"
    if low >= -1 and high <= 1:
        return "add 1 and divide by 2"
    return "rescale them"
