"""Tables of which odd images are found."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, every, grouped, mean, measured, page, table

OWN = "zscape"
TITLES = {"one normal": "One normal digit", "one odd": "One odd digit", "outsiders": "Outsiders"}
GOAL = 0.97  # the least zscape's mean AUROC should be, and that in the first place


def _has_goal(runs: list[Run]) -> bool:
    return (runs[0]["method"], runs[0]["setting"]) == (OWN, "one normal")


def _table(runs: list[Run]) -> str:
    ranked = sorted(grouped(runs, "method"), key=lambda found: -mean(found, "auroc"))
    columns = (
        Column(
            "place",
            lambda found: 1 + ranked.index(found),
            "d",
            goal=lambda found: 1 if _has_goal(found) else None,
            best="less",
        ),
        Column("method", "method"),
        Column("AUROC", "auroc", ".4f", goal=lambda found: GOAL if _has_goal(found) else None),
        Column("worst digit", lambda found: min(every(found, "auroc")), ".4f"),
        Column("average precision", "average_precision", ".4f"),
        Column("runs", len, "d"),
    )
    return table(columns, ranked)


def render(results: Run) -> str:
    """Return the results as Markdown."""
    parts = []
    for runs in grouped(results["runs"], "setting"):
        parts += [f"## {TITLES[runs[0]['setting']]}", _table(runs)]
    return page(
        "Anomalies",
        "Made by `python -m benchmarks.anomalies`; MNIST test split, means over digits.",
        measured(results),
        *parts,
    )
