"""Figures laid out in pixels, so that enlarged images are crisp, and the pictures on them.

All lengths are pixels at the layout density, `style.DPI`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.data.images import as_float
from zscape.errors import DataError
from zscape.viz.fonts import lettering, text_width
from zscape.viz.style import DPI, FAINT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 18
CELL = 112  # the longer side of an image in a row: 4 times 28
MOSAIC = 660  # the longer side of many images
_MIN_TILE = 4
_TITLE = 46
# A strip thinner than this share of its length is stretched, or nothing of it would be seen.
_THINNEST = 1 / 6


def body_top(title: str | None) -> int:
    """Return where a figure begins below its title, if it has one."""
    return MARGIN + (_TITLE if title else 0)


def pixel_figure(width: float, height: float, title: str | None = None) -> Figure:
    """Return a figure of `width` by `height` pixels, wider if its title needs that."""
    from matplotlib.figure import Figure

    (title,), _ = lettering(title or "")
    width = max(width, 2 * MARGIN + 16 * text_width(title))
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    if title:
        pixel_text(figure, MARGIN, MARGIN + 6, title, size=11, weight="bold", va="top")
    return figure


def pixel_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes whose frame is given in pixels from the figure's top left corner.

    Whole pixels keep enlarged images crisp: every image pixel gets the same number of
    screen pixels.
    """
    full_width, full_height = figure.get_size_inches() * DPI
    bottom = full_height - top - height
    return figure.add_axes(
        (left / full_width, bottom / full_height, width / full_width, height / full_height)
    )


def pixel_text(figure: Figure, x: float, y: float, text: str, **options: Any) -> None:
    """Write text in any script at a position in pixels from the figure's top left corner."""
    full_width, full_height = figure.get_size_inches() * DPI
    (drawn,), font = lettering(text)
    figure.text(x / full_width, 1.0 - y / full_height, drawn, **font, **options)


def row_name(figure: Figure, x: float, y: float, text: str) -> None:
    """Write the name of a row of images, which ends at a position in pixels."""
    pixel_text(figure, x, y, text, size=8.5, va="center", ha="right")


def draw_picture(axes: Axes, picture: np.ndarray, **options: Any) -> Any:
    """Draw one picture that fills its axes: gray (H, W) or colour (H, W, 3), values in [0, 1]."""
    axes.set(xticks=[], yticks=[])
    # A faint frame: a white picture would vanish on the page.
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.6)
    options = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0, **options}
    return axes.imshow(picture, aspect="auto", origin="upper", **options)


def cell_size(height: int, width: int, max_height: int, max_width: int) -> tuple[int, int]:
    """Return the drawn size of an image, in pixels: a whole multiple where it is much enlarged."""
    scale = min(max_height / height, max_width / width)
    if scale >= 2:  # below that, whole multiples would leave images much too small
        scale = math.floor(scale)
    least = max(1, round(_THINNEST * max(height, width) * scale))
    return max(least, round(height * scale)), max(least, round(width * scale))


def tile_size(shape: Sequence[int], side: int, largest: int = MOSAIC) -> tuple[int, int]:
    """Return the drawn size of each of the images, (rows, cols, H, W), that fill `side` pixels."""
    rows, columns, height, width = shape
    most = [min(largest, max(side // n, _MIN_TILE)) for n in (rows, columns)]
    return cell_size(height, width, most[0], most[1])


def drawable(images: np.ndarray) -> np.ndarray:
    """Return images (..., H, W, C) as matplotlib draws them: gray (..., H, W) or (..., H, W, 3).

    Values are float32 in [0, 1]. Transparency is laid over white; NaN is drawn black.
    """
    clipped = np.clip(np.nan_to_num(images, posinf=1.0, neginf=0.0), 0.0, 1.0)
    pictures: np.ndarray = clipped.astype(np.float32)
    channels = pictures.shape[-1]
    if channels == 3:
        return pictures
    if channels == 4:
        opacity = pictures[..., 3:]
        return np.asarray(pictures[..., :3] * opacity + (1.0 - opacity))
    return np.asarray(pictures.mean(axis=-1))


def checked_images(images: np.ndarray, name: str, n_axes: int = 4) -> np.ndarray:
    """Check the number of axes and return float32 in [0, 1]."""
    images = np.asarray(images)
    if images.ndim != n_axes or images.size == 0:
        shape = "(N, H, W, C)" if n_axes == 4 else "(rows, cols, H, W, C)"
        raise DataError(
            f"{name} have shape {images.shape}; expected {shape} with at least one image."
        )
    return as_float(images)


def thinned(n: int, pitch: float, room: float) -> list[int]:
    """Return which of `n` ticks, `pitch` apart, to label so that labels `room` wide stay apart."""
    fewest = max(1, math.ceil(room / pitch))
    # A step that labels both ends is worth somewhat wider gaps.
    step = next((s for s in range(fewest, 2 * fewest + 1) if (n - 1) % s == 0), fewest)
    return list(range(0, n, step))
