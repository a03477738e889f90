"""Figures made of images: reconstructions beside their inputs, and decoded latent grids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zscape.errors import DataError
from zscape.viz.style import FAINT, QUIET, look, pixel_axes, pixel_figure, pixel_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# All lengths below are pixels at the layout density, `style.DPI`.
CELL = 112  # the longer side of an image among reconstructions: 4 times 28
_CELL_GAP = 8
_ROW_GAP = 14
MARGIN = 18
_ROW_NAMES = 168
TITLE = 46
MOSAIC = 660  # the longer side of a latent grid
MIN_TILE = 4
# A strip thinner than this share of its length is stretched, or nothing of it would be seen.
_THINNEST = 1 / 6


class GridPanel(NamedTuple):
    """One latent grid among several: the arguments of `plot_latent_grid` and its title."""

    images: NDArray[Any]
    xs: Sequence[float] | NDArray[Any]
    ys: Sequence[float] | NDArray[Any]
    title: str = ""


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
    images, reconstructions = images[:n], checked_images(reconstructions[:n], "reconstructions")
    n_columns, height, width, channels = images.shape

    signed = reconstructions.astype(np.float64) - images
    errors = np.abs(signed).mean(axis=-1)  # (n, H, W)
    mse = np.square(signed).mean(axis=(1, 2, 3))  # (n,)
    finite = errors[np.isfinite(errors)]
    error_top = max(float(finite.max()), 1e-3) if finite.size else 1.0

    cell_height, cell_width = cell_size(height, width, CELL, CELL)
    names = [] if labels is None else [str(label) for label in labels[:n]]
    # 76 pixels hold the text of an MSE.
    pitch = max(cell_width, 76, 12 * max(map(len, names), default=0)) + _CELL_GAP
    top = MARGIN + (TITLE if title else 0) + (26 if names else 0)
    row_tops = [top + row * (cell_height + _ROW_GAP) for row in range(3)]
    bottom = row_tops[2] + cell_height
    note = "" if channels in (1, 3, 4) else f"Drawn: the mean of the {channels} channels."
    right = _ROW_NAMES + n_columns * pitch
    width_needed = max(right + 78, _ROW_NAMES + 8 * len(note), title_width(title))
    figure = pixel_figure(width_needed, bottom + 46 + (28 if note else 0))
    if title:
        pixel_text(figure, MARGIN, MARGIN + 6, title, size=11, weight="bold", va="top")

    for text, row_top in zip(("input", "reconstruction", "error"), row_tops, strict=True):
        middle = row_top + cell_height / 2
        pixel_text(figure, _ROW_NAMES - 12, middle, text, size=8.5, va="center", ha="right")
    rows: tuple[tuple[NDArray[Any], dict[str, Any]], ...] = (
        (drawable(images), {}),
        (drawable(reconstructions), {}),
        (
            np.nan_to_num(errors, nan=error_top, posinf=error_top),
            {"cmap": "magma", "vmax": error_top},
        ),
    )
    for column in range(n_columns):
        left = _ROW_NAMES + column * pitch + (pitch - _CELL_GAP - cell_width) // 2
        middle = left + cell_width / 2
        if names:
            name = names[column]
            pixel_text(figure, middle, top - 8, name, size=8.5, ha="center", va="baseline")
        for (pictures, options), row_top in zip(rows, row_tops, strict=True):
            axes = pixel_axes(figure, left, row_top, cell_width, cell_height)
            artist = draw_picture(axes, pictures[column], **options)
        value = f"{mse[column]:#.3g}"
        pixel_text(figure, middle, bottom + 12, value, size=7, color=QUIET, ha="center", va="top")
    pixel_text(
        figure, _ROW_NAMES - 12, bottom + 12, "MSE", size=7, color=QUIET, ha="right", va="top"
    )
    if note:
        pixel_text(figure, _ROW_NAMES, bottom + 42, note, size=7, color=QUIET, va="top")

    bar_height = max(cell_height, 40)
    bar_top = bottom - bar_height
    bar_axes = pixel_axes(figure, right + 8, bar_top, 10, bar_height)
    bar = figure.colorbar(artist, cax=bar_axes, ticks=[0.0, error_top])
    bar.ax.set_yticklabels(["0", f"{error_top:.2g}"], fontsize=7)
    bar.ax.tick_params(length=2, pad=2)
    bar.outline.set_visible(False)
    return figure


def plot_latent_grid(
    images: NDArray[Any],
    xs: Sequence[float] | NDArray[Any],
    ys: Sequence[float] | NDArray[Any],
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

    Raises:
        DataError: the shapes do not fit each other.
    """
    return plot_latent_grids([GridPanel(images, xs, ys, title or "")], axis_names=axis_names)


