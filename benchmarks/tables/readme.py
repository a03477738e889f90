"""The short tables of README.md."""

from __future__ import annotations

from functools import partial

from benchmarks.tables import quality, speed, time_to_quality
from benchmarks.tables.markdown import Column, Run, table

QUALITY = (
    Column("latent variables", "latent_dim", "d"),
    Column("preset", lambda runs: f"`{runs[0]['preset']}`"),
    Column("test MSE", "test_mse", ".4f", spread=True, goal=quality.goal, best="less"),
    Column("seeds", len, "d"),
)


def render(saved: dict[str, Run]) -> str:
    """Return the tables of the main figures."""
    return "\n\n".join(
        [
            table(QUALITY, quality.rows(saved["quality"])),
            _speed({"": saved["speed"], "AVX2 emulated, ": saved["speed-avx2"]}),
            table(time_to_quality.SUMMARY, [time_to_quality.compare(saved["time_to_quality"])]),
        ]
    )


def _speed(processors: dict[str, Run]) -> str:
    rows: dict[str, Run] = {}
    columns = [Column("speed of the same network, as a ratio", "name")]
    for processor, results in processors.items():
        for size in results["batch_sizes"]:
            name = f"{processor}batches of {size}"
            columns.append(Column(name, name, ".2f", goal=partial(_goal, name)))
            for ratio in speed.ratios(results, size):
                row = rows.setdefault(ratio["name"], {"name": ratio["name"], "goals": {}})
                row[name] = ratio["medians"]
                row["goals"][name] = ratio["goal"]
    return table(columns, rows.values())


def _goal(name: str, row: Run) -> float | None:
    goal: float | None = row["goals"].get(name)
    return goal
