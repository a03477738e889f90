"""Sheets and rows of images: generated ones, interpolations, traversals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zscape.errors import DataError
from zscape.viz import layout
from zscape.viz.layout import CELL, MARGIN, MOSAIC
from zscape.viz.style import look

NEAREST_COLUMNS = 12

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_images(images: np.ndarray, *, title: str | None = None) -> Figure:
    """Draw images (N, H, W, C) row by row, in a sheet that is about as wide as high.

    Channels are treated as `plot_reconstructions` does.
    """
    images = layout.checked_images(images, "images")
    n_images, height, width, _ = images.shape
    n_columns = min(n_images, max(1, round(math.sqrt(n_images * height / width))))
    rows = [images[start : start + n_columns] for start in range(0, n_images, n_columns)]
    return _plot_rows(rows, [], MOSAIC, title)


def plot_image_rows(
    images: np.ndarray, names: Sequence[str], *, title: str | None = None
) -> Figure:
    """Draw rows of images (rows, cols, H, W, C) with a name before each row."""
    images = layout.checked_images(images, "images", n_axes=5)
    if len(names) != len(images):
        raise DataError(f"{len(names)} names for {len(images)} rows; expected one each.")
    return _plot_rows(list(images), names, 2 * MOSAIC, title)


@look()
def _plot_rows(
    rows: Sequence[np.ndarray], names: Sequence[str], side: int, title: str | None
) -> Figure:
    """Draw rows of images (n, H, W, C), of which the last may be shorter, at most `side` long."""
    n_rows, n_columns = len(rows), len(rows[0])
    cell = layout.tile_size((n_rows, n_columns, *rows[0].shape[1:3]), side, CELL)
    gap = 2 if min(cell) >= 20 else 0
    cell_height, cell_width = cell
    left = 2 * MARGIN + 13 * max(map(len, names)) if names else MARGIN
    top = layout.body_top(title)
    right = left + n_columns * (cell_width + gap) + (MARGIN if names else MARGIN - gap)
    bottom = top + n_rows * (cell_height + gap) - gap + MARGIN
    figure = layout.pixel_figure(right, bottom, title)
    for row, images in enumerate(rows):
        upper = top + row * (cell_height + gap)
        if names:
            layout.row_name(figure, left - 12, upper + cell_height / 2, names[row])
        for column, picture in enumerate(layout.drawable(images)):
            x = left + column * (cell_width + gap)
            axes = layout.pixel_axes(figure, x, upper, cell_width, cell_height)
            layout.draw_picture(axes, picture)
    return figure


def plot_nearest(images: np.ndarray, nearest: np.ndarray) -> Figure:
    """Draw generated images (N, H, W, C) in rows, each above the training image nearest to it."""
    images = layout.checked_images(images, "images")
    nearest = layout.checked_images(nearest, "nearest images")
    if images.shape != nearest.shape:
        raise DataError(
            f"images have shape {images.shape} and the nearest ones {nearest.shape}; expected "
            "the same shape."
        )
    n_columns = min(len(images), NEAREST_COLUMNS)
    n_pairs = -(-len(images) // n_columns)
    n_empty = n_pairs * n_columns - len(images)
    pairs = np.stack([images, nearest])  # (2, N, H, W, C)
    pairs = np.pad(pairs, [(0, 0), (0, n_empty), *[(0, 0)] * 3], constant_values=1)
    rows = pairs.reshape(2, n_pairs, n_columns, *images.shape[1:]).swapaxes(0, 1)
    return plot_image_rows(
        rows.reshape(2 * n_pairs, n_columns, *images.shape[1:]),
        ["generated", "training image"] * n_pairs,
        title="Generated images and the nearest training images",
    )