@look()
def plot_latent_grids(
    panels: Sequence[GridPanel | tuple[NDArray[Any], Any, Any, str]],
    *,
    axis_names: tuple[str, str] = ("z1", "z2"),
    title: str | None = None,
) -> Figure:
    """Draw latent grids side by side, each as `plot_latent_grid` does.

    Args:
        panels: `(images, xs, ys, title)` of each grid.
        axis_names: what to write at the two axes of every grid.
        title: a line above all of them.

    Raises:
        DataError: there is no grid, or the shapes of one do not fit each other.
    """
    if not panels:
        raise DataError("there is no latent grid to draw; expected at least one.")
    grids = [_checked_panel(GridPanel(*panel)) for panel in panels]
    sizes = [_mosaic_size(grid.images) for grid in grids]  # (height, width) of each mosaic
    tick_rooms = [28 + 14 * max(map(len, _coordinates(grid.ys))) for grid in grids]

    top = MARGIN + (TITLE if title else 0) + (36 if any(g.title for g in grids) else 0)
    tallest = max(height for height, _ in sizes)
    lefts, right = [], MARGIN
    for grid, room, (_, width) in zip(grids, tick_rooms, sizes, strict=True):
        lefts.append(right + 22 + room)
        right = lefts[-1] + max(width, 14 * len(grid.title)) + 2 * MARGIN
    figure = pixel_figure(max(right, title_width(title)), top + tallest + 76)
    if title:
        pixel_text(figure, MARGIN, MARGIN + 6, title, size=11, weight="bold", va="top")
    for grid, left, (height, width) in zip(grids, lefts, sizes, strict=True):
        axes = pixel_axes(figure, left, top, width, height)
        rows, columns = grid.images.shape[:2]
        # Tile (row, column) covers the unit square around (column, row): y grows upward.
        extent = (-0.5, columns - 0.5, -0.5, rows - 0.5)
        draw_picture(axes, _mosaic(grid.images, height, width), extent=extent)
        x_room = 13 * max(map(len, _coordinates(grid.xs))) + 12
        x_ticks = _thinned(columns, width / columns, x_room)
        y_ticks = _thinned(rows, height / rows, 28)
        axes.set_xticks(x_ticks, _coordinates(np.asarray(grid.xs)[x_ticks]))
        axes.set_yticks(y_ticks, _coordinates(np.asarray(grid.ys)[y_ticks]))
        axes.tick_params(length=3, pad=4)
        axes.set_xlabel(axis_names[0], parse_math=False)
        axes.set_ylabel(axis_names[1], parse_math=False)
        if grid.title:
            axes.set_title(grid.title, size=9.5, weight="bold", parse_math=False)
    return figure


