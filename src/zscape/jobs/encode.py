"""Codes as files: arrays, or any number of them in a Parquet file, streamed and resumed."""

from __future__ import annotations

import itertools
import json
import math
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, chunk_length
from zscape.data.load import fingerprint
from zscape.data.picture_cache import decode_rows
from zscape.data.pictures import PictureList
from zscape.data.sources import PictureSource, resolve
from zscape.errors import require
from zscape.files import sha256_of, write_arrays, write_atomically, write_json
from zscape.reporter import LOG, Reporter
from zscape.runs import Run

CHUNK = 1024  # rows that an interruption may cost; fewer of large images


def write_codes(run: Run, data: str | Path | Images, out: Path) -> dict[str, int]:
    """Encode images into a `.npz` file: `codes`, and `labels` (N,) if there are any.

    Of a folder there are also `paths` (N,), and the `class_names` that labels stand for.
    """
    images = run.load_images(data)
    arrays = {
        "codes": run.model.encode(images.images),
        "labels": images.labels,
        "class_names": images.class_names,
        "paths": images.names,
    }
    write_arrays(out, {name: np.asarray(x) for name, x in arrays.items() if x is not None})
    return {"n_codes": len(images), "n_latent_variables": run.model.latent_dim}


def write_code_table(
    run: Run, data: str | Path | Images, out: Path, *, reporter: Reporter = LOG
) -> dict[str, int]:
    """Encode images into a Parquet file with a row for each.

    Its columns are `path` (of pictures), `label` and `class` (where there are any), `code`, a list
    of d float32, and `error`: of a picture that cannot be read this says why, and it has no code.
    A spatial code (h, w, d) is a list of h w d values, the last axis running fastest; the entry
    `code_shape` of the file's metadata has the shape as JSON.
    Pictures go straight from their files to codes, a chunk at a time, without the cache. What was
    encoded lies in `<out>.parts` until all is done; the same command goes on from there.
    Returns `n_codes`, `n_latent_variables` and, if there are any, `n_left_out`.
    """
    require("pyarrow", extra="parquet")
    import pyarrow.parquet as pq

    model_key = sha256_of(run.path / "model.keras")
    source = resolve(data)
    n_chunk = min(CHUNK, chunk_length(run.config.image_shape))
    n_skipped = 0
    if isinstance(source, PictureSource):
        listed = source.list_pictures(follow_links=run.pictures.follow_links)
        n_rows, n_skipped = len(listed), len(listed.skipped)
        key = listed.key(run.pictures.fit, run.config.image_shape)
        table: Callable[[range], Any] = partial(_picture_table, run, listed)
    else:
        images = run.load_images(data)
        n_rows = len(images)
        key = fingerprint(images.images, *([] if images.labels is None else [images.labels]))
        table = partial(_array_table, run, images)
    parts = out.with_name(f"{out.name}.parts")
    done = _open_parts(parts, {"model": model_key, "images": key, "chunk": n_chunk})
    out.parent.mkdir(parents=True, exist_ok=True)
    n_chunks = -(-n_rows // n_chunk)
    if done:
        reporter.say(f"going on after {min(done * n_chunk, n_rows):,} of {n_rows:,} images")
    for number in range(done, n_chunks):
        rows = range(number * n_chunk, min((number + 1) * n_chunk, n_rows))
        write_atomically(parts / f"{number:08d}.parquet", partial(pq.write_table, table(rows)))
    n_broken = _write_joined(parts, n_chunks, out)
    shutil.rmtree(parts)
    facts = {"n_codes": n_rows - n_broken, "n_latent_variables": run.model.latent_dim}
    if n_left_out := n_broken + n_skipped:
        facts["n_left_out"] = n_left_out
    return facts


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
    return next(n for n in itertools.count() if not (parts / f"{n:08d}.parquet").exists())


def _array_table(run: Run, images: Images, rows: range) -> Any:
    part = images.take(slice(rows.start, rows.stop))
    return _table(run.model.encode(part.images), part.labels, part.shown_labels)


def _picture_table(run: Run, listed: PictureList, rows: range) -> Any:
    decoded, reasons = decode_rows(listed, rows, run.config.image_shape, run.pictures.fit)
    labels = None if listed.labels is None else np.array(listed.labels[rows.start : rows.stop])
    shown = None
    if labels is not None and labels.dtype.kind == "U":
        labels, shown = None, labels
    elif labels is not None and listed.class_names:
        shown = np.array(listed.class_names)[labels]
    paths = listed.names[rows.start : rows.stop]
    errors = [reasons.get(row) for row in rows]
    return _table(run.model.encode(decoded), labels, shown, paths, errors)


def _table(
    codes: np.ndarray,
    labels: np.ndarray | None,
    classes: np.ndarray | None,
    paths: list[str] | None = None,
    errors: list[str | None] | None = None,
) -> Any:
    import pyarrow as pa

    columns: dict[str, Any] = {}
    if paths is not None:
        columns["path"] = pa.array([path.encode(errors="replace").decode() for path in paths])
    if labels is not None:
        columns["label"] = pa.array(labels)
    if classes is not None and classes.dtype.kind == "U":
        columns["class"] = pa.array(classes.tolist())
    flat = pa.array(codes.astype(np.float32).ravel())
    missing = None if errors is None else pa.array([error is not None for error in errors])
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
        paths = [parts / f"{number:08d}.parquet" for number in range(n_parts)]
        with pq.ParquetWriter(path, pq.read_schema(paths[0])) as writer:
            for part in paths:
                table = pq.read_table(part)
                writer.write_table(table)
                if "error" in table.column_names:
                    n_errors += len(table) - table.column("error").null_count

    write_atomically(out, write)
    return n_errors
