"""Pictures in Parquet files."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.pictures import PictureList, reason_of
from zscape.data.sources import ShardSource
from zscape.errors import DataError, require

_KEPT_GROUPS = 4  # of rows, read as a whole


class Parquet(ShardSource):
    """Parquet files with a column of encoded pictures.

    The column is named `image`, or is the first of bytes, or of records with a field `bytes`; a
    column `label` of whole numbers has the labels, with names where the file knows any.
    """

    ending = ".parquet"
    kind = "Parquet"

    @classmethod
    def list_files(cls, files: Sequence[Path]) -> PictureList:
        """List the pictures in the rows of several Parquet files."""
        require("pyarrow", extra="parquet")
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            opened = [pq.ParquetFile(file) for file in files]
            column = _image_column(files[0], opened[0].schema_arrow)
            groups = [(file, g) for file in opened for g in range(file.num_row_groups)]
            sizes = [file.metadata.row_group(g).num_rows for file, g in groups]
            labels, class_names = _labels(opened)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise DataError(
                f"{files[0]} cannot be read as Parquet ({reason_of(error)}); copy it again."
            ) from error
        starts = np.cumsum([0, *sizes])
        if not starts[-1]:
            raise DataError(f"{files[0]} has no rows; expected pictures in a column.")
        lock = threading.Lock()

        @lru_cache(maxsize=_KEPT_GROUPS)
        def group(number: int) -> Any:
            file, g = groups[number]
            return file.read_row_group(g, columns=[column]).column(0)

        def read(row: int) -> io.BytesIO:
            number = int(np.searchsorted(starts, row, side="right")) - 1
            with lock:  # a file of Arrow is for one thread at a time
                value = group(number)[row - int(starts[number])].as_py()
            content = value.get("bytes") if isinstance(value, dict) else value
            return io.BytesIO(content or b"")

        names = [f"row{row}" for row in range(int(starts[-1]))]
        sizes = [file.stat().st_size for file in files]
        return PictureList(names, labels, class_names, [], [*files], sizes, read)


def _holds_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    if kinds.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return bool(kinds.is_binary(kind) or kinds.is_large_binary(kind))


def _image_column(path: Path, schema: Any) -> str:
    found = [field.name for field in schema if _holds_bytes(field.type)]
    if not found:
        columns = ", ".join(schema.names[:8]) or "none"
        raise DataError(f"{path} has no column of encoded pictures; its columns are {columns}.")
    return "image" if "image" in found else str(found[0])


def _labels(files: list[Any]) -> tuple[list[int] | None, tuple[str, ...] | None]:
    import pyarrow as pa

    schema = files[0].schema_arrow
    if "label" not in schema.names or not pa.types.is_integer(schema.field("label").type):
        return None, None
    columns = [file.read(columns=["label"]).column(0) for file in files]
    if any(column.null_count for column in columns):
        return None, None
    labels = [label for column in columns for label in column.to_pylist()]
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = tuple(str(name) for name in features["label"]["names"])
    except (KeyError, TypeError, ValueError):
        names = ()
    return labels, names if names and max(labels, default=0) < len(names) else None
