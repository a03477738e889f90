"""Labels of pictures from a table that lies with them: `metadata.csv`, `labels.csv` and the like.

A table lists the pictures in one column, by path, name, or name without ending, and their labels
in another. It may lie in the folder of the pictures, in one below it, or beside it.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from zscape.data.pictures import ENDINGS
from zscape.data.sources.text_table import TableError, delimiter_of, lines_of
from zscape.errors import reason_of
from zscape.remote import DeniedError, MissingError, RemotePath

TABLE_ENDINGS = (".csv", ".tsv", ".jsonl")
MAX_TABLES = 50
MAX_FOLDERS = 1000
MAX_COLUMNS = 200  # with more, it is a table of pixels or of probabilities
MAX_CLASSES = 1000

_LABELS = (
    "label", "labels", "class", "class_name", "classname", "category", "target", "y", "breed",
    "species", "diagnosis",
)  # fmt: skip
_FILES = ("id", "image", "img", "file", "name", "path", "photo", "picture")  # in names of columns
_NO_LABELS = ("", "id", "index", "split", "set", "subset", "usage", "data set", "unnamed: 0")
_NAMES_BESIDE = ("label", "metadata", "annotation", "class", "train")  # in names beside the folder
_UNKNOWN = ("", "nan", "null", "none")


@dataclass(frozen=True)
class Table:
    """A table that may have labels."""

    path: str  # from the folder of the pictures, with `/`
    content: Path | Callable[[], BinaryIO]  # a file, or what opens one

    def rows(self) -> Iterator[list[str]]:
        """Yield the rows, the first of which may be a header."""
        content = self.content
        with content.open("rb") if isinstance(content, Path) else content() as file:
            lines = (line for _, line in lines_of(file))
            yield from _records(lines) if self.path.lower().endswith(".jsonl") else _fields(lines)


def labels_beside(
    root: Path, names: Sequence[str]
) -> tuple[list[str] | list[int] | None, tuple[str, ...]]:
    """Return the labels of the pictures `names` in a folder, if a table has them, and notes.

    Labels are whole numbers, -1 for a picture that has none, or texts, "" for one that has none.
    """
    return labels_from([*tables_in(root, names), *tables_beside(root)], names, root.name)


def labels_from(
    tables: Iterable[Table], names: Sequence[str], root_name: str = ""
) -> tuple[list[str] | list[int] | None, tuple[str, ...]]:
    """Return what `labels_beside` does, from the given tables; of two, the fuller one counts."""
    found: list[tuple[dict[int, str], str]] = []
    notes: list[str] = []
    for table in tables:
        try:
            labels, remark = _read(table, names, root_name)
        except (OSError, TableError, csv.Error) as error:
            labels, remark = {}, f"{table.path} cannot be read as a table ({reason_of(error)})"
        if labels:
            found.append((labels, remark))
        elif remark:
            notes.append(f"{remark}; no labels are taken from it.")
    merged: dict[int, str] = {}
    for labels, remark in sorted(found, key=lambda item: -len(item[0])):
        if not labels.keys() <= merged.keys():
            merged = labels | merged
            notes.append(f"the labels are from {remark}.")
    if not merged:
        return None, tuple(notes)
    if missing := len(names) - len(merged):
        notes.append(f"{missing:,} of {len(names):,} pictures have no label there.")
    return as_numbers([merged.get(row, "") for row in range(len(names))]), tuple(notes)


def as_numbers(labels: list[str]) -> list[str] | list[int]:
    """Return labels as whole numbers if all are such, those below 0 and "" as -1."""
    try:
        numbers = [float(label or -1) for label in labels]
    except ValueError:
        return labels
    if not all(number.is_integer() and abs(number) < 2**53 for number in numbers):
        return labels
    return [max(-1, int(number)) for number in numbers]


def tables_in(root: Path, names: Sequence[str]) -> list[Table]:
    """Return the tables in a folder, and those called metadata in the folders of its pictures."""
    folders = sorted({name.rpartition("/")[0] for name in names} - {""})[:MAX_FOLDERS]
    paths = [path.name for path in _listed(root) if "submission" not in path.name.lower()]
    inner = [f"{folder}/metadata{end}" for folder in folders for end in (".csv", ".jsonl")]
    paths += [path for path in inner if (root / path).is_file()]
    return [Table(path, root / path) for path in paths]


def tables_beside(root: Path) -> list[Table]:
    """Return the tables in the folder above whose name tells that they may be meant."""
    return [
        Table(f"../{path.name}", path)
        for path in _listed(root.parent)
        if path.stem.lower() == root.name.lower()
        or any(word in path.stem.lower() for word in _NAMES_BESIDE)
    ]


def _listed(folder: Path) -> list[Path]:
    """Return the first tables of a folder in alphabetical order; none if it may not be read."""
    if isinstance(folder, RemotePath):
        return _listed_elsewhere(folder)
    if not os.access(folder, os.R_OK | os.X_OK) or not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.name.lower().endswith(TABLE_ENDINGS)]
    paths = [folder / name for name in sorted(found) if not name.startswith(".")]
    return [path for path in paths if path.is_file()][:MAX_TABLES]


def _listed_elsewhere(folder: RemotePath) -> list[Path]:
    if len(folder.parts) < 2:  # above a bucket
        return []
    try:
        found = [path for path in folder.iterdir() if path.name.lower().endswith(TABLE_ENDINGS)]
    except (DeniedError, MissingError):
        return []
    paths: list[Path] = [path for path in found if not path.name.startswith(".")]
    return [path for path in paths if path.is_file()][:MAX_TABLES]


def _fields(lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield the fields of each row; one in quotes may have line breaks."""
    first = next(lines, "")
    delimiter = delimiter_of(first)
    rows = (f"{line}\n" for line in chain([first], lines))
    reader = csv.reader(rows, delimiter=delimiter, skipinitialspace=True, strict=True)
    for row in reader:
        yield [field.strip() for field in row]


