"""Names in any script: the fonts of this computer that draw them, and escapes where none does."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

BASE = "DejaVu Sans"  # comes with matplotlib
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # part of words in several scripts
_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH")


def lettering(*texts: object, length: int | None = None) -> tuple[list[str], dict[str, Any]]:
    r"""Return texts as they can be drawn, and the options of matplotlib to draw them with.

    A character that no font of this computer has, and one that is none to be seen, such as a line
    break or half of a pair, becomes its escape: `\u732b`. Dollar signs stay dollar signs.
    Texts that are wider than `length` Latin letters are cut.
    """
    drawn = [_cut(_drawable(str(text)), length) for text in texts]
    others = {_family_of(character) for character in set("".join(drawn))} - {BASE, ""}
    return drawn, {"fontfamily": [BASE, *sorted(others)], "parse_math": False}


def text_width(text: str) -> int:
    """Return how wide a text is, in Latin letters; those of Chinese are two wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def missing_glyphs_note(texts: Iterable[object]) -> str:
    """Return a sentence for the user about texts that no font can draw; empty if there are none."""
    missing = {
        str(text): [c for c in _composed(str(text)) if c.isprintable() and not _family_of(c)]
        for text in texts
    }
    found = {text: characters for text, characters in missing.items() if characters}
    if not found:
        return ""
    first, *more = found
    packages = sorted({_package(c) for characters in found.values() for c in characters})
    return (
        f"no font of this computer has the letters of {first!r}"
        f"{f' and {len(more)} more names' if more else ''}; figures show them as "
        f"{_escaped(found[first][0])}. Debian and Ubuntu have fonts in: {', '.join(packages)}."
    )


def _package(character: str) -> str:
    """Return the package of Debian with a font that is likely to have a character."""
    if unicodedata.category(character).startswith("S"):
        return "fonts-symbola"
    is_cjk = unicodedata.name(character, "").startswith(_CJK)
    return "fonts-noto-cjk" if is_cjk else "fonts-noto-core"


def _cut(text: str, length: int | None) -> str:
    if length is None or text_width(text) <= length:
        return text
    while text_width(text) >= length:
        text = text[:-1].rstrip()
    return f"{text}\N{HORIZONTAL ELLIPSIS}"


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
    """Return the first font that has a character, in all its weights, or nothing."""
    if _have(_families(searched=False)[BASE], character):
        return BASE
    families = _families(searched=True).items()
    return next((family for family, files in families if _have(files, character)), "")


def _have(files: list[str], character: str) -> bool:
    from matplotlib.font_manager import get_font

    return all(get_font(file).get_char_index(ord(character)) for file in files)


@cache
def _families(*, searched: bool) -> dict[str, list[str]]:
    """Return the files of each font, those first that go well with the first.

    They are those that matplotlib knows. It keeps its list between processes, so what was
    installed since is there only where the computer is `searched`.
    """
    from matplotlib import font_manager

    known = font_manager.fontManager
    paths = font_manager.findSystemFonts() if searched else []
    for path in sorted(set(paths) - {entry.fname for entry in known.ttflist}):
        try:
            known.addfont(path)
        except (OSError, RuntimeError, ValueError):  # damaged, or a font of bitmaps
            continue
    files: dict[str, list[str]] = {}
    for entry in known.ttflist:
        if entry.style == "normal" and not entry.name.startswith("Last Resort"):  # it draws boxes
            # Before matplotlib 3.11 only the first font of a collection was known.
            number = getattr(entry, "index", 0)
            path = font_manager.FontPath(entry.fname, number) if number else entry.fname
            files.setdefault(entry.name, []).append(path)
    return {name: files[name] for name in sorted(files, key=_unlikeness)}


def _unlikeness(family: str) -> tuple[Any, ...]:
    return family != BASE, "Mono" in family, "Sans" not in family, not family.endswith("SC"), family


def _is_telling(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith("findfont: Failed to find font weight")


@contextmanager
def quiet_font_search() -> Iterator[None]:
    """Keep matplotlib from telling that a font of another script has no bold letters."""
    log = logging.getLogger("matplotlib.font_manager")
    log.addFilter(_is_telling)
    try:
        yield
    finally:
        log.removeFilter(_is_telling)
