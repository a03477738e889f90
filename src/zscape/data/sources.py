"""Where pictures come from: a folder of files, tar shards, or the rows of a Parquet file."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from zscape.data.listing import Skipped, list_pictures
from zscape.data.pictures import ENDINGS, KINDS
from zscape.errors import ConfigError, DataError
from zscape.settings import Fit

SHARD_ENDINGS = (".tar", ".parquet")
MAX_CLASSES = 1000
CACHE_VERSION = 2  # counted up when the same pictures are decoded to other values
_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}
_MAX_LABEL_BYTES = 1000
_KEPT_GROUPS = 4  # of rows of Parquet, read as a whole


@dataclass(frozen=True)
class Source:
    """Pictures that are still encoded.

    Attributes:
        names: of each picture: its path in the folder, in the archive, or a number.
        labels: one text or whole number for each picture, or None.
        class_names: what whole numbers stand for, where that is known.
        skipped: what was left out.
        files: the files that all comes from.
        sizes: bytes of each picture, or of each file where that of pictures is not known.
        open: gives the path or the content of picture number `row`, in any thread.
    """

    names: list[str]
    labels: list[str] | list[int] | None
    class_names: tuple[str, ...] | None
    skipped: list[Skipped]
    files: list[Path]
    sizes: list[int]
    open: Callable[[int], Path | io.BytesIO]


def is_shard(path: Path) -> bool:
    """Tell whether a file is a tar shard or a Parquet file, by its ending."""
    return path.suffix.lower() in SHARD_ENDINGS and path.is_file()


def open_source(path: Path, *, follow_links: bool) -> Source:
    """List the pictures of a folder, of a tar or Parquet file, or of a folder of such files.

    Raises:
        DataError: there are none, or a file is damaged.
        ConfigError: pyarrow is not installed and a Parquet file is to be read.
        OSError: a file or folder cannot be read.
    """
    if path.is_dir():
        names, skipped = list_pictures(path, follow_links=follow_links)
        shards = sorted(file for file in path.iterdir() if is_shard(file))
        if names or not shards:
            return _folder(path, names, skipped)
    else:
        shards = [path]
    kinds = {shard.suffix.lower() for shard in shards}
    if len(kinds) > 1:
        raise DataError(f"{path} has tar and Parquet files; name one of them, or part them.")
    return _tar(shards) if kinds == {".tar"} else _parquet(shards)


def source_key(
    source: Source, fit: Fit, image_shape: Sequence[int], rows: np.ndarray | None = None
) -> str:
    """Return a name for decoded pictures; any change of a file or an option gives another.

    Args:
        source: the pictures.
        fit: how they are fitted.
        image_shape: (H, W, C) of the images.
        rows: which of them, in any order; all when None.
    """
    digest = hashlib.sha256(repr((CACHE_VERSION, fit, *image_shape)).encode())
    if rows is not None and len(rows) < len(source.names):
        digest.update(np.sort(rows).tobytes())
    for path in source.files:
        facts = path.stat()
        digest.update(f"\0{path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode(errors="replace"))
    return digest.hexdigest()[:32]


def _folder(root: Path, names: list[str], skipped: list[Skipped]) -> Source:
    if not names:
        others = f"; it has {len(skipped):,} other files" if skipped else ""
        raise DataError(
            f"{root} has no pictures{others}; expected {KINDS} files in it, or tar or Parquet "
            "files with such."
        )
    files = [root / name for name in names]
    sizes = [file.stat().st_size for file in files]
    return Source(names, _folder_classes(names), None, skipped, files, sizes, files.__getitem__)


def _folder_classes(names: Sequence[str]) -> list[str] | None:
    """Return the class of each picture, if the folders directly below look like classes.

    They do when every picture is in one of them, there are 2 to `MAX_CLASSES`, at least two
    pictures for each on average, and they are not called train, test and the like.
    """
    parts = [PurePosixPath(name).parts for name in names]
    classes = {part[0] for part in parts if len(part) > 1}
    if (
        any(len(part) == 1 for part in parts)
        or not 2 <= len(classes) <= MAX_CLASSES
        or len(names) < 2 * len(classes)
        or {name.lower() for name in classes} <= _SPLITS
    ):
        return None
    return [part[0] for part in parts]


# --- tar shards ---


def _tar(shards: list[Path]) -> Source:
    """List the pictures of uncompressed tar files, in the convention of WebDataset.

    Files of one name with different endings belong together: `0001.jpg`, `0001.cls`.
    """
    names: list[str] = []
    places: list[tuple[Path, int, int]] = []
    keys: list[str] = []
    classes: dict[str, str] = {}
    skipped: list[Skipped] = []
    for shard in shards:
        try:
            with tarfile.open(shard, "r:") as archive:
                for member in archive:
                    name = f"{shard.name}/{member.name}"
                    if not member.isfile():
                        continue
                    key, dot, ending = name.rpartition(".")
                    if dot + ending.lower() in ENDINGS:
                        names.append(name)
                        keys.append(key)
                        places.append((shard, member.offset_data, member.size))
                    elif ending == "cls" and member.size <= _MAX_LABEL_BYTES:
                        file = archive.extractfile(member)
                        classes[key] = file.read().decode(errors="replace").strip() if file else ""
                    elif ending not in ("json", "txt"):  # what often lies beside a picture
                        skipped.append(Skipped(name, "no picture by the ending of its name"))
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:160]
            raise DataError(
                f"{shard} cannot be read as an uncompressed tar file ({reason}); unpack it, or "
                "copy it again."
            ) from error
    if not names:
        raise DataError(f"{shards[0]} has no pictures; expected {KINDS} files in it.")
    labels = [classes.get(key) for key in keys]
    whole = [text for text in labels if text is not None]

    def read(row: int) -> io.BytesIO:
        shard, offset, size = places[row]
        with shard.open("rb") as file:
            file.seek(offset)
            return io.BytesIO(file.read(size))

    return Source(
        names,
        _numbers_or_texts(whole) if len(whole) == len(labels) else None,
        None,
        skipped,
        shards,
        [size for _, _, size in places],
        read,
    )


def _numbers_or_texts(labels: list[str]) -> list[str] | list[int]:
    try:
        return [int(label) for label in labels]
    except ValueError:
        return labels


# --- Parquet ---


def _parquet(files: list[Path]) -> Source:
    """List the pictures in the rows of Parquet files, encoded in a binary column.

    The column is named `image`, or is the first of bytes, or of records with a field `bytes`; a
    column `label` of whole numbers has the labels, with names where the file knows any.
    """
    if not find_spec("pyarrow"):
        raise ConfigError(
            'pyarrow is not installed; install it with: pip install "zscape[parquet]".'
        )
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = [pq.ParquetFile(file) for file in files]
        column = _image_column(files[0], opened[0].schema_arrow)
        groups = [(file, g) for file in opened for g in range(file.num_row_groups)]
        sizes = [file.metadata.row_group(g).num_rows for file, g in groups]
        labels, class_names = _parquet_labels(opened)
    except (pa.ArrowException, OSError, KeyError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(
            f"{files[0]} cannot be read as Parquet ({reason}); copy it again."
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
    return Source(names, labels, class_names, [], files, sizes, read)


def _image_column(path: Path, schema: Any) -> str:
    import pyarrow as pa

    def holds_bytes(kind: Any) -> bool:
        if pa.types.is_struct(kind):
            return any(f.name == "bytes" and holds_bytes(f.type) for f in kind)
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    found = [field.name for field in schema if holds_bytes(field.type)]
    if not found:
        columns = ", ".join(schema.names[:8]) or "none"
        raise DataError(f"{path} has no column of encoded pictures; its columns are {columns}.")
    return "image" if "image" in found else str(found[0])


def _parquet_labels(files: list[Any]) -> tuple[list[int] | None, tuple[str, ...] | None]:
    import pyarrow as pa

    schema = files[0].schema_arrow
    if "label" not in schema.names or not pa.types.is_integer(schema.field("label").type):
        return None, None
    labels = [
        int(v)
        for f in files
        for v in f.read(columns=["label"]).column(0).to_pylist()
        if v is not None
    ]
    if len(labels) != sum(file.metadata.num_rows for file in files):
        return None, None
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        names = tuple(str(name) for name in features["label"]["names"])
    except (KeyError, TypeError, ValueError):
        names = ()
    return labels, names if names and max(labels, default=0) < len(names) else None
