"""Images and their reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.errors import DataError
from zscape.viz import layout
from zscape.viz.layout import CELL, pixel_text
from zscape.viz.style import QUIET, look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    names = [] if labels is None else [str(label) for label in labels[:n]]
    n_columns, height, width, channels = images.shape
    note = "" if channels in (1, 3, 4) else f"Drawn: the mean of the {channels} channels."
    errors, mse, error_top = _errors(images, reconstructions)

    cell_height, cell_width = layout.cell_size(height, width, CELL, CELL)
    # 76 pixels hold the text of an MSE.
    pitch = max(cell_width, 76, 12 * max(map(len, names), default=0)) + _CELL_GAP
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
