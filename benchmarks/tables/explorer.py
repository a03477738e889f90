"""Table of how quick the explorer's page is."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, measured, page, table

REDRAWS = "redraws while dragging among 60,000 points"

# By the name of the figure in the results: form, unit, goal.
FIGURES = {
    "pointer to pixels, median": (".1f", "ms", 4),
    "pointer to pixels, 95th percentile": (".1f", "ms", 10),
    REDRAWS: (".2f", "per second", 60),
    "served page, until usable": (".0f", "ms", 1500),
    "one-file page, until usable": (".0f", "ms", 3000),
    "one-file page": (".1f", "MB", 25),
}
COLUMNS = (
    Column("", lambda figures: "measured"),
    *(
        Column(name, name, form, unit, goal=goal, best="more" if name == REDRAWS else "less")
        for name, (form, unit, goal) in FIGURES.items()
    ),
)


def render(results: Run) -> str:
    """Return the results as Markdown."""
    return page(
        "The explorer in the browser",
        "Made by `python -m benchmarks.explorer` in headless Chromium without a graphics card, "
        "with `classic` at 2 latent variables; the program says on top how it is measured.",
        measured(results),
        table(COLUMNS, [results["runs"][-1]["figures"]], turned=True),
    )