def _records(lines: Iterator[str]) -> Iterator[list[str]]:
    """Yield the keys of the first object of a file of JSON lines, then the values of each."""
    keys: list[str] = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TableError(reason_of(error)) from error
        if not isinstance(record, dict):
            raise TableError("a line is no JSON object")
        if not keys:
            keys = [str(key) for key in record]
            yield keys
        values = [record.get(key) for key in keys]
        yield [str(value) if isinstance(value, str | int | float) else "" for value in values]


def _read(table: Table, names: Sequence[str], root_name: str) -> tuple[dict[int, str], str]:
    """Return the labels by row of the pictures, and the column they are from or what is amiss.

    Of a table that does not list the pictures both are empty.
    """
    header = next(table.rows(), [])
    if not 2 <= len(header) <= MAX_COLUMNS:
        return {}, ""
    found = _Finder(table.path, names, root_name)
    files = _file_column(table, found, len(header), len(names))
    if files is None:
        return {}, ""
    start = int(found.row(header[files]) is None)  # after the header, if there is one
    titles = header if start else [f"column {1 + column}" for column in range(len(header))]
    column, is_named = _label_column(titles, files)
    if column is None:
        columns = ", ".join(titles[:8])
        return (
            {},
            f"{table.path} lists the pictures in {titles[files]}, but has no column label "
            f"among {columns}",
        )
    labels: dict[int, str] = {}
    is_meant = is_named or any(word in titles[files].lower() for word in _FILES)
    for fields in islice(table.rows(), start, None):
        if len(fields) > max(files, column) and (row := found.row(fields[files])) is not None:
            label = fields[column]
            is_meant |= fields[files].lower().endswith(ENDINGS)
            if label.lower() not in _UNKNOWN:
                labels[row] = label
    if not is_meant:  # numbers that happen to be names of pictures too
        return {}, ""
    n_classes = len(set(labels.values()))
    if not is_named and not n_classes <= min(MAX_CLASSES, len(labels) // 2):
        return (
            {},
            f"{titles[column]} in {table.path} has {n_classes:,} values for "
            f"{len(labels):,} pictures, too many to be classes",
        )
    return labels, f"{table.path}, column {titles[column]}"


class _Finder:
    """Finds the picture that a table means by a path, a name, or a name without ending."""

    def __init__(self, table: str, names: Sequence[str], root_name: str) -> None:
        folder = table.rpartition("/")[0]
        self._paths: dict[str, int] = {}
        self._others: dict[str, int] = {}
        for row, name in enumerate(names):
            last = name.rpartition("/")[2]
            ending = last[dot:] if (dot := last.rfind(".")) > 0 else ""
            paths = {name, f"{root_name}/{name}"}
            if folder and name.startswith(f"{folder}/"):
                paths.add(name[len(folder) + 1 :])
            self._paths |= dict.fromkeys(paths, row)
            stems = {each.removesuffix(ending) for each in (*paths, last)}
            for other in {last, *stems} - paths:
                # What may mean two pictures means none.
                self._others[other] = -1 if other in self._others else row

    def row(self, text: str) -> int | None:
        """Return the number of the picture, or None."""
        path = text.strip().replace("\\", "/").removeprefix("./")
        row = self._paths.get(path, self._others.get(path))
        if row is None:
            last = path.rpartition("/")[2]
            found = {self._paths.get(last), self._others.get(last)} - {None}
            row = found.pop() if len(found) == 1 else None
        return None if row is None or row < 0 else row


def _file_column(table: Table, found: _Finder, n_columns: int, n_pictures: int) -> int | None:
    """Return the column that names the most pictures: half of them, or in half of the rows."""
    seen: list[set[int]] = [set() for _ in range(n_columns)]
    n_rows = 0
    for fields in table.rows():
        n_rows += 1
        for rows, text in zip(seen, fields, strict=False):
            if (row := found.row(text)) is not None:
                rows.add(row)
    best = max(range(n_columns), key=lambda column: len(seen[column]))
    n_found = len(seen[best])
    is_enough = n_found >= min(2, n_pictures) and 2 * n_found >= min(n_pictures, n_rows - 1)
    return best if is_enough else None


def _label_column(titles: Sequence[str], files: int) -> tuple[int | None, bool]:
    """Return the column of the labels, and whether it is called so."""
    lower = [title.lower() for title in titles]
    for name in _LABELS:
        if name in lower and lower.index(name) != files:
            return lower.index(name), True
    others = [i for i, title in enumerate(lower) if i != files and title not in _NO_LABELS]
    return (others[0], False) if len(others) == 1 else (None, False)
