"""What the programs share: options, runs that go on where they were, and saved results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.tables import render
from benchmarks.tables.markdown import Run

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
QUICK_IMAGES = 640


def parser(about: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every program has, from the program's docstring."""
    made = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    made.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    made.add_argument(
        "--quick",
        action="store_true",
        help="only see whether it works; needs --out, measures little",
    )
    made.add_argument("--peers-python", help="an interpreter that has the peers already")
    return made


def parse(made: argparse.ArgumentParser) -> argparse.Namespace:
    """Read the command line; quick results may not replace real ones."""
    options = made.parse_args()
    if options.quick and options.out.resolve() == RESULTS:
        made.error("--quick measures too little to be kept; name another folder with --out")
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def run_missing(
    name: str,
    made: argparse.ArgumentParser,
    wanted: Iterable[Run],
    measure: Callable[..., Run],
    *,
    vary: str,
    facts: Callable[[], Run] = dict,
) -> None:
    """Measure the runs that the results do not have yet; save and render after each.

    `--only KEY=VALUE` restricts the runs, and may be given for several keys and values.

    Args:
        name: of the benchmark and its results.
        made: the parser of the program.
        wanted: what tells a run from the others, by name, in the order of the tables.
        measure: called with the options of the command line and those names; returns figures.
        vary: with `--quick`, only the first run of each value of this name is measured.
        facts: what all runs are compared with, by name; measured once.
    """
    made.add_argument("--only", nargs="+", default=[], metavar="KEY=VALUE", help="only these runs")
    options = parse(made)
    runs = list(wanted)
    names = dict.fromkeys(name for run in runs for name in run)
    asked: dict[str, list[str]] = {}
    for words in options.only:
        key, _, value = words.partition("=")
        if key not in names:
            made.error(f"--only knows {', '.join(names)}, not {key}")
        asked.setdefault(key, []).append(value)
    chosen = [run for run in runs if all(str(run.get(k)) in values for k, values in asked.items())]
    if options.quick:
        chosen = list({run[vary]: run for run in reversed(chosen)}.values())[::-1]
    path: Path = options.out / f"{name}.json"
    results: Run = json.loads(path.read_text()) if path.exists() else {**facts(), "runs": []}
    for run in chosen:
        if any(run.items() <= done.items() for done in results["runs"]):
            continue
        figures = measure(options, **run)
        print(dumps({**run, **figures}), flush=True)
        results["runs"].append({**run, **figures})
        results["runs"].sort(key=lambda done: _position(runs, done))
        save(path, {**results, **where()})
    if results["runs"]:
        print(path.with_suffix(".md").read_text())


def _position(wanted: list[Run], done: Run) -> int:
    return next((i for i, run in enumerate(wanted) if run.items() <= done.items()), len(wanted))


def where() -> dict[str, str]:
    """Return the machine and the date of today."""
    return {"machine": describe_machine(), "date": datetime.now(UTC).date().isoformat()}


def describe_machine() -> str:
    """Return processor, cores and versions in one line."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    versions = ", ".join(f"{package} {version(package)}" for package in ("keras", "numpy"))
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def save(path: Path, results: Run) -> None:
    """Write results, and beside them their tables."""
    path.write_text(dumps(results) + "\n")
    path.with_suffix(".md").write_text(render(path.stem, results))


def dumps(value: Any) -> str:
    """Return JSON with a line for whatever has nothing nested in it."""
    text = json.dumps(value, indent=1)
    return re.sub(r"[\[{][^][{}]*[]}]", lambda inner: _one_line(inner[0]), text)


def _one_line(text: str) -> str:
    return re.sub(r"\n *", "", re.sub(r",\n *", ", ", text))
