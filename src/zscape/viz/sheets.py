"""Sheets and rows of images: generated ones, interpolations, traversals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zscape.errors import DataError
from zscape.viz.layout import (
    CELL,
    MARGIN,
    MIN_TILE,
    MOSAIC,
    body_top,
    cell_size,
    checked_images,
    draw_picture,
    drawable,
    pixel_axes,
    pixel_figure,
    pixel_text,
)
from zscape.viz.style import look

NEAREST_COLUMNS = 12

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_images(images: NDArray[Any], *, title: str | None = None) -> Figure:
    """Draw images side by side, row by row, in a sheet that is about as wide as high.

    Args:
        images: (N, H, W, C) in [0, 1]. Channels are treated as `plot_reconstructions` does.
        title: a line above the sheet.

    Raises:
        DataError: there is no image.
    """
    images = checked_images(images, "images")
    n_images, height, width, _ = images.shape
    n_columns = min(n_images, max(1, round(math.sqrt(n_images * height / width))))
    rows = [images[start : start + n_columns] for start in range(0, n_images, n_columns)]
    return _plot_rows(rows, [], MOSAIC, title)


def plot_image_rows(
    images: NDArray[Any], names: Sequence[str], *, title: str | None = None
) -> Figure:
    """Draw rows of images with a name before each row, as of traversals and interpolations.

    Args:
        images: (rows, cols, H, W, C) in [0, 1]. Channels are treated as `plot_reconstructions`
            does.
        names: what to write before the rows, one each.
        title: a line above all rows.

    Raises:
        DataError: there is no image, or not one name for a row.
    """
    images = checked_images(images, "images", n_axes=5)
    if len(names) != len(images):
        raise DataError(f"{len(names)} names for {len(images)} rows; expected one each.")
    return _plot_rows(list(images), names, 2 * MOSAIC, title)


@look()
def _plot_rows(
    rows: Sequence[NDArray[np.float32]], names: Sequence[str], side: int, title: str | None
) -> Figure:
    """Draw rows of images (n, H, W, C), of which the last may be shorter, at most `side` long."""
    n_rows, (n_columns, height, width, _) = len(rows), rows[0].shape
    cell_height, cell_width = (
        cell_size(
            height, width,
            min(CELL, max(side // n_rows, MIN_TILE)), min(CELL, max(side // n_columns, MIN_TILE)),
        )
    )  # fmt: skip
    gap = 2 if min(cell_height, cell_width) >= 20 else 0
    left = 2 * MARGIN + 13 * max(map(len, names)) if names else MARGIN
    top = body_top(title)
    figure = pixel_figure(
        left + n_columns * (cell_width + gap) + (MARGIN if names else MARGIN - gap),
        top + n_rows * (cell_height + gap) - gap + MARGIN,
        title,
    )
    for row, images in enumerate(rows):
        upper = top + row * (cell_height + gap)
        if names:
            middle = upper + cell_height / 2
            pixel_text(figure, left - 12, middle, names[row], size=8.5, va="center", ha="right")
        for column, picture in enumerate(drawable(images)):
            x = left + column * (cell_width + gap)
            draw_picture(pixel_axes(figure, x, upper, cell_width, cell_height), picture)
    return figure


def plot_nearest(images: NDArray[Any], nearest: NDArray[Any]) -> Figure:
    """Draw generated images in rows, and below each the training image nearest to it.

    Args:
        images: (N, H, W, C) in [0, 1]. Channels are treated as `plot_reconstructions` does.
        nearest: (N, H, W, C), in the same order.

    Raises:
        DataError: there is no image, or the shapes differ.
    """
    images, nearest = checked_images(images, "images"), checked_images(nearest, "nearest images")
    if images.shape != nearest.shape:
        raise DataError(
            f"images have shape {images.shape} and the nearest ones {nearest.shape}; expected "
            "the same shape."
        )
    n_columns = min(len(images), NEAREST_COLUMNS)
    n_pairs = -(-len(images) // n_columns)
    shape = (n_pairs, n_columns, *images.shape[1:])
    empty = np.ones((n_pairs * n_columns - len(images), *images.shape[1:]), np.float32)
    pairs = [np.concatenate([part, empty]).reshape(shape) for part in (images, nearest)]
    rows = np.stack(pairs, axis=1).reshape(2 * n_pairs, *shape[1:])
    return plot_image_rows(
        rows,
        ["generated", "training image"] * n_pairs,
        title="Generated images and the nearest training images",
    )
