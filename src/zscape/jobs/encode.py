"""Codes of any number of images in a Parquet file: streamed, and resumed where they were."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, chunk_length
from zscape.data.load import fingerprint
from zscape.data.picture_cache import decode_rows
from zscape.data.pictures import PictureList
from zscape.data.sources import PictureSource, resolve
from zscape.errors import ConfigError
from zscape.files import sha256_of, write_atomically, write_json
from zscape.runs import Run

CHUNK = 1024  # rows that an interruption may cost; fewer of large images

Say = Callable[[str], object]


def write_code_table(
    run: Run, data: str | Path | Images, out: Path, *, say: Say | None = None
) -> dict[str, int]:
    """Encode images into a Parquet file with a row for each.

    Its columns are `path` (of pictures), `label` and `class` (where there are any), `code`, a list
    of d float32, and `error`: of a picture that cannot be read this says why, and it has no code.
    A spatial code (h, w, d) is a list of h w d values, the last axis running fastest; the entry
    `code_shape` of the file's metadata has the shape as JSON.
    Pictures go straight from their files to codes, a chunk at a time, without the cache. What was
    encoded lies in `<out>.parts` until all is done; the same command goes on from there.

    Args:
        run: a trained run.
        data: a folder of pictures, or anything else that `load_images` takes.
        out: the file to write.
        say: called with a message when there is something to resume.

    Returns:
        `n_codes`, `n_latent_variables` and, if there are any, `n_left_out`.

    Raises:
        ConfigError: pyarrow is not installed.
        DataError: the images cannot be read or have another shape.
        OSError: a file cannot be written.
    """
    if not find_spec("pyarrow"):
        raise ConfigError(
            'pyarrow is not installed; install it with: pip install "zscape[parquet]".'
        )
    import pyarrow.parquet as pq

    model_key = sha256_of(run.path / "model.keras")
    source = resolve(data)
    n_chunk = min(CHUNK, chunk_length(run.config.image_shape))
    n_skipped = 0
    if isinstance(source, PictureSource):
        listed = source.list_pictures(follow_links=run.pictures.follow_links)
        n_rows, n_skipped = len(listed), len(listed.skipped)
        key = listed.key(run.pictures.fit, run.config.image_shape)
        tables = _picture_tables(run, listed, n_chunk)
    else:
        images = run.load_images(data)
        n_rows = len(images)
        key = fingerprint(images.images, *([] if images.labels is None else [images.labels]))
        tables = _array_tables(run, images, n_chunk)
    parts = out.with_name(f"{out.name}.parts")
    done = _open_parts(parts, {"model": model_key, "images": key, "chunk": n_chunk})
    out.parent.mkdir(parents=True, exist_ok=True)
    n_chunks = -(-n_rows // n_chunk)
    if done and say is not None:
        say(f"going on after {min(done * n_chunk, n_rows):,} of {n_rows:,} images")
    for number in range(done, n_chunks):
        table = tables(number * n_chunk)
        write_atomically(parts / f"{number:08d}.parquet", partial(pq.write_table, table))
    n_broken = _write_joined(parts, n_chunks, out)
    shutil.rmtree(parts)
    facts = {"n_codes": n_rows - n_broken, "n_latent_variables": run.model.latent_dim}
    n_left_out = n_broken + n_skipped
    return {**facts, "n_left_out": n_left_out} if n_left_out else facts


def _open_parts(parts: Path, facts: dict[str, Any]) -> int:
    """Return how many parts of the same codes are there; others are removed."""
    note = parts / "facts.json"
    try:
        same = json.loads(note.read_text(encoding="utf-8")) == facts
    except (OSError, ValueError):
        same = False
    if not same:
        if parts.is_dir() and (note.exists() or not any(parts.iterdir())):
            shutil.rmtree(parts)
        parts.mkdir(parents=True)  # a folder of somebody else stops us here
        write_json(note, facts)
    done = 0
    while (parts / f"{done:08d}.parquet").exists():
        done += 1
    return done


def _array_tables(run: Run, images: Images, n_chunk: int) -> Callable[[int], Any]:
    def table(start: int) -> Any:
        part = images.take(slice(start, start + n_chunk))
        return _table(run.model.encode(part.images), None, part.labels, part.shown_labels, None)

    return table


def _picture_tables(run: Run, listed: PictureList, n_chunk: int) -> Callable[[int], Any]:
    class_names = np.array(listed.class_names) if listed.class_names else None

    def table(start: int) -> Any:
        rows = range(start, min(start + n_chunk, len(listed)))
        decoded, reasons = decode_rows(listed, rows, run.config.image_shape, run.pictures.fit)
        codes = run.model.encode(decoded)
        labels = None if listed.labels is None else np.array(listed.labels[start : rows.stop])
        shown = None
        if labels is not None and labels.dtype.kind == "U":
            labels, shown = None, labels
        elif labels is not None and class_names is not None:
            shown = class_names[labels]
        errors = [reasons.get(row) for row in rows]
        return _table(codes, listed.names[start : rows.stop], labels, shown, errors)

    return table


def _table(
    codes: np.ndarray,
    paths: list[str] | None,
    labels: np.ndarray | None,
    classes: np.ndarray | None,
    errors: list[str | None] | None,
) -> Any:
    import pyarrow as pa

    missing = None
    if errors is not None:
        missing = pa.array([error is not None for error in errors])
    columns: dict[str, Any] = {}
    if paths is not None:
        columns["path"] = pa.array([path.encode(errors="replace").decode() for path in paths])
    if labels is not None:
        columns["label"] = pa.array(labels)
    if classes is not None and classes.dtype.kind == "U":
        columns["class"] = pa.array(classes.tolist())
    flat = pa.array(codes.astype(np.float32).ravel())
    length = math.prod(codes.shape[1:])
    columns["code"] = pa.FixedSizeListArray.from_arrays(flat, length, mask=missing)
    if errors is not None:
        columns["error"] = pa.array(errors, pa.string())
    return pa.table(columns, metadata={"code_shape": json.dumps(codes.shape[1:])})


def _write_joined(parts: Path, n_parts: int, out: Path) -> int:
    """Write all parts into one Parquet file; return how many rows have an error."""
    import pyarrow.parquet as pq

    n_errors = 0

    def write(path: Path) -> None:
        nonlocal n_errors
        writer = None
        try:
            for number in range(n_parts):
                table = pq.read_table(parts / f"{number:08d}.parquet")
                writer = writer or pq.ParquetWriter(path, table.schema)
                writer.write_table(table)
                if "error" in table.column_names:
                    n_errors += len(table) - table.column("error").null_count
        finally:
            if writer is not None:
                writer.close()

    write_atomically(out, write)
    return n_errors
