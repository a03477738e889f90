"""Table of the memory while encoding."""

from __future__ import annotations

import numpy as np

from benchmarks.tables.markdown import Column, Run, measured, page, table

WARM_UP = 0.1  # of the pictures; what is grown until then is buffers
COLUMNS = (
    Column("pictures", "n_pictures", ",d"),
    Column("encoding", "seconds", ",.0f", "s"),
    Column("memory", "kind"),
    Column("after a tenth", "first", ",.0f", "MiB"),
    Column("at the end", "last", ",.0f", "MiB"),
    Column("most", "most", ",.0f", "MiB"),
    Column("growth in 100,000", "growth", "+.1f", "MiB"),
)


def _row(run: Run, kind: str) -> Run:
    encoded, memory = (np.array(run["samples"][name]) for name in ("encoded", kind))
    later = encoded >= min(WARM_UP * run["n_pictures"], encoded.max())
    # The slope of a line; a run that was too short has none.
    slope = np.polyfit(encoded[later], memory[later], 1)[0] if np.ptp(encoded[later]) else np.nan
    figures = {"first": memory[later][0], "last": memory[-1], "most": memory.max()}
    return {**run, "kind": kind, **figures, "growth": 100_000 * slope}


def render(results: Run) -> str:
    """Return the results as Markdown."""
    return page(
        "Memory while encoding",
        "Made by `python -m benchmarks.soak`: generated PNG files of 28x28 pixels, encoded by "
        "`zscape encode RUN FOLDER -o codes.parquet`.",
        measured(results),
        table(
            COLUMNS,
            (_row(run, kind) for run in results["runs"] for kind in ("resident", "anonymous")),
        ),
        "![Two level lines over the number of pictures encoded: resident and anonymous memory.]"
        "(images/soak.png)",
    )
