"""CSV files with the pixels of images: a row per image, as competitions hand out digits."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images
from zscape.data.sources import Source, Wanted
from zscape.data.sources.csv_columns import Columns, columns_of, square
from zscape.data.sources.split_names import split_of
from zscape.data.sources.text_table import TableError, delimiter_of, fields_of, lines_of
from zscape.errors import DataError, reason_of
from zscape.remote import as_path, fetched

_ENDINGS = (".csv", ".tsv")
_N_LOOKED_AT = 100  # rows, to tell which column is what
_N_AT_A_TIME = 2048  # rows
_REMEDY = (
    "expected a label and a column for each pixel of square images of 8x8 or more (784 for 28x28, "
    "3,072 for 32x32 in colour), or a column pixels with all of them; save images of other shapes "
    "as a .npy array (N, H, W), and leave a list of labels in the folder of its pictures"
)


class CsvPixels(Source):
    """A CSV file with a row per image: its pixels, and a label if there is one.

    The columns of pixels stand beside each other, or one has them all, parted by spaces.
    """

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether a location is a file with the ending of such."""
        path = as_path(location).expanduser()
        return path.suffix.lower() in _ENDINGS and path.is_file()

    def read(self, wanted: Wanted) -> Images:
        """Return the images (N, H, W, C) in the smallest type that holds their values."""
        try:
            with fetched(self.path).open("rb") as file:
                return self._read(lines_of(file))
        except PermissionError as error:
            raise DataError(f"{self.path} may not be read; change its permissions.") from error
        except TableError as error:
            raise DataError(
                f"{self.path} cannot be read as CSV ({reason_of(error)}); {_REMEDY}."
            ) from error

    def _read(self, lines: Iterator[tuple[int, str]]) -> Images:
        head = list(islice(lines, _N_LOOKED_AT))
        if not head:
            raise DataError(f"{self.path} is empty; {_REMEDY}.")
        delimiter = delimiter_of(head[0][1])
        columns = columns_of([fields_of(line, delimiter) for _, line in head], _REMEDY)
        inner = None if columns.first == columns.last else delimiter  # None: spaces
        rows = chain(head[columns.n_header :], lines)
        parts, labels, splits = [], [], []
        while batch := list(islice(rows, _N_AT_A_TIME)):
            fields = [_row(number, line, delimiter, columns) for number, line in batch]
            texts = [text for text, *_ in fields]
            parts.append(_values([number for number, _ in batch], texts, inner))
            labels += [label for _, label, _ in fields]
            splits += [split for _, _, split in fields]
            if parts[-1].shape[1] != parts[0].shape[1]:
                raise TableError(f"the images have {parts[0].shape[1]:,} and more or less pixels")
        values = np.concatenate(parts)
        shape = square(values.shape[1])
        if shape is None:
            raise TableError(f"the rows have {values.shape[1]:,} pixels")
        images, notes = _shaped(values, shape)
        named, remarks = _splits(splits) if columns.split is not None else (None, ())
        return Images(
            images,
            None if columns.label is None else np.array(labels),
            self.name,
            splits=named,
            notes=(*columns.notes, *notes, *remarks),
        )


def _row(number: int, line: str, delimiter: str, columns: Columns) -> tuple[str, str, str]:
    """Return the text of the pixels, the label and the split of a row, "" for what it has not."""
    if '"' in line:
        line = delimiter.join(fields_of(line, delimiter))
    if line.count(delimiter) != columns.n_columns - 1:
        raise TableError(
            f"line {number:,} has {line.count(delimiter) + 1:,} columns, the first has "
            f"{columns.n_columns:,}"
        )
    # Only the ends are split: there may be thousands of pixels between.
    *before, rest = line.split(delimiter, columns.first)
    pixels, *after = rest.rsplit(delimiter, columns.n_columns - 1 - columns.last)
    others = [*before, *[""] * (1 + columns.last - columns.first), *after]
    label, split = (
        "" if column is None else others[column].strip()
        for column in (columns.label, columns.split)
    )
    return pixels, label, split


def _values(numbers: list[int], texts: list[str], delimiter: str | None) -> np.ndarray:
    """Return the numbers (n, n_pixels) in texts, in the smallest type that holds them."""
    try:
        return _parsed(texts, np.uint8, delimiter)
    except (ValueError, DeprecationWarning):  # there are others than 0 to 255
        values = _wider(numbers, texts, delimiter)
    low, high = values.min(initial=0), values.max(initial=0)
    if (values % 1).any() or max(-low, high) >= 2**53:
        return values.astype(np.float32)
    if low < 0 or high > 65535:
        return values.astype(np.int64)
    return values.astype(np.uint8 if high <= 255 else np.uint16)


def _wider(numbers: list[int], texts: list[str], delimiter: str | None) -> np.ndarray:
    """Return the numbers (n, n_pixels) in texts as float64, all finite."""
    try:
        values = _parsed(texts, np.float64, delimiter)
    except ValueError:
        for number, text in zip(numbers, texts, strict=True):
            try:
                _parsed([text], np.float64, delimiter)
            except ValueError as error:
                raise TableError(f"line {number:,}: {reason_of(error)}") from error
        raise TableError(f"the images from line {numbers[0]:,} on differ in size") from None
    is_good = (np.abs(values) <= np.finfo(np.float32).max).all(axis=1)
    if not is_good.all():
        row = int(np.argmin(is_good))
        raise TableError(f"line {numbers[row]:,} has a pixel that is NaN or infinite")
    return values


def _parsed(texts: list[str], dtype: Any, delimiter: str | None) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # of 1.0 as a whole number
        return np.loadtxt(texts, dtype, comments=None, delimiter=delimiter, ndmin=2)


def _shaped(values: np.ndarray, shape: tuple[int, int, int]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return values (N, n_pixels) as images (N, H, W, C), and what was guessed."""
    height, width, n_channels = shape
    if n_channels == 1:
        return values.reshape(-1, *shape), ()
    planes = values.reshape(-1, n_channels, height, width).transpose(0, 2, 3, 1)
    pixels = values.reshape(-1, *shape)
    first = slice(_N_LOOKED_AT)
    is_planes = _roughness(planes[first]) < _roughness(pixels[first])
    order = "all red, then all green, then all blue" if is_planes else "red, green, blue by turns"
    note = f"the {values.shape[1]:,} columns are read as {height}x{width} in colour: {order}."
    return np.ascontiguousarray(planes if is_planes else pixels), (note,)


def _roughness(images: np.ndarray) -> float:
    """Return how much pixels differ from their neighbours: less when the order is right."""
    values = images.astype(np.float64)
    return float(np.abs(np.diff(values, axis=2)).mean() + np.abs(np.diff(values, axis=1)).mean())


def _splits(texts: Iterable[str]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the splits (N,) that a column names, and a note."""
    counts = Counter(texts)
    known = {text: split_of(text) for text in counts}
    if strange := [text for text, split in known.items() if split is None]:
        return None, (f"the splits are not read: {strange[0][:40]!r} is none that is known.",)
    shown = ", ".join(f"{known[text]} {n:,} ({text})" for text, n in counts.items())
    return np.array([known[text] for text in texts]), (
        f"the splits are those of the file: {shown}.",
    )
