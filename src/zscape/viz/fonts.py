"""Names in any script: the fonts of this computer that draw them, and escapes where none does."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Any

BASE = "DejaVu Sans"  # comes with matplotlib
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # part of words in several scripts
_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH")


def lettering(*texts: object) -> tuple[list[str], dict[str, Any]]:
    r"""Return texts as they can be drawn, and the options of matplotlib to draw them with.

    A character that no font of this computer has, and one that is none to be seen, such as a line
    break or half of a pair, becomes its escape: `\u732b`. Dollar signs stay dollar signs.
    """
    drawn = [_drawable(str(text)) for text in texts]
    others = {_family_of(character) for character in set("".join(drawn))} - {BASE, ""}
    return drawn, {"fontfamily": [BASE, *sorted(others)], "parse_math": False}


def cut(text: object, length: int) -> str:
    """Return a text of at most so many characters, cut at its end."""
    whole = str(text)
    return (
        whole if len(whole) <= length else f"{whole[: length - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"
    )


def text_width(text: str) -> int:
    """Return how wide a text is, in Latin letters; those of Chinese are two wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def missing_glyphs_note(texts: Iterable[object]) -> str:
    """Return a sentence for the user about texts that no font can draw; empty if there are none."""
    for text in map(str, texts):
        missing = [c for c in _composed(text) if c.isprintable() and not _family_of(c)]
        if missing:
            name = unicodedata.name(missing[0], "")
            package = "fonts-noto-cjk" if name.startswith(_CJK) else "fonts-noto-core"
            return (
                f"no font of this computer has the characters of {text!r}, so figures show them "
                f"as {_escaped(missing[0])}; on Debian or Ubuntu the package {package} has one."
            )
    return ""


def _composed(text: str) -> str:
    """Return a text with letters and their accents joined, and all spaces alike."""
    joined = unicodedata.normalize("NFC", text)
    return "".join(" " if unicodedata.category(c) == "Zs" else c for c in joined)


def _drawable(text: str) -> str:
    return "".join(
        c if (c.isprintable() or c in _JOINERS) and _family_of(c) else _escaped(c)
        for c in _composed(text)
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


@cache
def _family_of(character: str) -> str:
    """Return the first font that has a character, or nothing."""
    if _has(BASE, character):
        return BASE
    return next((family for family in _other_families() if _has(family, character)), "")


@cache
def _other_families() -> list[str]:
    """Return the other fonts of this computer, those first that go best with the first one."""
    from matplotlib import font_manager

    known = font_manager.fontManager
    # Its list is kept between processes, and does not have what was installed since.
    for path in sorted(
        set(font_manager.findSystemFonts()) - {font.fname for font in known.ttflist}
    ):
        try:
            known.addfont(path)
        except (OSError, RuntimeError, ValueError):  # damaged, or a font of bitmaps
            continue
    names = {font.name for font in known.ttflist if font.style == "normal"} - {BASE}
    names = {name for name in names if not name.startswith("Last Resort")}  # draws boxes
    return sorted(names, key=lambda n: ("Mono" in n, "Sans" not in n, not n.endswith("SC"), n))


def _has(family: str, character: str) -> bool:
    """Tell whether a font has a character, in its bold face too."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    faces = (findfont(FontProperties([family], weight=weight)) for weight in ("normal", "bold"))
    return all(get_font(face).get_char_index(ord(character)) for face in faces)
