"""Table of what became of malformed files."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, measured, page, table

COLUMNS = (
    Column("reader", "reader"),
    Column("inputs", "inputs", ",d"),
    Column("refused", "refused", ",d"),
    Column("read", "read", ",d"),
    Column("findings", "findings", ",d", goal=0, best="less"),
    Column("peak memory", "peak_mb", ",d", "MB", goal=2000, best="less"),
    Column("time", "seconds", ",.0f", "s"),
)


def render(results: Run) -> str:
    """Return the results as Markdown."""
    runs = results["runs"]
    total = {
        name: sum(run[name] for run in runs)
        for name in ("inputs", "refused", "read", "findings", "seconds")
    }
    total |= {"reader": "all", "peak_mb": max(run["peak_mb"] for run in runs)}
    return page(
        "Malformed files",
        "Made by `python -m benchmarks.fuzz`: valid files of every kind, damaged by a seeded draw, "
        "and small files that claim or unpack to gigabytes. Refused is an error of one line, or a "
        "picture left out with a reason; a finding is a traceback, a crash, a hang of 20 s, more "
        "than 2 GB, or an allocation that failed.",
        measured(results),
        table(COLUMNS, [*runs, total]),
    )
