"""Which columns of a CSV file are pixels, and which one is the label."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from zscape.data.sources.text_table import TableError

MIN_SIDE = 8  # pixels; with fewer, columns are measurements rather than pixels
MIN_PACKED = MIN_SIDE**2

_LABELS = (
    "label", "labels", "class", "target", "emotion", "y", "category", "letter", "digit",
    "character",
)  # fmt: skip
_SPLITS = ("usage", "split", "set", "subset")
_NO_LABELS = ("", "id", "index", "imageid", "image_id", "name", "file", "filename", *_SPLITS)
_PIXEL_NAME = re.compile(r"(?!unnamed).*\d", re.IGNORECASE)


class Columns(NamedTuple):
    """What the columns of a file are, by their numbers from 0."""

    n_columns: int
    n_header: int  # rows, 0 or 1
    first: int  # of the pixels
    last: int
    label: int | None = None
    split: int | None = None
    notes: tuple[str, ...] = ()  # what was guessed


def square(n_pixels: int) -> tuple[int, int, int] | None:
    """Return the shape (H, W, C) of a square image of so many values, if there is one."""
    for n_channels in (1, 3):
        side = math.isqrt(n_pixels // n_channels)
        if side * side * n_channels == n_pixels and side >= MIN_SIDE:
            return side, side, n_channels
    return None


def columns_of(rows: Sequence[Sequence[str]], remedy: str) -> Columns:
    """Tell the columns of a file by its first rows, the first of which may be a header.

    Raises:
        TableError: there are no pixels.
    """
    n_columns, n_header = len(rows[0]), int(_is_header(rows))
    titles = [title.lower() for title in rows[0]] if n_header else None
    body = [row for row in rows[n_header:] if len(row) == n_columns]
    if not body:
        raise TableError("it has no rows but the first")
    packed = [i for i, text in enumerate(body[0]) if len(text.split()) >= MIN_PACKED]
    if len(packed) == 1:
        return _named(n_columns, n_header, titles, packed[0], packed[0])
    if titles is None or all(map(_is_number, titles)):
        return _unnamed(n_columns, n_header, body)
    pixels = [i for i, title in enumerate(titles) if _PIXEL_NAME.fullmatch(title)]
    if not pixels:
        raise TableError(f"none of its columns is one of pixels: {', '.join(titles[:8])}")
    first, last = pixels[0], pixels[-1]
    if len(pixels) != last + 1 - first or square(len(pixels)) is None:
        raise TableError(f"it has {len(pixels):,} columns that may be pixels")
    return _named(n_columns, n_header, titles, first, last)


def _named(
    n_columns: int, n_header: int, titles: Sequence[str] | None, first: int, last: int
) -> Columns:
    """Return the columns of a file whose pixels are known, by the names of the others."""
    others = [i for i in range(n_columns) if not first <= i <= last]
    if titles is None:
        label = others[0] if others else None
        guess = (f"column {1 + label} is taken as the label.",) if label is not None else ()
        return Columns(n_columns, n_header, first, last, label, None, guess)
    split = next((i for i in others if titles[i] in _SPLITS), None)
    label = next((i for name in _LABELS for i in others if titles[i] == name), None)
    rest = [
        i for i in others if titles[i] not in _NO_LABELS and not titles[i].startswith("unnamed")
    ]
    notes: tuple[str, ...] = ()
    if label is None and len(rest) == 1:
        label = rest[0]
        notes = (f"the column {titles[label]} is taken as the label.",)
    elif label is None and rest:
        names = ", ".join(titles[i] for i in rest[:8])
        notes = (f"no column is named label; {names} are not read.",)
    return Columns(n_columns, n_header, first, last, label, split, notes)


def _unnamed(n_columns: int, n_header: int, body: Sequence[Sequence[str]]) -> Columns:
    """Return the columns of a file without names, by their number and what is in them."""
    n = n_columns - (not any(row[-1] for row in body))  # each line may end in a comma
    if square(n) is not None:
        return Columns(n_columns, n_header, 0, n - 1)
    if square(n - 1) is None:
        raise TableError(f"it has {n_columns:,} columns")
    starts, ends = ([row[i] for row in body] for i in (0, n - 1))
    # The corners of images are often of one colour, the labels hardly ever.
    is_last = not all(map(_is_number, ends)) or (len({*starts}) == 1 and len({*ends}) > 1)
    label, which = (n - 1, "last") if is_last else (0, "first")
    note = f"the columns have no names; the {which} of {n:,} is taken as the label."
    return Columns(n_columns, n_header, int(not is_last), n - 1 - is_last, label, None, (note,))


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    first = rows[0]
    texts = [field for field in first if not _is_number(field)]
    numbers = [float(field) for field in first if _is_one_number(field)]
    if len(texts) > 1 or (texts and len(first) == 1):
        return True
    is_counted = len(numbers) >= MIN_PACKED and numbers in (
        [*map(float, range(len(numbers)))],
        [*map(float, range(1, 1 + len(numbers)))],
    )
    # Programs that take a row of pixels for a header make its names differ: 0, 0.1, 0.2.
    is_made = any(n % 1 for n in numbers) and not any(
        float(field) % 1 for row in rows[1:3] for field in row if _is_one_number(field)
    )
    return is_counted or (is_made and len(rows) > 1)


def _is_one_number(text: str) -> bool:
    return _is_number(text) and len(text.split()) == 1


def _is_number(text: str) -> bool:
    """Tell whether a field is a finite number, or several parted by spaces."""
    try:
        return all(math.isfinite(float(part)) for part in text.split()) and bool(text)
    except ValueError:
        return False
