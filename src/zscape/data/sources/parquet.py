"""Pictures in Parquet files."""

from __future__ import annotations

import functools
import io
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.pictures import PictureList
from zscape.data.sources import ShardSource
from zscape.data.sources.archive import UnreadableMember
from zscape.data.sources.split_names import split_of
from zscape.errors import DataError, reason_of, require
from zscape.npz import check_unpacked
from zscape.remote import in_threads, is_remote

_KEPT_BYTES = 2**29  # of groups of rows, each of which is read as a whole
_BATCH_BYTES = 2**27
_IMAGES = ("image", "img", "picture", "photo", "jpg", "png", "webp")
_LABELS = (
    "label", "labels", "class", "class_name", "target", "category", "cls", "fine_label",
    "coarse_label",
)  # fmt: skip


class Parquet(ShardSource):
    """Parquet files with a column of encoded pictures, as Hugging Face keeps them.

    The column is called like an image, or is the first of bytes, or of records with a field
    `bytes`. One called like a label has the labels, as whole numbers or texts, with names where
    the file knows any. Files called `train-...`, `test-...` and the like are splits.
    """

    ending = ".parquet"
    kind = "Parquet"

    @classmethod
    def list_files(cls, files: Sequence[Path]) -> PictureList:
        """List the pictures in the rows of several Parquet files."""
        require("pyarrow", extra="parquet")
        import pyarrow as pa

        opened = in_threads(_opened, files, files)
        file = files[0]
        try:
            column = _image_column(files, [each.schema_arrow for each in opened])
            labels, class_names, notes = _labels(opened)
            names = _names(opened, column)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise _damaged(file, error) from error
        n_rows = [each.metadata.num_rows for each in opened]
        splits, remarks = _splits(files, n_rows)
        return PictureList(
            names=names,
            labels=labels,
            class_names=class_names,
            skipped=[],
            files=[*files],
            sizes=[each.stat().st_size for each in files],
            open=_Rows(files, column, n_rows, np.arange(sum(n_rows)), _reader(opened, column)),
            splits=splits,
            notes=(*notes, *remarks),
            in_order=sum(_n_bytes(each, column) for each in opened) > _KEPT_BYTES,
        )


