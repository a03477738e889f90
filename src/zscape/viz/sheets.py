"""Images: beside their reconstructions, in sheets, and in rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.errors import DataError
from zscape.viz import layout
from zscape.viz.fonts import lettering, text_width
from zscape.viz.layout import CELL, MARGIN, MOSAIC, pixel_text
from zscape.viz.style import QUIET, look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEAREST_COLUMNS = 12
MAX_NAME = 16  # letters of a name over a column
_HEAD = 22  # pixels over an image for the words there
_CELL_GAP = 8
_ROW_GAP = 14
_ROW_NAMES = 168


@look()
def plot_reconstructions(
    images: np.ndarray,
    reconstructions: np.ndarray,
    labels: Sequence[object] | np.ndarray | None = None,
    *,
    n: int = 10,
    title: str | None = None,
) -> Figure:
    """Draw inputs over their reconstructions over the absolute error.

    Under each column stands its MSE, the mean over pixels and channels of [0, 1] images. The
    error is the mean over channels, and all its pictures share the scale of the colour bar.

    Args:
        images: inputs, shape (N, H, W, C), any dtype that `zscape.data.images.as_float` takes.
            One channel is drawn in gray, three in colour, four in colour over white; of any
            other number the mean over channels is drawn, and the figure says so.
        reconstructions: the model's output for them, same shape. Clipped to [0, 1] for drawing,
            not for the error.
        labels: what to write over the columns, length N.
        n: the first `n` images are drawn, or all when there are fewer.
        title: a line above the figure.
    """
    images, reconstructions = _checked(images, reconstructions, labels, n)
    names, _ = lettering(*([] if labels is None else labels[:n]), length=MAX_NAME)
    n_columns, height, width, channels = images.shape
    note = "" if channels in (1, 3, 4) else f"Drawn: the mean of the {channels} channels."
    errors, mse, error_top = _errors(images, reconstructions)

    cell_height, cell_width = layout.cell_size(height, width, CELL, CELL)
    # 76 pixels hold the text of an MSE.
    pitch = max(cell_width, 76, 12 * max(map(text_width, names), default=0)) + _CELL_GAP
    top = layout.body_top(title) + (26 if names else 0)
    bottom = top + 3 * cell_height + 2 * _ROW_GAP
    right = _ROW_NAMES + n_columns * pitch
    figure_width = max(right + 78, _ROW_NAMES + 8 * len(note))
    figure = layout.pixel_figure(figure_width, bottom + 46 + (28 if note else 0), title)
    rows: list[tuple[str, float, np.ndarray, dict[str, Any]]] = [
        ("input", top, layout.drawable(images), {}),
        ("reconstruction", top + cell_height + _ROW_GAP, layout.drawable(reconstructions), {}),
        ("error", bottom - cell_height, errors, {"cmap": "magma", "vmax": error_top}),
    ]
    for text, row_top, _, _ in rows:
        layout.row_name(figure, _ROW_NAMES - 12, row_top + cell_height / 2, text)
    small: dict[str, Any] = {"size": 7, "color": QUIET, "va": "top"}
    for column in range(n_columns):
        left = _ROW_NAMES + (pitch - _CELL_GAP - cell_width) // 2 + column * pitch
        for _, row_top, pictures, options in rows:
            axes = layout.pixel_axes(figure, left, row_top, cell_width, cell_height)
            artist = layout.draw_picture(axes, pictures[column], **options)
        middle = left + cell_width / 2
        if names:
            pixel_text(figure, middle, top - 8, names[column], size=8.5, ha="center", va="baseline")
        pixel_text(figure, middle, bottom + 12, f"{mse[column]:#.3g}", ha="center", **small)
    pixel_text(figure, _ROW_NAMES - 12, bottom + 12, "MSE", ha="right", **small)
    if note:
        pixel_text(figure, _ROW_NAMES, bottom + 42, note, **small)
    bar_height = max(cell_height, 40)
    bar_axes = layout.pixel_axes(figure, right + 8, bottom - bar_height, 10, bar_height)
    bar = figure.colorbar(artist, cax=bar_axes, ticks=[0.0, error_top])
    bar_axes.set_yticklabels(["0", f"{error_top:.2g}"], fontsize=7)
    bar_axes.tick_params(length=2, pad=2)
    bar.outline.set_visible(False)
    return figure


def _checked(
    images: np.ndarray,
    reconstructions: np.ndarray,
    labels: Sequence[object] | np.ndarray | None,
    n: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the first `n` images and reconstructions, float32 in [0, 1]."""
    images, reconstructions = layout.checked_images(images, "images"), np.asarray(reconstructions)
    if reconstructions.shape != images.shape:
        raise DataError(
            f"reconstructions have shape {reconstructions.shape} and images {images.shape}; "
            "expected the same shape."
        )
    if n < 1:
        raise DataError(f"n is {n}; expected 1 or more images to draw.")
    if labels is not None and len(labels) != len(images):
        raise DataError(f"{len(labels)} labels for {len(images)} images; expected one each.")
    return images[:n], layout.checked_images(reconstructions[:n], "reconstructions")


