"""The report: complete, self-contained, and safe against what it shows."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from zscape.errors import DataError
from zscape.evaluation.html import (
    KeyNumber,
    MetricRow,
    ReportFigure,
    Section,
    format_value,
    render_report,
)

HOSTILE = "<script>alert('x')</script> & \"quoted\""


def png(width: int = 30, height: int = 20, dpi: int | None = None) -> bytes:
    buffer = io.BytesIO()
    options = {} if dpi is None else {"dpi": (dpi, dpi)}
    Image.new("L", (width, height), 200).save(buffer, "PNG", **options)
    return buffer.getvalue()


def section(title: str = "Ten dimensions") -> Section:
    return Section(
        title,
        headline=[KeyNumber("test MSE", "0.0117", "PCA 0.0341"), KeyNumber("SSIM", "0.912")],
        table=[
            MetricRow("MSE", 0.0117, 0.03407, better="lower"),
            MetricRow("PSNR", 14.0, 15.25, "dB", "higher"),
            MetricRow("dead dimensions", 0),
        ],
        warnings=["Dimension 2 is dead."],
        figures=[ReportFigure("Loss by epoch.", "Two falling lines.", png())],
        settings={"seed": "0", "optimizer": "adam"},
        notes=["The test split was read once."],
    )


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_everything_that_was_given_is_on_the_page() -> None:
    page = Page(render_report("A model", [section()]))
    expected = [
        "A model", "Ten dimensions", "test MSE", "0.0117", "PCA 0.0341", "SSIM", "0.912",
        "MSE", "0.01170", "0.03407", "PSNR", "(dB)", "14", "15.25", "dead dimensions",
        "lower is better", "higher is better", "mean over pixels and channels",
        "Dimension 2 is dead.", "Loss by epoch.", "seed", "optimizer", "adam",
        "The test split was read once.",
    ]  # fmt: skip
    assert [text for text in expected if text not in page.text] == []


def test_the_page_asks_for_nothing_else() -> None:
    html = render_report("A model", [section(), section("Two dimensions")])
    page = Page(html)
    assert not re.search(r"https?:|//\w|@import|url\(", html.replace("data:image/png", ""))
    assert page.all("script") == []
    for _, attributes in page.tags:
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith(("#", "data:"))
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_the_policy_allows_this_style_sheet_and_embedded_pictures_only() -> None:
    html = render_report("A model", [section()])
    (policy,) = (
        meta["content"]
        for meta in Page(html).all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    style = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(style) == 1
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["style-src"] == f"'sha256-{digest}'"
    assert "script-src" not in rules


def test_figures_are_embedded_whole_with_their_alternative_text() -> None:
    picture = png()
    figure = ReportFigure("Caption", "A gray square", picture)
    (image,) = Page(render_report("A", [Section("S", figures=[figure])])).all("img")
    assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) == picture
    assert image["alt"] == "A gray square"


@pytest.mark.parametrize(("dpi", "size"), [(None, ("300", "150")), (192, ("150", "75"))])
def test_figures_are_shown_at_their_size_in_inches(dpi: int | None, size: tuple[str, str]) -> None:
    figure = ReportFigure("", "", png(300, 150, dpi))
    (image,) = Page(render_report("A", [Section("S", figures=[figure])])).all("img")
    assert (image["width"], image["height"]) == size


def test_every_text_is_escaped() -> None:
    hostile = Section(
        HOSTILE,
        headline=[KeyNumber(HOSTILE, HOSTILE, HOSTILE)],
        table=[MetricRow(HOSTILE, 1.0, 2.0, HOSTILE)],
        table_note=HOSTILE,
        warnings=[HOSTILE],
        figures=[ReportFigure(HOSTILE, HOSTILE, png())],
        settings={HOSTILE: HOSTILE},
        notes=[HOSTILE],
    )
    html = render_report(HOSTILE, [hostile, hostile])
    page = Page(html)
    assert "<script" not in html
    assert page.all("script") == []
    assert page.all("img")[0]["alt"] == HOSTILE
    n_texts = 2 + 2 * (1 + 1 + 3 + 2 + 1 + 1 + 1 + 2 + 1)  # title twice; links; each section
    assert page.text.count(HOSTILE) == n_texts


def test_file_names_with_broken_characters_can_be_written() -> None:
    html = render_report("A", [Section("S", settings={"data": "digits-\udcff.npz"})])
    assert "digits-" in html.encode("utf-8").decode("utf-8")


def test_the_better_of_model_and_pca_is_marked() -> None:
    html = render_report("A", [section()])
    marked = re.findall(r'<td class="better"><strong>([^<]*)</strong>', html)
    assert marked == ["0.01170", "15.25"]


@pytest.mark.parametrize("value", [0.5, float("nan")])
def test_equal_or_missing_numbers_have_no_winner(value: float) -> None:
    rows = [MetricRow("a", value, value, better="lower"), MetricRow("b", 1.0, None, better="lower")]
    assert 'class="better"' not in render_report("A", [Section("S", table=rows)])


def test_two_runs_are_linked_from_the_top() -> None:
    page = Page(render_report("A", [section("One"), section("Two")]))
    targets = [link["href"].removeprefix("#") for link in page.all("a")]
    assert len(targets) == 2
    assert [attributes["id"] for attributes in page.all("section")] == targets


def test_one_run_needs_no_navigation() -> None:
    assert Page(render_report("A", [section()])).all("nav") == []


def test_headings_descend_without_gaps() -> None:
    page = Page(render_report("A", [section(), section("B")]))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_a_section_of_a_title_alone_has_no_empty_parts() -> None:
    page = Page(render_report("A", [Section("Only this")]))
    assert not {"table", "dl", "figure", "h3"} & {tag for tag, _ in page.tags}


def test_a_report_without_sections_or_with_a_broken_picture_is_refused() -> None:
    with pytest.raises(DataError, match="at least one run"):
        render_report("A", [])
    with pytest.raises(DataError, match="no PNG file"):
        render_report("A", [Section("S", figures=[ReportFigure("", "", b"GIF89a")])])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "n.a."),
        (0.0117, "0.01170"),
        (78.4, "78.40"),
        (10.0, "10"),
        (60000, "60,000"),
        (-3.5, "\N{MINUS SIGN}3.500"),
        (12345.6, "12,346"),
        (0.0000123, "1.230e\N{MINUS SIGN}05"),
        (float("nan"), "not a number"),
        (float("inf"), "infinite"),
    ],
)
def test_numbers_read_the_same_everywhere(value: float | None, text: str) -> None:
    assert format_value(value) == text