def _opened(file: Path) -> Any:
    """Return an open file, of which only the end is read yet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file.open("rb", buffering=0) if is_remote(file) else file)
        _check_claims(file, opened.metadata)
        return opened
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: BaseException) -> DataError:
    return DataError(f"{file} cannot be read as Parquet ({reason_of(error)}); copy it again.")


def _check_claims(path: Path, facts: Any) -> None:
    """Refuse a file that claims more rows than it can hold, or none."""
    groups = [facts.row_group(number).num_rows for number in range(facts.num_row_groups)]
    n_bytes = path.stat().st_size
    if facts.num_rows != sum(groups) or min(groups, default=0) < 0 or facts.num_rows > n_bytes:
        raise ValueError(f"it claims {facts.num_rows:,} rows in {n_bytes:,} bytes")
    for number in range(facts.num_row_groups):
        row_group = facts.row_group(number)
        for i in range(row_group.num_columns):
            if not 0 <= (claimed := row_group.column(i).total_compressed_size) <= n_bytes:
                raise ValueError(f"it claims {claimed:,} bytes of a column, and has {n_bytes:,}")
    if not facts.num_rows:
        raise DataError(f"{path} has no rows; expected pictures in a column.")


def _n_bytes(file: Any, column: str) -> int:
    """Return the bytes of a column, unpacked."""
    return sum(chunk.total_uncompressed_size for chunk in _chunks(file, column))


def _chunks(file: Any, column: str, groups: Sequence[int] | None = None) -> list[Any]:
    """Return what a file says of a column, in all groups of its rows or in some."""
    groups = range(file.num_row_groups) if groups is None else groups
    return [
        chunk
        for group in map(file.metadata.row_group, groups)
        for i in range(group.num_columns)
        if f"{(chunk := group.column(i)).path_in_schema}.".startswith(f"{column}.")
    ]


def _values(file: Any, column: str, groups: Sequence[int] | None = None) -> Any:
    """Return a column of a file, or of some groups of its rows; ValueError where it is too much.

    It is read a few rows at a time: with a dictionary, few bytes can be many long values.
    """
    import pyarrow as pa

    groups = range(file.num_row_groups) if groups is None else groups
    chunks = _chunks(file, column, groups)
    n_packed = sum(chunk.total_compressed_size for chunk in chunks)
    largest = max((chunk.total_uncompressed_size for chunk in chunks), default=0)
    check_unpacked(sum(chunk.total_uncompressed_size for chunk in chunks), n_packed)
    n_rows = max(1, min(1024, _BATCH_BYTES // max(1, largest)))
    parts, n_bytes = [], 0
    for batch in file.iter_batches(n_rows, row_groups=list(groups), columns=[column]):
        n_bytes += batch.nbytes
        check_unpacked(n_bytes, n_packed)
        parts.append(batch.column(0))
    return pa.chunked_array(parts) if parts else []


def _reader(files: Sequence[Any], column: str) -> Callable[[int], io.BytesIO]:
    """Return a function that reads the picture of a row, counted over all files."""
    import pyarrow as pa

    groups = [(file, g) for file in files for g in range(file.num_row_groups)]
    starts = np.cumsum([0, *(file.metadata.row_group(g).num_rows for file, g in groups)])
    lock = threading.Lock()

    kept: dict[int, Any] = {}
    too_much: dict[int, str] = {}

    def group(number: int) -> Any:
        if number in too_much:
            raise ValueError(too_much[number])
        if number not in kept:
            file, g = groups[number]
            try:
                found = _values(file, column, [g])
            except ValueError as error:  # it took long, and would again for each row
                too_much[number] = str(error)
                raise
            while kept and found.nbytes + sum(each.nbytes for each in kept.values()) > _KEPT_BYTES:
                del kept[next(iter(kept))]
            kept[number] = found
        return kept[number]

    def read(row: int) -> io.BytesIO:
        number = int(np.searchsorted(starts, row, side="right")) - 1
        try:
            with lock:  # a file of Arrow is for one thread at a time
                value = group(number)[row - int(starts[number])].as_py()
        except (pa.ArrowException, OSError, LookupError, ValueError) as error:
            return UnreadableMember(reason_of(error))
        content = value.get("bytes") if isinstance(value, dict) else value
        return io.BytesIO(content or b"")

    return read


class _Rows:
    """Opens the pictures of some rows, counted over all files."""

    def __init__(
        self,
        files: Sequence[Path],
        column: str,
        n_rows: Sequence[int],
        rows: np.ndarray,
        read: Callable[[int], io.BytesIO],
    ) -> None:
        self._files, self._column, self._n_rows = files, column, n_rows
        self._rows, self._read = rows, read

    def __call__(self, row: int, /) -> io.BytesIO:
        """Return the content of a picture."""
        return self._read(int(self._rows[row]))

    def take(self, rows: Sequence[int], /) -> _Rows:
        """Return what opens those at `rows`."""
        chosen = self._rows[np.asarray(rows, np.intp)]
        return _Rows(self._files, self._column, self._n_rows, chosen, self._read)

    def __reduce__(self) -> tuple[Any, ...]:
        """Tell another process which files to open: only those that have some of the rows."""
        starts = np.cumsum([0, *self._n_rows])
        of = np.searchsorted(starts, self._rows, side="right") - 1
        used, place = np.unique(of, return_inverse=True)
        n_rows = tuple(int(self._n_rows[number]) for number in used)
        rows = self._rows - starts[of] + np.cumsum([0, *n_rows])[place]
        files = tuple(self._files[number] for number in used)
        return _reopened, (files, self._column, n_rows, rows)


def _reopened(
    files: tuple[Path, ...], column: str, n_rows: tuple[int, ...], rows: np.ndarray
) -> _Rows:
    return _Rows(files, column, n_rows, rows, _reader_again(files, column))


@functools.lru_cache(maxsize=1)  # it keeps groups of rows, and the next rows are in the same
def _reader_again(files: tuple[Path, ...], column: str) -> Callable[[int], io.BytesIO]:
    import pyarrow.parquet as pq

    return _reader([pq.ParquetFile(file) for file in files], column)


def _splits(
    files: Sequence[Path], n_rows: Sequence[int]
) -> tuple[list[str] | None, tuple[str, ...]]:
    """Return the split of each row by the names of files, or of the folders that they are in."""
    found = [split_of(file.stem) or split_of(file.parent.name) for file in files]
    if len({*found} - {None}) < 2:
        return None, ()
    others = sorted({file.name for file, split in zip(files, found, strict=True) if not split})
    notes = (f"{', '.join(others[:8])}: of no split by the name, read as train.",) if others else ()
    pairs = zip(found, n_rows, strict=True)
    return [split or "train" for split, n in pairs for _ in range(n)], notes


def _holds_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    if kinds.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


def _image_column(files: Sequence[Path], schemas: Sequence[Any]) -> str:
    """Return the column of pictures, which all files have."""
    found = [field.name for field in schemas[0] if _holds_bytes(field.type)]
    column = next((name for name in _IMAGES if name in found), found[0] if found else None)
    for file, schema in zip(files, schemas, strict=True):
        if column not in schema.names or not _holds_bytes(schema.field(column).type):
            columns = ", ".join(schema.names[:8]) or "none"
            called = f"{column} " if column else ""
            raise DataError(
                f"{file} has no column {called}of encoded pictures; its columns are {columns}."
            )
    return str(column)


def _names(files: Sequence[Any], column: str) -> list[str]:
    """Return the paths that came with the pictures, or the numbers of the rows."""
    import pyarrow.types as kinds

    n_rows = sum(file.metadata.num_rows for file in files)
    numbers = [f"row{row}" for row in range(n_rows)]
    for file in files:
        kind = file.schema_arrow.field(column).type
        if not kinds.is_struct(kind) or "path" not in [field.name for field in kind]:
            return numbers
    parts = [_values(file, f"{column}.path") for file in files]
    names = [(record or {}).get("path") or "" for part in parts for record in part.to_pylist()]
    is_named = all(isinstance(name, str) for name in names) and "" not in names
    return names if is_named and len({*names}) == n_rows else numbers


def _labels(
    files: Sequence[Any],
) -> tuple[list[int] | list[str] | None, tuple[str, ...] | None, tuple[str, ...]]:
    """Return the labels, -1 or "" for none, what whole numbers stand for, and notes."""
    schemas = [file.schema_arrow for file in files]
    shared = [name for name in schemas[0].names if all(name in each.names for each in schemas)]
    column = next((name for name in _LABELS if name in shared), None)
    if column is None:
        return None, None, ()
    kinds = {_label_kind(schema.field(column).type) for schema in schemas}
    if len(kinds) > 1 or None in kinds:
        kind = schemas[0].field(column).type
        return None, None, (f"the column {column} is not read: {kind} is no label.",)
    values = [v for file in files for v in _values(file, column).to_pylist()]
    others = sorted({*shared} & {*_LABELS} - {column})
    notes = (f"the labels are those of the column {column}, not {others[0]}.",) if others else ()
    if kinds == {"text"}:
        return [(value or "").strip() for value in values], None, notes
    numbers = [-1 if value is None else max(-1, int(value)) for value in values]
    names = _class_names(schemas[0].metadata, column)
    return numbers, names if names and max(numbers, default=0) < len(names) else None, notes


def _label_kind(kind: Any) -> str | None:
    import pyarrow.types as kinds

    value = kind.value_type if kinds.is_dictionary(kind) else kind
    if kinds.is_string(value) or kinds.is_large_string(value):
        return "text"
    return "number" if kinds.is_integer(value) or kinds.is_boolean(value) else None


def _class_names(metadata: Any, column: str) -> tuple[str, ...]:
    """Return the names of the classes that Hugging Face keeps with a table."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features[column]["names"])
    except (KeyError, TypeError, ValueError):
        return ()
