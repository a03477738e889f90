"""Codes as files: arrays, or any number of them in a table (CSV, TSV), streamed.

Those in Parquet files are in `zscape.jobs.code_tables`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import NO_LABEL, Images
from zscape.data.pictures import Skipped, report_skipped
from zscape.errors import DataError
from zscape.files import tsv_line, write_arrays, write_atomically, write_csv
from zscape.jobs.coded import Coded, ToEncode, coded, piece_name, split_to_encode, to_encode
from zscape.jobs.crew import crew, itself
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
    run: Run,
    data: str | Path | Images,
    out: Path,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    reporter: Reporter = LOG,
) -> dict[str, int]:
    """Encode images into a CSV file with a header and a row for each, a part at a time.

    The columns are `path` (of pictures) or `number` (of others, from 0); `label`, where there are
    labels: the name of the class if it has one, and nothing where it is not known; `split`, where
    the set has splits; and the code, see `value_names`. Pictures that cannot be read have no row,
    and are reported. Returns `n_codes`, `n_latent_variables` and, if there are any, `n_left_out`.
    With `workers` so many processes encode; see `zscape.jobs.crew.crew`.
    """
    images = to_encode(run, data, reporter)
    with crew(run, itself, workers=workers, cluster=cluster, reporter=reporter) as those:
        rows = _Rows(run, images, those, reporter)
        out.parent.mkdir(parents=True, exist_ok=True)
        header = [*rows.columns, *value_names(rows.code_shape)]
        write_csv(out, header, ([*about, *code] for about, code in rows))
    return rows.facts()


def write_code_tsv(
    run: Run,
    data: str | Path | Images,
    out: Path,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    reporter: Reporter = LOG,
) -> dict[str, int]:
    """Encode images into two files that https://projector.tensorflow.org loads.

    `out` has the codes without a header, and `metadata_path(out)` what `write_code_csv` has before
    a code, with a header where it has more than one column. Returns what that does.
    """
    images = to_encode(run, data, reporter)

    def write(rows: _Rows, codes_path: Path, about_path: Path) -> None:
        with (
            codes_path.open("w", encoding="utf-8", newline="") as codes,
            about_path.open("w", encoding="utf-8", newline="") as metadata,
        ):
            if len(rows.columns) > 1:
                metadata.write(tsv_line(rows.columns))
            for about, code in rows:
                codes.write(tsv_line(code))
                metadata.write(tsv_line(about))

    with crew(run, itself, workers=workers, cluster=cluster, reporter=reporter) as those:
        rows = _Rows(run, images, those, reporter)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(
            out,
            lambda path: write_atomically(metadata_path(out), partial(write, rows, path)),
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

    def __init__(self, run: Run, images: ToEncode, those: Any, reporter: Reporter) -> None:
        self._run, self._images, self._reporter = run, images, reporter
        self._n_codes, self._skipped = 0, list(images.skipped)
        self._parts = those.map(coded, images.pieces(), name=piece_name)
        # The first part shows which columns there are.
        self._first: Coded = next(self._parts)
        self.code_shape = self._first.codes.shape[1:]
        is_labelled = self._first.labels is not None or self._first.classes is not None
        first = "number" if self._first.names is None else "path"
        self.columns = [first, *["label"] * is_labelled]
        self.columns += ["split"] * (self._first.splits is not None)

    def __iter__(self) -> Iterator[tuple[list[Any], list[np.float32]]]:
        n_done = 0
        try:
            for part in itertools.chain([self._first], self._parts):
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
        return code_facts(self._run, self._n_codes, len(self._skipped))


def _label(part: Coded, i: int) -> list[Any]:
    if part.classes is not None:
        return [part.classes[i]]
    if part.labels is None:
        return []
    return ["" if part.labels[i] == NO_LABEL else part.labels[i]]


def code_facts(run: Run, n_codes: int, n_left_out: int) -> dict[str, int]:
    """Return how many codes there are, of how many variables, and what was left out."""
    facts = {"n_codes": n_codes, "n_latent_variables": run.config.network.latent_dim}
    return {**facts, "n_left_out": n_left_out} if n_left_out else facts
