"""The look that all figures share, and figures as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zscape.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DPI = 150
"""Pixels an inch in which figures are laid out and, by default, saved."""

INK = "#1f2328"
QUIET = "#59636e"
FAINT = "#d5d9de"
ACCENT = "#1f5a94"
SECOND = "#c06a1a"

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#9aa3ad",
    "axes.facecolor": "white",
    "axes.labelcolor": INK,
    "axes.labelpad": 6.0,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.titlesize": 11.0,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.facecolor": "white",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "mathtext.default": "regular",
    "savefig.bbox": None,
    "svg.hashsalt": "zscape",
    "text.color": INK,
    "text.usetex": False,
    "xtick.color": "#9aa3ad",
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": "#9aa3ad",
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
}

# What keeps dates and versions out of a file, by its format.
_NO_DATE: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


@contextmanager
def look() -> Iterator[None]:
    """Draw in the shared look; the caller's own matplotlib settings come back afterwards.

    Starting from matplotlib's defaults keeps figures the same under any user's style sheet.
    Serves as a `with` block and as a decorator.
    """
    import matplotlib as mpl

    defaults: dict[str, Any] = {
        k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith("backend")
    }
    settings: Any = {**defaults, **_STYLE}
    with mpl.rc_context(settings):
        yield


def figure_png(figure: Figure, dpi: int = DPI) -> bytes:
    """Return a figure as the bytes of a PNG file.

    The same figure gives the same bytes: no date and no version is written into the file.

    Args:
        figure: what a `plot_*` function returned.
        dpi: pixels an inch.
    """
    return _rendered(figure, "png", dpi)


def save_figure(figure: Figure, path: str | Path, dpi: int = DPI) -> None:
    """Write a figure to a file whose ending names the format: `.png`, `.svg` or `.pdf`.

    Args:
        figure: what a `plot_*` function returned.
        path: the file, which is replaced if it exists.
        dpi: pixels an inch, where there are pixels.

    Raises:
        ConfigError: the ending is another one.
        OSError: the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _NO_DATE:
        raise ConfigError(
            f"a figure cannot be written as {path.suffix!r}; "
            "name a file that ends in .png, .svg or .pdf."
        )
    path.write_bytes(_rendered(figure, kind, dpi))


@look()
def _rendered(figure: Figure, kind: str, dpi: int) -> bytes:
    buffer = io.BytesIO()
    options: dict[str, Any] = {"pil_kwargs": {"optimize": True}} if kind == "png" else {}
    figure.savefig(
        buffer, format=kind, dpi=dpi, facecolor="white", metadata=_NO_DATE[kind], **options
    )
    return buffer.getvalue()


def pixel_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` by `height` pixels at the layout density."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / DPI, height / DPI), dpi=DPI)


def pixel_axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes whose frame is given in pixels from the figure's top left corner.

    Whole pixels keep enlarged images crisp: every image pixel gets the same number of
    screen pixels.
    """
    full_width, full_height = (float(side) * DPI for side in figure.get_size_inches())
    bottom = full_height - top - height
    return figure.add_axes(
        (left / full_width, bottom / full_height, width / full_width, height / full_height)
    )


def pixel_text(figure: Figure, x: float, y: float, text: str, **options: Any) -> Text:
    """Write text at a position in pixels from the figure's top left corner.

    Dollar signs are written as they are, not read as mathematics.
    """
    full_width, full_height = (float(side) * DPI for side in figure.get_size_inches())
    options = {"parse_math": False, **options}
    return figure.text(x / full_width, 1.0 - y / full_height, text, **options)


def halo(width: float = 2.5) -> list[Any]:
    """Return the path effect of a white outline, which keeps text readable on points."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="white")]


def short_number(value: float) -> str:
    """Return a number in three significant digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
