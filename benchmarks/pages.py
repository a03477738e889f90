"""Write the tables that the documentation shows from saved results: `python -m benchmarks.pages`.

`docs/benchmarks.md` gets the Markdown of every benchmark, and README.md, between two comments, a
short table of the main figures.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.speed import GOALS, ratio

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
BENCHMARKS = ("speed", "quality", "recipe")
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def docs_page() -> str:
    """Return the page with all tables."""
    parts = [
        "# Benchmarks",
        "`make bench` repeats them. Each is a program in `benchmarks/`, which says on top what it "
        "measures; the results below are the files it left in `benchmarks/results/`.",
    ]
    for name in BENCHMARKS:
        table = RESULTS / f"{name}.md"
        if table.exists():
            parts.append(table.read_text().replace("\n#", "\n##").replace("# ", "## ", 1).strip())
    return "\n\n".join(parts) + "\n"


def readme_tables() -> str:
    """Return the quality and the speed table of README.md."""
    return "\n\n".join([*_quality_table(), *_speed_table()])


def _saved(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _quality_table() -> list[str]:
    results = _saved("quality")
    if results is None:
        return []
    rows = ["| latent variables | preset | test MSE | seeds |", "|---:|---|---:|---:|"]
    cells: dict[tuple[int, str], list[float]] = {}
    for run in results["runs"]:
        cells.setdefault((run["latent_dim"], run["preset"]), []).append(run["test_mse"])
    for (dim, preset), values in sorted(cells.items()):
        spread = f" ({min(values):.4f} to {max(values):.4f})" if len(values) > 1 else ""
        rows.append(
            f"| {dim} | `{preset}` | {statistics.mean(values):.4f}{spread} | {len(values)} |"
        )
    return ["\n".join(rows)]


def _speed_table() -> list[str]:
    results = _saved("speed")
    if results is None:
        return []
    sizes = list(results["batch_sizes"])
    rows = [
        "| speed of the same network, as a ratio | " + " | ".join(f"batches of {b}" for b in sizes),
        "|---|" + "---:|" * len(sizes),
    ]
    rows[0] += " |"
    for work, ours, theirs in GOALS:
        verb = "training" if work == "train" else "prediction"
        values = [ratio(results["batch_sizes"][b][work], ours, theirs)[0] for b in sizes]
        cells = " | ".join(f"{value:.2f}" for value in values)
        rows.append(f"| {verb}, {ours} to {theirs} | {cells} |")
    return ["\n".join(rows)]


def main() -> None:
    """Write both."""
    (ROOT / "docs" / "benchmarks.md").write_text(docs_page())
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{readme_tables()}\n{END}{after}")


if __name__ == "__main__":
    main()
