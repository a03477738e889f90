"""Benchmarks of many long runs, which can be interrupted and go on where they were."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine

Run = dict[str, Any]


def load(path: Path) -> Run:
    """Return saved results; without any runs when there are none yet."""
    results: Run = json.loads(path.read_text()) if path.exists() else {"runs": []}
    return results


def run_missing(
    path: Path,
    wanted: Iterable[Run],
    measure: Callable[..., Run],
    render: Callable[[Run], str],
    *,
    quiet: tuple[str, ...] = (),
) -> None:
    """Measure the runs that the results do not have yet; save and render after each.

    Args:
        path: the results, a `.json` file; the tables go beside it, as `.md`.
        wanted: what tells a run from the others, by name.
        measure: called with those names; returns figures by name.
        render: makes Markdown of all results.
        quiet: figures too long to be printed.
    """
    results = load(path)
    for run in wanted:
        if any(run.items() <= done.items() for done in results["runs"]):
            continue
        results["runs"].append({**run, **measure(**run)})
        results["machine"] = describe_machine()
        results["date"] = datetime.now(UTC).date().isoformat()
        path.write_text(json.dumps(results, indent=1) + "\n")
        path.with_suffix(".md").write_text(render(results))
        print({k: v for k, v in results["runs"][-1].items() if k not in quiet}, flush=True)
    if results["runs"]:
        print(render(results))
