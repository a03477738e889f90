"""The look that all figures share, and figures as PNG bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zscape.errors import ConfigError
from zscape.viz.fonts import quiet_font_search

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150  # pixels an inch in which figures are laid out and, by default, saved
INK = "#1f2328"
QUIET = "#59636e"
FAINT = "#d5d9de"
ACCENT = "#1f5a94"
SECOND = "#c06a1a"

# What keeps dates and versions out of a file, by its format.
_NO_DATE: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}


@contextmanager
def look() -> Iterator[None]:
    """Draw in the shared look, as a `with` block or a decorator.

    Starting from matplotlib's defaults keeps figures the same under any user's style sheet; the
    caller's own settings come back afterwards.
    """
    import matplotlib.style

    sheets: list[str | Path] = ["default", Path(__file__).with_name("zscape.mplstyle")]
    with matplotlib.style.context(sheets), quiet_font_search():
        yield


def figure_png(figure: Figure, dpi: int = DPI) -> bytes:
    """Return what a `plot_*` function made as the bytes of a PNG file, at `dpi` pixels an inch.

    The same figure gives the same bytes: no date and no version is written into the file.
    """
    return _rendered(figure, "png", dpi)


def save_figure(figure: Figure, path: str | Path, dpi: int = DPI) -> None:
    """Write a figure to a file whose ending names the format: `.png`, `.svg` or `.pdf`.

    A file of that name is replaced. `dpi` is in pixels an inch, where there are pixels.
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
    options.update(format=kind, dpi=dpi, facecolor="white", metadata=_NO_DATE[kind])
    figure.savefig(buffer, **options)
    return buffer.getvalue()


def halo(width: float = 2.5) -> list[Any]:
    """Return the path effect of a white outline, which keeps text readable on points."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground="white")]
