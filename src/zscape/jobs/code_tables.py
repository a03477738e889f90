"""Any number of codes in Parquet files: in one, or in several that are read as one table."""

from __future__ import annotations

import io
import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images
from zscape.data.pictures import report_skipped
from zscape.errors import RunError, require
from zscape.files import (
    TEMPORARY_PREFIX,
    in_unicode,
    remove_folder,
    remove_leftovers,
    sha256_of,
    write_atomically,
    write_bytes,
    write_json,
)
from zscape.jobs.coded import Coded, Piece, ToEncode, coded, piece_name, to_encode
from zscape.jobs.crew import Pace, crew, itself
from zscape.jobs.encode import code_facts
from zscape.reporter import LOG, Reporter
from zscape.runs import Run


def write_code_table(
    run: Run,
    data: str | Path | Images,
    out: Path,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    reporter: Reporter = LOG,
) -> dict[str, int]:
    """Encode images into a Parquet file with a row for each.

    Its columns are `path` (of pictures), `label`, `class` and `split` (where there are any),
    `code`, a list of d float32, and `error`: of a picture that cannot be read this says why, and it
    has no code. A spatial code (h, w, d) is a list of h w d values, the last axis running fastest;
    the entry `code_shape` of the file's metadata has the shape as JSON.
    Pictures go straight from their files to codes, a chunk at a time, without the cache. What was
    encoded lies in `<out>.parts` until all is done; the same command goes on from there.
    Files that are no pictures are reported. Returns what `write_code_csv` does.

    With `workers` so many processes encode; see `zscape.jobs.crew.crew`. The rows stay the same.
    """
    require("pyarrow", extra="parquet")
    images = to_encode(run, data, reporter)
    parts = _Parts(out.with_name(f"{out.name}.parts"), "facts.json", "")
    facts = _facts_of(run, images)
    if parts.known() != facts:
        folder = parts.folder
        if folder.is_dir() and (parts.note.exists() or not any(folder.iterdir())):
            remove_folder(folder)
        folder.mkdir(parents=True)  # a folder of somebody else stops us here
        write_json(parts.note, facts)
    report_skipped(images.skipped, reporter)
    out.parent.mkdir(parents=True, exist_ok=True)
    parts.fill(run, images, workers, cluster, reporter)
    _write_joined([parts.path(number) for number in range(images.n_parts)], out)
    n_broken = parts.n_broken(images)
    remove_folder(parts.folder)
    return code_facts(run, images.n - n_broken, n_broken + len(images.skipped))


def write_code_folder(
    run: Run,
    data: str | Path | Images,
    out: Path,
    *,
    force: bool = False,
    workers: int | None = None,
    cluster: str | None = None,
    reporter: Reporter = LOG,
) -> dict[str, int]:
    """Encode images into a folder of Parquet files that are read as one table.

    The rows and columns are those of `write_code_table`, in files `part-00000000.parquet`, ... of
    up to 1,024 rows. They are in the order of the images, and pyarrow, DuckDB, Ray Data and others
    open the folder. The same command goes on after an interruption; `_facts.json`, which readers
    of tables pass over, says what the codes are of, and `n_rows` when all are there.

    Raises:
        RunError: the folder has something else in it, or without `force` the codes of other images,
            or all of these.
    """
    require("pyarrow", extra="parquet")
    parts = _Parts(out, "_facts.json", "part-")
    known = _check_folder(parts, force=force)
    images = to_encode(run, data, reporter)
    facts = _facts_of(run, images)
    if known != facts:
        if known is not None and not force:
            raise RunError(
                f"{out} has some codes of other images, or by another model; name another folder, "
                "or replace them with `force=True`."
            )
        parts.clear()
        out.mkdir(parents=True, exist_ok=True)
        write_json(parts.note, facts)
    report_skipped(images.skipped, reporter)
    remove_leftovers(out)
    parts.fill(run, images, workers, cluster, reporter)
    n_broken = parts.n_broken(images)
    write_json(parts.note, {**facts, "n_rows": images.n, "n_errors": n_broken})
    return code_facts(run, images.n - n_broken, n_broken + len(images.skipped))


