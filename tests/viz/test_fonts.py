"""Names in any script: with a font of this computer, or as escapes and a note."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
from matplotlib import font_manager

from zscape.viz import figure_png, fonts, plot_latent, plot_reconstructions
from zscape.viz.fonts import lettering, missing_glyphs_note, text_width

CAT, DOG = "\u732b", "\u72ac"


def write_font(path: Path, letters: str, *, family: str = "Made Sans") -> Path:
    """Write a font in which each letter is a square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (700, 700), (700, 0)):
        pen.lineTo(corner)
    pen.closePath()
    glyph = pen.glyph()
    names = [".notdef", *(f"letter{number}" for number in range(len(letters)))]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, letters), names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, glyph))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files of fonts on this computer: none but those that come with matplotlib."""
    files: list[str] = []
    known = font_manager.fontManager
    own = [entry for entry in known.ttflist if "matplotlib" in entry.fname]
    monkeypatch.setattr(known, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: files)

    def forget() -> None:
        fonts._families.cache_clear()
        fonts._family_of.cache_clear()

    forget()
    yield files
    forget()


def test_without_a_font_there_are_escapes_and_one_note(installed: list[str]) -> None:
    assert lettering("cat", CAT)[0] == ["cat", "\\u732b"]
    note = missing_glyphs_note(["cat", CAT, DOG])
    assert f"'{CAT}' and 1 more" in note
    assert "\\u732b" in note
    assert note.endswith("fonts-noto-cjk.")
    assert "fonts-noto-core" in missing_glyphs_note(["\u0915"])
    assert "fonts-symbola" in missing_glyphs_note(["\U0001f98a"])
    assert missing_glyphs_note(["cat", "Stra\u00dfe", "\u0433\u043e\u0440\u043e\u0434"]) == ""


@pytest.mark.parametrize("has_font", [False, True])
def test_figures_are_drawn_without_a_warning(
    installed: list[str], has_font: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if has_font:
        installed.append(str(write_font(tmp_path / "made.ttf", CAT + DOG)))
    points = np.random.default_rng(0).normal(size=(20, 2))
    figure = plot_latent(points, np.arange(20) % 2, class_names=[CAT, DOG], title=CAT)
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ([CAT, DOG] if has_font else ["\\u732b", "\\u72ac"])
    images = np.zeros((2, 4, 4, 1), np.float32)
    for drawn in (figure, plot_reconstructions(images, images, [CAT, DOG], title=DOG)):
        assert figure_png(drawn, dpi=40).startswith(b"\x89PNG")  # a warning would be an error
    assert caplog.records == []


def test_a_font_that_was_just_installed_is_found(installed: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    installed.append(str(tmp_path / "broken.ttf"))
    installed.append(str(write_font(tmp_path / "made.ttf", CAT)))
    (drawn, escaped), font = lettering(CAT, DOG)
    assert (drawn, escaped) == (CAT, "\\u72ac")
    assert font["fontfamily"] == ["DejaVu Sans", "Made Sans"]
    assert missing_glyphs_note([CAT]) == ""


def test_several_scripts_take_several_fonts(installed: list[str], tmp_path: Path) -> None:
    installed.append(str(write_font(tmp_path / "a.ttf", CAT, family="A Sans")))
    installed.append(str(write_font(tmp_path / "b.ttf", DOG, family="B Serif")))
    assert lettering(CAT + DOG)[1]["fontfamily"] == ["DejaVu Sans", "A Sans", "B Serif"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\tc", "a\\nb\\tc"),
        ("caf\udce9", "caf\\udce9"),
        ("caf\u0065\u0301", "caf\u00e9"),  # as macOS writes file names
        ("\u202egnp", "\\u202egnp"),
        ("a\u00a0b", "a b"),
        ("$x_$", "$x_$"),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    (found,), options = lettering(text)
    assert found == shown
    assert not options["parse_math"]


def test_texts_are_cut_by_their_width(installed: list[str], tmp_path: Path) -> None:
    installed.append(str(write_font(tmp_path / "made.ttf", CAT)))
    assert lettering("abcdef", length=6)[0] == ["abcdef"]
    assert lettering("abcdefg", length=6)[0] == ["abcde\u2026"]
    (cut,), _ = lettering(CAT * 9, length=6)
    assert cut == f"{CAT * 2}\u2026"
    assert text_width(CAT * 2) == 4
