"""Codes as files: arrays, or any number of them in a table (Parquet, CSV, TSV), streamed."""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import NO_LABEL, Images
from zscape.data.pictures import Skipped, report_skipped
from zscape.errors import DataError, require
from zscape.files import (
    in_unicode,
    remove_folder,
    sha256_of,
    tsv_line,
    write_arrays,
    write_atomically,
    write_csv,
    write_json,
)
from zscape.jobs.coded import Coded, ToEncode, split_to_encode, to_encode
from zscape.reporter import LOG, Reporter
from zscape.runs import Run


def write_codes(run: Run, data: str | Path | Images, out: Path) -> dict[str, int]:
    """Encode images into a `.npz` file: `codes`, and `labels` (N,) if there are any.

    Of a folder there are also `paths` (N,), and the `class_names` that labels stand for; of a set
    with splits, all of which are encoded, `splits` (N,). Of a set with a name it is the test split.
    """
    images = run.load_images(data, split_to_encode(data))
    arrays = {
        "codes": run.model.encode(images.images),
        "labels": images.labels,
        "class_names": images.class_names,
        "paths": images.names,
        "splits": images.splits,
    }
    write_arrays(out, {name: np.asarray(x) for name, x in arrays.items() if x is not None})
    return {"n_codes": len(images), "n_latent_variables": run.model.latent_dim}


# --- CSV and TSV ---


def write_code_csv(
    run: Run, data: str | Path | Images, out: Path, *, reporter: Reporter = LOG
) -> dict[str, int]:
    """Encode images into a CSV file with a header and a row for each, a part at a time.

    The columns are `path` (of pictures) or `number` (of others, from 0); `label`, where there are
    labels: the name of the class if it has one, and nothing where it is not known; `split`, where
    the set has splits; and the code, see `value_names`. Pictures that cannot be read have no row,
    and are reported. Returns `n_codes`, `n_latent_variables` and, if there are any, `n_left_out`.
    """
    rows = _Rows(run, to_encode(run, data, reporter), reporter)
    out.parent.mkdir(parents=True, exist_ok=True)
    header = [*rows.columns, *value_names(run.model.code_shape)]
    write_csv(out, header, ([*about, *code] for about, code in rows))
    return rows.facts()


def write_code_tsv(
    run: Run, data: str | Path | Images, out: Path, *, reporter: Reporter = LOG
) -> dict[str, int]:
    """Encode images into two files that https://projector.tensorflow.org loads.

    `out` has the codes without a header, and `metadata_path(out)` what `write_code_csv` has before
    a code, with a header where it has more than one column. Returns what that does.
    """
    rows = _Rows(run, to_encode(run, data, reporter), reporter)
    out.parent.mkdir(parents=True, exist_ok=True)

    def write(codes_path: Path, about_path: Path) -> None:
        with (
            codes_path.open("w", encoding="utf-8", newline="") as codes,
            about_path.open("w", encoding="utf-8", newline="") as metadata,
        ):
            if len(rows.columns) > 1:
                metadata.write(tsv_line(rows.columns))
            for about, code in rows:
                codes.write(tsv_line(code))
                metadata.write(tsv_line(about))

    write_atomically(
        out, lambda codes_path: write_atomically(metadata_path(out), partial(write, codes_path))
    )
    return rows.facts()


def metadata_path(out: Path) -> Path:
    """Return the file beside `codes.tsv` with what the codes are of: `codes-metadata.tsv`."""
    return out.with_name(f"{out.stem}-metadata{out.suffix}")


def value_names(code_shape: tuple[int, ...]) -> list[str]:
    """Return names for the values of a code: `z1`, ...; or `z_ROW_COLUMN_1`, ... where spatial.

    Rows and columns count from 0, as those of arrays, and latent variables from 1.
    """
    *places, n_variables = code_shape
    if not places:
        return [f"z{k + 1}" for k in range(n_variables)]
    return [
        "_".join(map(str, ("z", *place, k + 1)))
        for place in itertools.product(*map(range, places))
        for k in range(n_variables)
    ]


class _Rows:
    """What is known of each image, and its code as a row of numbers; to be gone through once."""

    def __init__(self, run: Run, images: ToEncode, reporter: Reporter) -> None:
        self._run, self._images, self._reporter = run, images, reporter
        self._n_codes, self._skipped = 0, list(images.skipped)
        # The first part shows which columns there are.
        self._first = images.part(0)
        is_labelled = self._first.labels is not None or self._first.classes is not None
        first = "number" if self._first.names is None else "path"
        self.columns = [first, *["label"] * is_labelled]
        self.columns += ["split"] * (self._first.splits is not None)

    def __iter__(self) -> Iterator[tuple[list[Any], list[np.float32]]]:
        others = map(self._images.part, range(1, self._images.n_parts))
        n_done = 0
        try:
            for part in itertools.chain([self._first], others):
                yield from self._rows_of(part, n_done)
                n_done += len(part.codes)
                self._reporter.progress("encoding", n_done, self._images.n)
        finally:
            self._reporter.close()
        report_skipped(self._skipped, self._reporter)
        if not self._n_codes:
            raise DataError(
                f"none of the {self._images.n:,} pictures can be read; the first, "
                f"{self._skipped[-self._images.n].path}: {self._skipped[-self._images.n].reason}."
            )

    def _rows_of(self, part: Coded, first: int) -> Iterator[tuple[list[Any], list[np.float32]]]:
        n = len(part.codes)
        names: list[Any] = [*range(first, first + n)] if part.names is None else [*part.names]
        errors = part.errors or [None] * n
        for i, code in enumerate(part.codes.reshape(n, -1)):
            if (reason := errors[i]) is not None:
                self._skipped.append(Skipped(names[i], reason))
                continue
            self._n_codes += 1
            split = [] if part.splits is None else [part.splits[i]]
            yield [names[i], *_label(part, i), *split], list(code)

    def facts(self) -> dict[str, int]:
        """Return how many codes were written, of how many variables, and what was left out."""
        return _facts(self._run, self._n_codes, len(self._skipped))


