"""Text files with a row per line, read line by line, so that none takes much memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE_BYTES = 2**24  # a picture of 2,000 x 2,000 in digits
DELIMITERS = ",;\t"


class TableError(ValueError):
    """A text file is no table; the message says why in a few words."""


def lines_of(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield the lines of a UTF-8 file that are not empty, with their numbers, counted from 1.

    Raises:
        TableError: a line has more than `MAX_LINE_BYTES`, or the file is not text.
    """
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            raise TableError(f"line {number:,} has more than {MAX_LINE_BYTES:,} bytes")
        if b"\0" in line:
            raise TableError(f"line {number:,} is not UTF-8 text")
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", errors="replace").rstrip("\r\n")
        if text.strip():
            yield number, text


def delimiter_of(line: str) -> str:
    """Return what parts the columns of a line: the most frequent of `DELIMITERS`."""
    return max(DELIMITERS, key=line.count)


def fields_of(line: str, delimiter: str) -> list[str]:
    """Return the fields of a line, without quotes and outer spaces."""
    if '"' not in line:
        return [field.strip() for field in line.split(delimiter)]
    try:
        row = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        return [field.strip() for field in row]
    except csv.Error as error:
        raise TableError(str(error)) from error