def _check_folder(parts: _Parts, *, force: bool) -> dict[str, Any] | None:
    """Return what the codes are of that a folder has; refuse it if it has something else."""
    folder = parts.folder
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; name a folder.")
    known = parts.known()
    if known is None and folder.is_dir():
        others = (path.name for path in folder.iterdir())
        if any(not name.startswith(TEMPORARY_PREFIX) for name in others):
            raise RunError(f"{folder} is not empty and no folder of codes; name another folder.")
    if known is not None and "n_rows" in known and not force:
        raise RunError(
            f"{folder} has {known['n_rows']:,} codes; name another folder, or replace them with "
            "`force=True`."
        )
    return known


def _facts_of(run: Run, images: ToEncode) -> dict[str, Any]:
    """Return what tells whether parts are of the same images, by the same model."""
    model_key = sha256_of(run.path / "model.keras")
    return {"model": model_key, "images": images.key, "chunk": images.part_length}


@dataclass(frozen=True)
class _Parts:
    """A folder of numbered Parquet files, and a note of what they are of."""

    folder: Path
    note_name: str
    stem: str

    @property
    def note(self) -> Path:
        return self.folder / self.note_name

    def path(self, number: int) -> Path:
        return self.folder / f"{self.stem}{number:08d}.parquet"

    def known(self) -> dict[str, Any] | None:
        """Return the note; None if there is none."""
        try:
            facts = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) else None

    def clear(self) -> None:
        """Remove the parts; the note goes last, for without it the folder is not ours."""
        for path in self.folder.glob(f"{self.stem}*.parquet"):
            path.unlink()
        self.note.unlink(missing_ok=True)

    def fill(
        self,
        run: Run,
        images: ToEncode,
        workers: int | None,
        cluster: str | None,
        reporter: Reporter,
    ) -> None:
        """Write the parts that are missing."""
        first = next(n for n in itertools.count() if not self.path(n).exists())
        length, total = images.part_length, images.n
        if first:
            n_done = min(first * length, total)
            reporter.say(f"going on after {n_done:,} of {total:,} images")
        if first >= images.n_parts:
            return
        with crew(run, itself, workers=workers, cluster=cluster, reporter=reporter) as those:
            contents = those.map(_packed, images.pieces(first), name=piece_name)
            pace = Pace("encoding", total, workers, reporter)
            told = pace.over(contents, lambda _: length, first * length)
            for number, content in enumerate(told, first):
                write_bytes(self.path(number), content)

    def n_broken(self, images: ToEncode) -> int:
        """Return how many rows of all parts have an error."""
        import pyarrow.parquet as pq

        n_errors = 0
        for number in range(images.n_parts):
            with pq.ParquetFile(_content(self.path(number))) as file:
                if "error" not in file.schema_arrow.names:
                    return 0
                errors = file.read(columns=["error"]).column("error")
                n_errors += len(errors) - errors.null_count
        return n_errors


def _packed(run: Run, piece: Piece) -> bytes:
    """Return a Parquet file of codes."""
    import pyarrow.parquet as pq

    content = io.BytesIO()
    pq.write_table(_table(coded(run, piece)), content)
    return content.getvalue()


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


def _write_joined(parts: list[Path], out: Path) -> None:
    """Write all parts into one Parquet file."""
    import pyarrow.parquet as pq

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, pq.read_schema(_content(parts[0]))) as writer:
            for part in parts:
                writer.write_table(pq.read_table(_content(part)))

    write_atomically(out, write)


def _content(path: Path) -> io.BytesIO:
    """Return what is in a part, which may lie elsewhere than on this machine."""
    return io.BytesIO(path.read_bytes())
