"""Table of the time until images are as good as the tutorial's."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, every, grouped, measured, page, table

CONTENDERS = ("zscape", "tutorial")
EPOCHS = 100  # of the tutorial at most
PATIENCE = 10
PUBLISHED = 0.0140  # what the tutorial came to, after about 45 epochs
GOAL = 15  # times faster, in the mean
COLUMNS = (
    Column("seed", "seed", "d"),
    Column("tutorial, epochs", lambda row: f"{row['epochs']}{row['cut']}"),
    Column("its best test MSE", "mse", ".5f"),
    Column("after", "seconds", ".0f", "s"),
    Column("zscape reaches that after", "needed", ".0f", "s"),
    Column("times faster", "ratio", ".1f"),
    Column(f"zscape reaches {PUBLISHED:.4f} after", "published", ".0f", "s"),
    Column("zscape at its end", "end_mse", ".5f"),
    Column("after", "end_seconds", ".0f", "s"),
)
SUMMARY = (
    Column("epochs of the tutorial", lambda rows: min(every(rows, "epochs")), "d"),
    Column("its test MSE then", "mse", ".4f", spread=True),
    Column("times sooner by `fast`", "ratio", ".1f", spread=True, goal=GOAL),
    Column("seeds", len, "d"),
)


def seconds_to(curve: list[tuple[float, float]], target: float) -> float:
    """Return when a curve first reaches `target`; infinite when it never does."""
    return next((seconds for seconds, mse in curve if mse <= target), float("inf"))


def compare(results: Run) -> list[Run]:
    """Return a row for each seed that both have been trained with."""
    rows = []
    for runs in grouped(results["runs"], "seed"):
        curves = {run["contender"]: run["curve"] for run in runs}
        if not all(name in curves for name in CONTENDERS):
            continue
        ours, theirs = (curves[name] for name in CONTENDERS)
        errors = [mse for _, mse in theirs]
        best = errors.index(min(errors))
        complete = len(theirs) == EPOCHS or len(theirs) - 1 - best >= PATIENCE
        seconds, mse = theirs[best]
        needed = seconds_to(ours, mse)
        rows.append(
            {
                "seed": runs[0]["seed"],
                "epochs": len(theirs),
                "cut": "" if complete else " (cut short)",
                "mse": mse,
                "seconds": seconds,
                "needed": needed,
                "ratio": seconds / needed,
                "published": seconds_to(ours, PUBLISHED),
                "end_seconds": ours[-1][0],
                "end_mse": ours[-1][1],
            }
        )
    return rows


def render(results: Run) -> str:
    """Return the results as Markdown."""
    rows = compare(results)
    return page(
        "Time to the tutorial's quality",
        "Made by `python -m benchmarks.time_to_quality`: seconds of training until the test MSE of "
        "the tutorial's own recipe (plain Keras, RMSprop at 3e-4, batches of 256) is reached by "
        "`zscape train mnist --latent-dim 10` with its defaults. A tutorial cut short is marked: "
        f"its published MSE is {PUBLISHED:.4f}, after about 45 epochs, and zscape's time to that "
        "is given too (inf: never).",
        measured(results),
        table(COLUMNS, rows),
        table(SUMMARY, [rows] if rows else []),
    )