def drawable(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return images as matplotlib draws them, in [0, 1].

    Args:
        images: float (..., H, W, C).

    Returns:
        (..., H, W) when gray is to be drawn, (..., H, W, 3) for colour. Transparency is laid
        over white; numbers that are not finite become black.
    """
    pictures: NDArray[np.float32] = np.clip(
        np.nan_to_num(images, posinf=1.0, neginf=0.0), 0.0, 1.0
    ).astype(np.float32)
    channels = pictures.shape[-1]
    if channels == 3:
        return pictures
    if channels == 4:
        opacity = pictures[..., 3:]
        blended: NDArray[np.float32] = pictures[..., :3] * opacity + (1.0 - opacity)
        return blended
    gray: NDArray[np.float32] = pictures.mean(axis=-1)
    return gray


def checked_images(images: NDArray[Any], name: str, n_axes: int = 4) -> NDArray[np.float32]:
    """Check the number of axes and return float32 in [0, 1]."""
    from zscape.data.images import as_float

    images = np.asarray(images)
    if images.ndim != n_axes or images.size == 0:
        shape = "(N, H, W, C)" if n_axes == 4 else "(rows, cols, H, W, C)"
        raise DataError(
            f"{name} have shape {images.shape}; expected {shape} with at least one image."
        )
    floats: NDArray[np.float32] = as_float(images)
    return floats


def _checked_panel(panel: GridPanel) -> GridPanel:
    images = checked_images(panel.images, "images", n_axes=5)
    xs, ys = np.asarray(panel.xs, dtype=float), np.asarray(panel.ys, dtype=float)
    rows, columns = images.shape[:2]
    if xs.shape != (columns,) or ys.shape != (rows,):
        raise DataError(
            f"coordinates have shapes {xs.shape} and {ys.shape}; expected ({columns},) and "
            f"({rows},), one for each column and each row of the grid."
        )
    return GridPanel(images, xs, ys, panel.title)


def draw_picture(axes: Axes, picture: NDArray[Any], **options: Any) -> Any:
    """Draw one picture that fills its axes: gray (H, W) or colour (H, W, 3), values in [0, 1]."""
    axes.set(xticks=[], yticks=[])
    # A faint frame: a white picture would vanish on the page.
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.6)
    options = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0, **options}
    return axes.imshow(picture, aspect="auto", origin="upper", **options)


def title_width(title: str | None) -> int:
    """Return the pixels that a title above a figure needs."""
    return 2 * MARGIN + 16 * len(title or "")


def cell_size(height: int, width: int, max_height: int, max_width: int) -> tuple[int, int]:
    """Return the drawn size of an image, in pixels: a whole multiple where it is much enlarged."""
    scale = min(max_height / height, max_width / width)
    if scale >= 2:  # below that, whole multiples would leave images much too small
        scale = math.floor(scale)
    thinnest = round(_THINNEST * max(height, width) * scale)
    return (
        max(1, thinnest, round(height * scale)),
        max(1, thinnest, round(width * scale)),
    )


def _mosaic_size(images: NDArray[Any]) -> tuple[int, int]:
    """Return the drawn height and width of a latent grid, in pixels."""
    rows, columns, height, width = images.shape[:4]
    tile_height, tile_width = cell_size(
        height, width, max(MOSAIC // rows, MIN_TILE), max(MOSAIC // columns, MIN_TILE)
    )
    return rows * tile_height, columns * tile_width


def _mosaic(images: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Join (rows, cols, H, W, C) to one picture whose first row of pixels is the top one.

    Tiles with many more pixels than are drawn are averaged first: a wide grid of large images
    would take gigabytes.
    """
    rows, columns, tile_height, tile_width = images.shape[:4]
    y_factor = math.ceil(tile_height * rows / (2 * height))
    x_factor = math.ceil(tile_width * columns / (2 * width))
    tiles = drawable(images[::-1])  # (rows, cols, H, W[, 3]), the largest second coordinate first
    tiles = _averaged(_averaged(tiles, y_factor, axis=2), x_factor, axis=3)
    joined = tiles.swapaxes(1, 2)  # (rows, H, cols, W[, 3])
    return joined.reshape(rows * joined.shape[1], columns * joined.shape[3], *joined.shape[4:])


def _averaged(tiles: NDArray[Any], factor: int, axis: int) -> NDArray[Any]:
    """Average neighbours along one axis in groups of `factor`; the last group may be smaller."""
    if factor == 1:
        return tiles
    starts = np.arange(0, tiles.shape[axis], factor)
    counts = np.diff(np.append(starts, tiles.shape[axis]))
    shape = [1] * tiles.ndim
    shape[axis] = len(counts)
    means: NDArray[Any] = np.add.reduceat(tiles, starts, axis=axis) / counts.reshape(shape)
    return means


def _coordinates(values: Sequence[float] | NDArray[Any]) -> list[str]:
    """Return tick labels with the fewest decimals, at most three, that keep the values apart."""
    values = np.asarray(values, dtype=float)
    steps = np.abs(np.diff(values))
    tolerance = 0.02 * float(steps.min()) if len(steps) and steps.min() > 0 else 5e-3
    decimals = 0
    while decimals < 3 and np.abs(values - values.round(decimals)).max() > tolerance:
        decimals += 1
    rounded = values.round(decimals) + 0.0  # no minus sign on a zero
    return [f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for value in rounded]


def _thinned(n: int, pitch: float, room: float) -> list[int]:
    """Return which of `n` ticks to label so that labels of `room` pixels do not touch."""
    fewest = max(1, math.ceil(room / pitch))
    # A step that labels both ends is worth somewhat wider gaps.
    step = next((s for s in range(fewest, 2 * fewest + 1) if (n - 1) % s == 0), fewest)
    return list(range(0, n, step))
