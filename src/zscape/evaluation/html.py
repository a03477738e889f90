"""One page that shows what a model learned: figures, settings, and the table against PCA.

The page is a single HTML file that asks for nothing else: styles are inline, figures are data
URIs, there is no script, and its content security policy forbids every request.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from zscape.errors import DataError
from zscape.evaluation.metrics import Better
from zscape.files import in_unicode

if TYPE_CHECKING:
    from jinja2 import Template

_CSS_PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class KeyNumber:
    """A number in the headline row of a section: `test MSE`, `0.0117`, `PCA 0.0341`."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class MetricRow:
    """One row of the table of the model against PCA; the fields are as those of `Metric`."""

    name: str
    model: float | None
    baseline: float | None = None
    unit: str = ""
    better: Better = None
    form: str = ""

    @property
    def cells(self) -> list[tuple[str, bool]]:
        """The text of the model's and of PCA's value, each with whether it is the better one."""
        pairs = ((self.model, self.baseline), (self.baseline, self.model))
        return [
            (format_value(value, self.form), self._wins(value, other)) for value, other in pairs
        ]

    def _wins(self, value: float | None, other: float | None) -> bool:
        if value is None or other is None or self.better is None:
            return False
        return value < other if self.better == "lower" else value > other


@dataclass(frozen=True)
class Table:
    """Another table: heading, a line under it, column names, and a text for each column."""

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class ReportFigure:
    """The bytes of a PNG file, with its caption and the same for someone who cannot see it."""

    caption: str
    alt: str
    png: bytes

    @property
    def data(self) -> str:
        """The file as a data URI holds it."""
        return base64.b64encode(self.png).decode()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in CSS pixels, by inches: text is equally large in all figures."""
        from PIL import Image

        try:
            with Image.open(io.BytesIO(self.png), formats=["PNG"]) as picture:
                width, height = picture.size
                dpi = float(picture.info.get("dpi", (_CSS_PIXELS_PER_INCH,))[0])
        except OSError as error:
            raise DataError("a figure of the report is no PNG file; expected its bytes.") from error
        scale = _CSS_PIXELS_PER_INCH / dpi if dpi > 0 else 1.0
        return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class Section:
    """What the report says about one run; all but the title may be left out."""

    title: str
    headline: Sequence[KeyNumber] = ()
    table: Sequence[MetricRow] = ()
    table_note: str = "MSE is the mean over pixels and channels of images in [0, 1]."
    tables: Sequence[Table] = ()
    warnings: Sequence[str] = ()
    figures: Sequence[ReportFigure] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def render_report(title: str, sections: Sequence[Section]) -> str:
    """Return a self-contained HTML page in which every text is escaped."""
    if not sections:
        raise DataError("there is no section for the report; expected at least one run.")
    style = _read("report.css")
    # The policy allows this style sheet and embedded pictures only.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _template().render(title=title, sections=sections, style=style, style_digest=digest)
    return in_unicode(page)


def format_value(value: float | None, form: str = "") -> str:
    """Return a number as tables show it, by default with four digits, or all where it is whole."""
    if value is None:
        return "n.a."
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if form:
        text = form.format(value)
    elif float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif 1e-4 <= abs(value) < 1e4:
        text = f"{value:#.4g}".rstrip(".")
    elif abs(value) >= 1e4:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3e}"
    return text.replace("-", "\N{MINUS SIGN}")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_read("report.html"))


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