def _errors(
    images: np.ndarray, reconstructions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the absolute errors (n, H, W), the MSE of each image (n,), and the largest error."""
    signed = reconstructions.astype(np.float64) - images
    errors = np.abs(signed).mean(axis=-1)
    finite = errors[np.isfinite(errors)]
    top = max(float(finite.max()), 1e-3) if finite.size else 1.0
    mse = np.square(signed).mean(axis=(1, 2, 3))
    return np.nan_to_num(errors, nan=top, posinf=top), mse, top


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
    images: np.ndarray,
    names: Sequence[str],
    *,
    heads: Sequence[Sequence[str]] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw rows of images (rows, cols, H, W, C) with a name before each row.

    `heads` (rows, cols) are written over the images; some are left out where there is no room.
    """
    images = layout.checked_images(images, "images", n_axes=5)
    if len(names) != len(images):
        raise DataError(f"{len(names)} names for {len(images)} rows; expected one each.")
    shape = images.shape[:2]
    if heads is not None and np.shape(heads) != shape:
        raise DataError(f"heads have shape {np.shape(heads)}; expected {shape}, one an image.")
    return _plot_rows(list(images), names, 2 * MOSAIC, title, heads)


def plot_interpolation(path: np.ndarray, ends: np.ndarray, name: str) -> Figure:
    """Draw the images of a path (steps, H, W, C) between the two originals `ends` (2, H, W, C)."""
    images = np.concatenate([ends[:1], path, ends[1:]])
    heads = ["original", *[""] * len(path), "original"]
    return plot_image_rows(images[None], [name], heads=[heads])


def plot_traversal(images: np.ndarray, names: Sequence[str], values: np.ndarray) -> Figure:
    """Draw images (directions, steps, H, W, C) under the values (directions, steps) they stand for.

    `names` are those of the directions.
    """
    heads = [
        [f"{value:.2f}".replace("-", "\N{MINUS SIGN}") for value in row] for row in values + 0.0
    ]
    return plot_image_rows(images, names, heads=heads)


@look()
def _plot_rows(
    rows: Sequence[np.ndarray],
    names: Sequence[str],
    side: int,
    title: str | None,
    heads: Sequence[Sequence[str]] | None = None,
) -> Figure:
    """Draw rows of images (n, H, W, C), of which the last may be shorter, at most `side` long."""
    n_rows, n_columns = len(rows), len(rows[0])
    cell = layout.tile_size((n_rows, n_columns, *rows[0].shape[1:3]), side, CELL)
    gap = 2 if min(cell) >= 20 else 0
    cell_height, cell_width = cell
    pitch = cell_width + gap
    height = cell_height + gap + (0 if heads is None else _HEAD)
    # The first and the last head may be wider than an image.
    beyond = 0 if heads is None else max(0, (_widest(heads) - cell_width) // 2)
    left = beyond + (2 * MARGIN + 13 * max(map(len, names)) if names else MARGIN)
    top = layout.body_top(title) + (0 if heads is None else _HEAD)
    right = left + n_columns * pitch + beyond + (MARGIN if names else MARGIN - gap)
    figure = layout.pixel_figure(right, top + (n_rows - 1) * height + cell_height + MARGIN, title)
    for row, images in enumerate(rows):
        upper = top + row * height
        if names:
            layout.row_name(figure, left - beyond - 12, upper + cell_height / 2, names[row])
        for column, picture in enumerate(layout.drawable(images)):
            axes = layout.pixel_axes(figure, left + column * pitch, upper, cell_width, cell_height)
            layout.draw_picture(axes, picture)
        if heads is not None:
            _draw_heads(figure, heads[row], left + cell_width / 2, upper - 6, pitch)
    return figure


def _draw_heads(figure: Figure, words: Sequence[str], x: float, y: float, pitch: float) -> None:
    """Write words that stand `pitch` pixels apart, as many as there is room for."""
    columns = [column for column, word in enumerate(words) if word]
    distance = pitch * min(np.diff(columns), default=1)
    for number in layout.thinned(len(columns), distance, _widest([words]) + 8):
        column = columns[number]
        options: dict[str, Any] = {"size": 7, "color": QUIET, "ha": "center", "va": "baseline"}
        pixel_text(figure, x + column * pitch, y, words[column], **options)


def _widest(heads: Sequence[Sequence[str]]) -> int:
    """Return how many pixels the widest head takes."""
    return 10 * max(text_width(word) for words in heads for word in words)


def plot_nearest(images: np.ndarray, nearest: np.ndarray) -> Figure:
    """Draw images (N, H, W, C) in rows, and below each the training image nearest to it."""
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
