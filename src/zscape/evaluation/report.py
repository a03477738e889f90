"""One page that shows what a model learned: figures, settings, and the table against PCA.

The page is a single HTML file that asks for nothing else: styles are inline, figures are data
URIs, there is no script, and its content security policy forbids every request.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Literal

from zscape.errors import DataError

_CSS_PIXELS_PER_INCH = 96

MSE_NOTE = "MSE is the mean over pixels and channels of images in [0, 1]."


@dataclass(frozen=True)
class KeyFigure:
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
    """

    name: str
    model: float | None
    baseline: float | None = None
    unit: str = ""
    better: Literal["lower", "higher"] | None = None


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


@dataclass(frozen=True)
class Section:
    """What the report says about one run.

    Attributes:
        title: the heading, different for each section of a report.
        headline: the key figures, five or fewer read best.
        table: the metrics of the model beside those of PCA.
        table_note: a line under the table: units and the split that was measured.
        tables: further tables, after the first.
        warnings: what is wrong with the codes or the training, one sentence each.
        figures: the pictures, in reading order.
        settings: names and values, in reading order.
        notes: further paragraphs, after the figures.
    """

    title: str
    headline: Sequence[KeyFigure] = ()
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
    links = "".join(
        f'<li><a href="#run-{i}">{_text(section.title)}</a></li>'
        for i, section in enumerate(sections, 1)
    )
    navigation = f'<nav aria-label="Runs"><ul>{links}</ul></nav>' if len(sections) > 1 else ""
    body = "\n".join(_section(section, f"run-{i}") for i, section in enumerate(sections, 1))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{_text(title)}</title>
<link rel="icon" href="data:,">
<style>{_style()}</style>
</head>
<body>
<header><h1>{_text(title)}</h1>{navigation}</header>
<main>
{body}
</main>
<footer><p>Made with zscape.</p></footer>
</body>
</html>
"""


def format_value(value: float | None) -> str:
    """Return a number as tables show it: four significant digits, whole numbers in full."""
    if value is None:
        return "\N{EN DASH}"
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif 1e-4 <= abs(value) < 1e4:
        text = f"{value:#.4g}".rstrip(".")
    elif abs(value) >= 1e4:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3e}"
    return text.replace("-", "\N{MINUS SIGN}")


def _text(text: str) -> str:
    """Escape text for HTML; half characters, as odd file names have them, become a mark."""
    readable = str(text).encode("utf-8", "replace").decode("utf-8")
    return html.escape(readable, quote=True)


@cache
def _style() -> str:
    return resources.files("zscape.evaluation").joinpath("report.css").read_text(encoding="utf-8")


def _policy() -> str:
    """Return the content security policy: this style sheet and embedded pictures only."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _section(section: Section, anchor: str) -> str:
    parts = [
        f"<h2>{_text(section.title)}</h2>",
        _headline(section.headline),
        _warnings(section.warnings),
        _table(section.table, section.table_note),
        "".join(map(_further_table, section.tables)),
        _figures(section.figures),
        "".join(f"<p>{_text(note)}</p>" for note in section.notes),
        _settings(section.settings),
    ]
    content = "\n".join(part for part in parts if part)
    return f'<section id="{anchor}">\n{content}\n</section>'


def _headline(figures: Sequence[KeyFigure]) -> str:
    if not figures:
        return ""
    items = "".join(
        f"<div><dt>{_text(figure.label)}</dt><dd>{_text(figure.value)}"
        + (f"<small>{_text(figure.note)}</small>" if figure.note else "")
        + "</dd></div>"
        for figure in figures
    )
    return f'<dl class="headline">{items}</dl>'


def _warnings(warnings: Sequence[str]) -> str:
    return "".join(
        f'<p class="warning" role="note"><strong>Warning.</strong> {_text(warning)}</p>'
        for warning in warnings
    )


def _table(rows: Sequence[MetricRow], note: str) -> str:
    if not rows:
        return ""
    body = "".join(_row(row) for row in rows)
    caption = f"<caption>{_text(note)}</caption>" if note else ""
    return (
        f'<h3>Model and PCA</h3><table class="metrics">{caption}<thead><tr>'
        '<th scope="col">Metric</th><th scope="col">Model</th><th scope="col">PCA</th>'
        f"</tr></thead><tbody>{body}</tbody></table>"
    )


def _further_table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in table.columns)
    body = "".join(
        f'<tr><th scope="row">{_text(row[0])}</th>'
        + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<h3>{_text(table.title)}</h3><table class="metrics"><caption>{_text(table.note)}'
        f"</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _row(row: MetricRow) -> str:
    name = _text(row.name) + (f" <span>({_text(row.unit)})</span>" if row.unit else "")
    if row.better is not None:
        name += f"<small>{row.better} is better</small>"
    model_wins = _wins(row.model, row.baseline, row.better)
    baseline_wins = _wins(row.baseline, row.model, row.better)
    return (
        f'<tr><th scope="row">{name}</th>'
        f"{_cell(row.model, model_wins)}{_cell(row.baseline, baseline_wins)}</tr>"
    )


def _wins(value: float | None, other: float | None, better: str | None) -> bool:
    if value is None or other is None or better is None:
        return False
    return value < other if better == "lower" else value > other


def _cell(value: float | None, wins: bool) -> str:
    text = format_value(value)
    return f'<td class="better"><strong>{text}</strong></td>' if wins else f"<td>{text}</td>"


def _figures(figures: Sequence[ReportFigure]) -> str:
    if not figures:
        return ""
    return f'<h3>Figures</h3><div class="figures">{"".join(map(_figure, figures))}</div>'


def _figure(figure: ReportFigure) -> str:
    width, height = _shown_size(figure.png)
    data = base64.b64encode(figure.png).decode()
    return (
        f'<figure><div class="card"><img src="data:image/png;base64,{data}" '
        f'alt="{_text(figure.alt)}" width="{width}" height="{height}"></div>'
        f"<figcaption>{_text(figure.caption)}</figcaption></figure>"
    )


def _shown_size(png: bytes) -> tuple[int, int]:
    """Return width and height in CSS pixels.

    They follow the picture's size in inches, so text is equally large in all figures.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            width, height = picture.size
            dpi = float(picture.info.get("dpi", (_CSS_PIXELS_PER_INCH,))[0])
    except OSError as error:
        raise DataError("a figure of the report is no PNG file; expected its bytes.") from error
    scale = _CSS_PIXELS_PER_INCH / dpi if dpi > 0 else 1.0
    return max(1, round(width * scale)), max(1, round(height * scale))


def _settings(settings: Mapping[str, str]) -> str:
    if not settings:
        return ""
    items = "".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>"
        for name, value in settings.items()
    )
    return f'<h3>Settings</h3><dl class="settings">{items}</dl>'
