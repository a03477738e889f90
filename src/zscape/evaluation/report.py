"""One page that shows what a model learned: figures, settings, and the table against PCA.

The page is a single HTML file that asks for nothing else: styles are inline, figures are data
URIs, there is no script, and its content security policy forbids every request. It is made from
the template `report.html` and the style sheet `report.css` beside this file.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

from zscape.errors import DataError

if TYPE_CHECKING:
    from jinja2 import Template

_CSS_PIXELS_PER_INCH = 96

MSE_NOTE = "MSE is the mean over pixels and channels of images in [0, 1]."


@dataclass(frozen=True)
class KeyNumber:
    """A number in the headline row of a section.

    Attributes:
        label: what it is, in a few words: `test MSE`.
        value: the number as it is to be read: `0.0117`.
        note: a word of context in small print: `PCA 0.0341`.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class MetricRow:
    """One row of the table of the model against PCA.

    Attributes:
        name: the metric: `MSE`.
        model: the model's value, None where there is none.
        baseline: PCA's value, None where there is none.
        unit: written after the name: `dB`.
        better: which direction is better, None for numbers that merely differ.
        form: how the values are written, as `str.format` takes it; see `format_value`.
    """

    name: str
    model: float | None
    baseline: float | None = None
    unit: str = ""
    better: Literal["lower", "higher"] | None = None
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
    """A table besides that of the model and PCA.

    Attributes:
        title: the heading above it.
        note: a line under the heading.
        columns: their names; the first column holds the names of the rows.
        rows: a text for each column.
    """

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class ReportFigure:
    """A picture with its words.

    Attributes:
        caption: what the reader sees, written under it.
        alt: the same for someone who cannot see it: what the picture shows.
        png: the bytes of a PNG file.
    """

    caption: str
    alt: str
    png: bytes

    @property
    def data(self) -> str:
        """The file as a data URI holds it."""
        return base64.b64encode(self.png).decode()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in CSS pixels.

        They follow the picture's size in inches, so text is equally large in all figures.

        Raises:
            DataError: the bytes are no PNG file.
        """
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
    """What the report says about one run.

    Attributes:
        title: the heading, different for each section of a report.
        headline: the key numbers, five or fewer read best.
        table: the metrics of the model beside those of PCA.
        table_note: a line under the table: units and the split that was measured.
        tables: further tables, after the first.
        warnings: what is wrong with the codes or the training, one sentence each.
        figures: the pictures, in reading order.
        settings: names and values, in reading order.
        notes: further paragraphs, after the figures.
    """

    title: str
    headline: Sequence[KeyNumber] = ()
    table: Sequence[MetricRow] = ()
    table_note: str = MSE_NOTE
    tables: Sequence[Table] = ()
    warnings: Sequence[str] = ()
    figures: Sequence[ReportFigure] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def render_report(title: str, sections: Sequence[Section]) -> str:
    """Return a self-contained HTML page.

    Every text is escaped, so labels and paths may hold anything.

    Args:
        title: the page's title and first heading.
        sections: one for each run; with two or more the page begins with links to them.

    Raises:
        DataError: there is no section, or the bytes of a figure are no PNG file.
    """
    if not sections:
        raise DataError("there is no section for the report; expected at least one run.")
    style = _read("report.css")
    # The policy allows this style sheet and embedded pictures only.
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = _template().render(title=title, sections=sections, style=style, style_digest=digest)
    # Half characters, as odd file names have them, become a mark.
    return page.encode("utf-8", "replace").decode("utf-8")


def format_value(value: float | None, form: str = "") -> str:
    """Return a number as tables show it.

    Args:
        value: the number; a dash stands for None.
        form: how to write it, as `str.format` takes it; otherwise four significant digits, and
            whole numbers in full.
    """
    if value is None:
        return "\N{EN DASH}"
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


@cache
def _read(name: str) -> str:
    return resources.files("zscape.evaluation").joinpath(name).read_text(encoding="utf-8")