def _label(part: Coded, i: int) -> list[Any]:
    if part.classes is not None:
        return [part.classes[i]]
    if part.labels is None:
        return []
    return ["" if part.labels[i] == NO_LABEL else part.labels[i]]


def _facts(run: Run, n_codes: int, n_left_out: int) -> dict[str, int]:
    facts = {"n_codes": n_codes, "n_latent_variables": run.model.latent_dim}
    return {**facts, "n_left_out": n_left_out} if n_left_out else facts


# --- Parquet ---


def write_code_table(
    run: Run, data: str | Path | Images, out: Path, *, reporter: Reporter = LOG
) -> dict[str, int]:
    """Encode images into a Parquet file with a row for each.

    Its columns are `path` (of pictures), `label`, `class` and `split` (where there are any),
    `code`, a list of d float32, and `error`: of a picture that cannot be read this says why, and it
    has no code. A spatial code (h, w, d) is a list of h w d values, the last axis running fastest;
    the entry `code_shape` of the file's metadata has the shape as JSON.
    Pictures go straight from their files to codes, a chunk at a time, without the cache. What was
    encoded lies in `<out>.parts` until all is done; the same command goes on from there.
    Files that are no pictures are reported. Returns what `write_code_csv` does.
    """
    require("pyarrow", extra="parquet")
    import pyarrow.parquet as pq

    model_key = sha256_of(run.path / "model.keras")
    images = to_encode(run, data, reporter)
    parts = out.with_name(f"{out.name}.parts")
    facts = {"model": model_key, "images": images.key, "chunk": images.part_length}
    done = _open_parts(parts, facts)
    report_skipped(images.skipped, reporter)
    out.parent.mkdir(parents=True, exist_ok=True)
    if done:
        n_done = min(done * images.part_length, images.n)
        reporter.say(f"going on after {n_done:,} of {images.n:,} images")
    for number in range(done, images.n_parts):
        table = _table(images.part(number))
        write_atomically(parts / f"{number:08d}.parquet", partial(pq.write_table, table))
    n_broken = _write_joined(parts, images.n_parts, out)
    remove_folder(parts)
    return _facts(run, images.n - n_broken, n_broken + len(images.skipped))


def _open_parts(parts: Path, facts: dict[str, Any]) -> int:
    """Return how many parts of the same codes are there; others are removed."""
    note = parts / "facts.json"
    try:
        same = json.loads(note.read_text(encoding="utf-8")) == facts
    except (OSError, ValueError):
        same = False
    if not same:
        if parts.is_dir() and (note.exists() or not any(parts.iterdir())):
            remove_folder(parts)
        parts.mkdir(parents=True)  # a folder of somebody else stops us here
        write_json(note, facts)
    return next(n for n in itertools.count() if not (parts / f"{n:08d}.parquet").exists())


def _table(part: Coded) -> Any:
    import pyarrow as pa

    columns: dict[str, Any] = {}
    if part.names is not None:
        columns["path"] = pa.array(map(in_unicode, part.names), pa.string())
    if part.labels is not None:
        columns["label"] = pa.array(part.labels)
    if part.classes is not None:
        columns["class"] = pa.array([name or None for name in part.classes], pa.string())
    if part.splits is not None:
        columns["split"] = pa.array(part.splits, pa.string())
    flat = pa.array(part.codes.astype(np.float32).ravel())
    errors = part.errors
    missing = None if errors is None else pa.array([error is not None for error in errors])
    length = math.prod(part.codes.shape[1:])
    columns["code"] = pa.FixedSizeListArray.from_arrays(flat, length, mask=missing)
    if errors is not None:
        columns["error"] = pa.array(errors, pa.string())
    return pa.table(columns, metadata={"code_shape": json.dumps(part.codes.shape[1:])})


def _read_part(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(path.read_bytes()))


def _write_joined(parts: Path, n_parts: int, out: Path) -> int:
    """Write all parts into one Parquet file; return how many rows have an error."""
    import pyarrow.parquet as pq

    n_errors = 0

    def write(path: Path) -> None:
        nonlocal n_errors
        paths = [parts / f"{number:08d}.parquet" for number in range(n_parts)]
        with pq.ParquetWriter(path, _read_part(paths[0]).schema) as writer:
            for part in paths:
                table = _read_part(part)
                writer.write_table(table)
                if "error" in table.column_names:
                    n_errors += len(table) - table.column("error").null_count

    write_atomically(out, write)
    return n_errors
