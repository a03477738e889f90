"""Latent grids: decoded lattices of codes, as mosaics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zscape.errors import DataError
from zscape.viz import layout
from zscape.viz.fonts import lettering
from zscape.viz.layout import MARGIN, MOSAIC
from zscape.viz.style import look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class GridPanel(NamedTuple):
    """One latent grid among several: the arguments of `plot_latent_grid` and its title."""

    images: np.ndarray
    xs: Sequence[float] | np.ndarray
    ys: Sequence[float] | np.ndarray
    title: str = ""


def plot_latent_grid(
    images: np.ndarray,
    xs: Sequence[float] | np.ndarray,
    ys: Sequence[float] | np.ndarray,
    *,
    axis_names: tuple[str, str] = ("z1", "z2"),
    title: str | None = None,
) -> Figure:
    """Draw a decoded lattice of codes as one mosaic with the coordinates at both axes.

    The first coordinate grows to the right and the second upward, as on any map: `images[0, 0]`,
    decoded at `(xs[0], ys[0])`, is drawn at the bottom left when both axes are increasing.

    Args:
        images: decoded images, shape (rows, cols, H, W, C); row `r` was decoded at `ys[r]` and
            column `c` at `xs[c]`. Channels are treated as `plot_reconstructions` does.
        xs: the first code coordinate of each column, length cols, increasing.
        ys: the second code coordinate of each row, length rows, increasing (the row drawn at
            the bottom comes first).
        axis_names: what to write at the two axes.
        title: a line above the mosaic.
    """
    return plot_latent_grids([GridPanel(images, xs, ys, title or "")], axis_names=axis_names)


@look()
def plot_latent_grids(
    panels: Sequence[GridPanel | tuple[np.ndarray, Any, Any, str]],
    *,
    axis_names: tuple[str, str] = ("z1", "z2"),
    title: str | None = None,
) -> Figure:
    """Draw latent grids side by side, each as `plot_latent_grid` does.

    Args:
        panels: `(images, xs, ys, title)` of each grid.
        axis_names: what to write at the two axes of every grid.
        title: a line above all of them.
    """
    if not panels:
        raise DataError("there is no latent grid to draw; expected at least one.")
    grids = [_checked_panel(GridPanel(*panel)) for panel in panels]
    sizes = [_mosaic_size(grid.images) for grid in grids]  # (height, width) of each mosaic

    top = layout.body_top(title) + (36 if any(grid.title for grid in grids) else 0)
    lefts, right = [], MARGIN
    for grid, (_, width) in zip(grids, sizes, strict=True):
        lefts.append(right + 50 + 14 * _longest(grid.ys))  # room for names and ticks
        right = lefts[-1] + max(width, 14 * len(grid.title)) + 2 * MARGIN
    tallest = max(height for height, _ in sizes)
    figure = layout.pixel_figure(right, top + tallest + 76, title)
    for grid, left, (height, width) in zip(grids, lefts, sizes, strict=True):
        axes = layout.pixel_axes(figure, left, top, width, height)
        _draw_grid(axes, grid, height, width, axis_names)
    return figure


def _draw_grid(
    axes: Axes, grid: GridPanel, height: int, width: int, axis_names: tuple[str, str]
) -> None:
    rows, columns = grid.images.shape[:2]
    # Tile (row, column) covers the unit square around (column, row): y grows upward.
    extent = (-0.5, columns - 0.5, -0.5, rows - 0.5)
    layout.draw_picture(axes, _mosaic(grid.images, height, width), extent=extent)
    x_ticks = layout.thinned(columns, width / columns, 13 * _longest(grid.xs) + 12)
    y_ticks = layout.thinned(rows, height / rows, 28)
    axes.set_xticks(x_ticks, _coordinates(np.asarray(grid.xs)[x_ticks]))
    axes.set_yticks(y_ticks, _coordinates(np.asarray(grid.ys)[y_ticks]))
    axes.tick_params(length=3, pad=4)
    (x_name, y_name, title), font = lettering(*axis_names, grid.title)
    axes.set_xlabel(x_name, **font)
    axes.set_ylabel(y_name, **font)
    if title:
        axes.set_title(title, size=9.5, weight="bold", **font)


def _checked_panel(panel: GridPanel) -> GridPanel:
    images = layout.checked_images(panel.images, "images", n_axes=5)
    xs, ys = np.asarray(panel.xs, dtype=float), np.asarray(panel.ys, dtype=float)
    rows, columns = images.shape[:2]
    if xs.shape != (columns,) or ys.shape != (rows,):
        raise DataError(
            f"coordinates have shapes {xs.shape} and {ys.shape}; expected ({columns},) and "
            f"({rows},), one for each column and each row of the grid."
        )
    return GridPanel(images, xs, ys, panel.title)


def _mosaic_size(images: np.ndarray) -> tuple[int, int]:
    """Return the drawn height and width of a latent grid, in pixels."""
    height, width = layout.tile_size(images.shape[:4], MOSAIC)
    return len(images) * height, images.shape[1] * width


def _mosaic(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Join (rows, cols, H, W, C) to one picture whose first row of pixels is the top one.

    Tiles with many more pixels than are drawn are averaged first: a wide grid of large images
    would take gigabytes.
    """
    rows, columns, tile_height, tile_width = images.shape[:4]
    y_factor = math.ceil(tile_height * rows / (2 * height))
    x_factor = math.ceil(tile_width * columns / (2 * width))
    tiles = layout.drawable(images[::-1])  # (rows, cols, H, W[, 3]), the largest y first
    tiles = _averaged(_averaged(tiles, y_factor, axis=2), x_factor, axis=3)
    joined = tiles.swapaxes(1, 2)  # (rows, H, cols, W[, 3])
    return joined.reshape(rows * joined.shape[1], columns * joined.shape[3], *joined.shape[4:])


def _averaged(tiles: np.ndarray, factor: int, axis: int) -> np.ndarray:
    """Average neighbours along one axis in groups of `factor`; the last group may be smaller."""
    if factor == 1:
        return tiles
    starts = np.arange(0, tiles.shape[axis], factor)
    counts = np.diff(np.append(starts, tiles.shape[axis]))
    sums = np.add.reduceat(tiles, starts, axis=axis)
    return np.moveaxis(np.moveaxis(sums, axis, -1) / counts, -1, axis)


def _longest(values: Sequence[float] | np.ndarray) -> int:
    """Return the length of the longest tick label."""
    return max(map(len, _coordinates(values)))


def _coordinates(values: Sequence[float] | np.ndarray) -> list[str]:
    """Return tick labels with the fewest decimals, at most three, that keep the values apart."""
    values = np.asarray(values, dtype=float)
    steps = np.abs(np.diff(values))
    tolerance = 0.02 * float(steps.min()) if len(steps) and steps.min() > 0 else 5e-3
    decimals = 0
    while decimals < 3 and np.abs(values - values.round(decimals)).max() > tolerance:
        decimals += 1
    rounded = values.round(decimals) + 0.0  # no minus sign on a zero
    return [f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for value in rounded]
