"""Sheets and rows of images: generated ones, interpolations, traversals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zscape.errors import DataError
from zscape.viz.images import (
    CELL,
    MARGIN,
    MIN_TILE,
    MOSAIC,
    TITLE,
    cell_size,
    checked_images,
    draw_picture,
    drawable,
    title_width,
)
from zscape.viz.style import look, pixel_axes, pixel_figure, pixel_text

NEAREST_COLUMNS = 12

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@look()
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
    n_rows = -(-n_images // n_columns)
    cell_height, cell_width = cell_size(
        height,
        width,
        min(CELL, max(MOSAIC // n_rows, MIN_TILE)),
        min(CELL, max(MOSAIC // n_columns, MIN_TILE)),
    )
    gap = 2 if min(cell_height, cell_width) >= 20 else 0
    top = MARGIN + (TITLE if title else 0)
    sheet_width = n_columns * (cell_width + gap) - gap
    figure = pixel_figure(
        max(sheet_width + 2 * MARGIN, title_width(title)),
        top + n_rows * (cell_height + gap) - gap + MARGIN,
    )
    if title:
        pixel_text(figure, MARGIN, MARGIN + 6, title, size=11, weight="bold", va="top")
    for index, picture in enumerate(drawable(images)):
        row, column = divmod(index, n_columns)
        left, upper = MARGIN + column * (cell_width + gap), top + row * (cell_height + gap)
        axes = pixel_axes(figure, left, upper, cell_width, cell_height)
        draw_picture(axes, picture)
    return figure


@look()
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
    n_rows, n_columns, height, width, _ = images.shape
    if len(names) != n_rows:
        raise DataError(f"{len(names)} names for {n_rows} rows; expected one each.")
    cell_height, cell_width = cell_size(
        height, width, min(CELL, max(2 * MOSAIC // n_rows, MIN_TILE)),
        min(CELL, max(2 * MOSAIC // n_columns, MIN_TILE)),
    )  # fmt: skip
    gap = 2 if min(cell_height, cell_width) >= 20 else 0
    left = 2 * MARGIN + 13 * max(map(len, names))
    top = MARGIN + (TITLE if title else 0)
    figure = pixel_figure(
        max(left + n_columns * (cell_width + gap) + MARGIN, title_width(title)),
        top + n_rows * (cell_height + gap) - gap + MARGIN,
    )
    if title:
        pixel_text(figure, MARGIN, MARGIN + 6, title, size=11, weight="bold", va="top")
    pictures = drawable(images)
    for row, name in enumerate(names):
        upper = top + row * (cell_height + gap)
        middle = upper + cell_height / 2
        pixel_text(figure, left - 12, middle, name, size=8.5, va="center", ha="right")
        for column in range(n_columns):
            x = left + column * (cell_width + gap)
            draw_picture(
                pixel_axes(figure, x, upper, cell_width, cell_height), pictures[row, column]
            )
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
