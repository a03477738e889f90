"""Images and their reconstructions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zscape.errors import DataError
from zscape.viz.layout import (
    CELL,
    body_top,
    cell_size,
    checked_images,
    draw_picture,
    drawable,
    pixel_axes,
    pixel_figure,
    pixel_text,
)
from zscape.viz.style import QUIET, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL_GAP = 8
_ROW_GAP = 14
_ROW_NAMES = 168


@look()
def plot_reconstructions(
    images: NDArray[Any],
    reconstructions: NDArray[Any],
    labels: Sequence[object] | NDArray[Any] | None = None,
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

    Raises:
        DataError: there is no image, or the shapes do not fit each other.
    """
    images, reconstructions = _checked(images, reconstructions, labels, n)
    n_columns, height, width, channels = images.shape
    signed = reconstructions.astype(np.float64) - images
    errors = np.abs(signed).mean(axis=-1)  # (n, H, W)
    mse = np.square(signed).mean(axis=(1, 2, 3))  # (n,)
    finite = errors[np.isfinite(errors)]
    error_top = max(float(finite.max()), 1e-3) if finite.size else 1.0
    errors = np.nan_to_num(errors, nan=error_top, posinf=error_top)
    rows: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
        "input": (drawable(images), {}),
        "reconstruction": (drawable(reconstructions), {}),
        "error": (errors, {"cmap": "magma", "vmax": error_top}),
    }

    cell_height, cell_width = cell_size(height, width, CELL, CELL)
    names = [] if labels is None else [str(label) for label in labels[:n]]
    # 76 pixels hold the text of an MSE.
    pitch = max(cell_width, 76, 12 * max(map(len, names), default=0)) + _CELL_GAP
    top = body_top(title) + (26 if names else 0)
    bottom = top + 2 * (cell_height + _ROW_GAP) + cell_height
    note = "" if channels in (1, 3, 4) else f"Drawn: the mean of the {channels} channels."
    right = _ROW_NAMES + n_columns * pitch
    figure = pixel_figure(
        max(right + 78, _ROW_NAMES + 8 * len(note)), bottom + 46 + (28 if note else 0), title
    )
    first = _ROW_NAMES + (pitch - _CELL_GAP - cell_width) // 2
    row_tops = [top + row * (cell_height + _ROW_GAP) for row in range(3)]
    for text, row_top in zip(rows, row_tops, strict=True):
        middle = row_top + cell_height / 2
        pixel_text(figure, _ROW_NAMES - 12, middle, text, size=8.5, va="center", ha="right")
    small: dict[str, Any] = {"size": 7, "color": QUIET, "va": "top"}
    for column in range(n_columns):
        left = first + column * pitch
        for (pictures, options), row_top in zip(rows.values(), row_tops, strict=True):
            axes = pixel_axes(figure, left, row_top, cell_width, cell_height)
            artist = draw_picture(axes, pictures[column], **options)
        middle = left + cell_width / 2
        if names:
            pixel_text(figure, middle, top - 8, names[column], size=8.5, ha="center", va="baseline")
        pixel_text(figure, middle, bottom + 12, f"{mse[column]:#.3g}", ha="center", **small)
    pixel_text(figure, _ROW_NAMES - 12, bottom + 12, "MSE", ha="right", **small)
    if note:
        pixel_text(figure, _ROW_NAMES, bottom + 42, note, **small)
    bar_height = max(cell_height, 40)
    _draw_bar(pixel_axes(figure, right + 8, bottom - bar_height, 10, bar_height), artist, error_top)
    return figure


def _checked(
    images: NDArray[Any],
    reconstructions: NDArray[Any],
    labels: Sequence[object] | NDArray[Any] | None,
    n: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the first `n` images and reconstructions, float32 in [0, 1]."""
    images, reconstructions = checked_images(images, "images"), np.asarray(reconstructions)
    if reconstructions.shape != images.shape:
        raise DataError(
            f"reconstructions have shape {reconstructions.shape} and images {images.shape}; "
            "expected the same shape."
        )
    if n < 1:
        raise DataError(f"n is {n}; expected 1 or more images to draw.")
    if labels is not None and len(labels) != len(images):
        raise DataError(f"{len(labels)} labels for {len(images)} images; expected one each.")
    return images[:n], checked_images(reconstructions[:n], "reconstructions")


def _draw_bar(axes: Axes, artist: Any, top: float) -> None:
    """Draw the colour bar of the errors."""
    figure: Any = axes.get_figure()
    bar = figure.colorbar(artist, cax=axes, ticks=[0.0, top])
    bar.ax.set_yticklabels(["0", f"{top:.2g}"], fontsize=7)
    bar.ax.tick_params(length=2, pad=2)
    bar.outline.set_visible(False)
