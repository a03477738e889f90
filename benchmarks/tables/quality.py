"""Table of image quality at a given code size."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, grouped, measured, page, table

# The most the mean test MSE should be, by preset and latent dimensions.
GOALS = {
    ("fast", 10): 0.0105,
    ("quality", 2): 0.0330,
    ("quality", 10): 0.0085,
    ("quality", 16): 0.0050,
    ("quality", 30): 0.0025,
}


def goal(runs: list[Run]) -> float | None:
    """Return the goal for the runs of one preset and one number of latent dimensions."""
    return GOALS.get((runs[0]["preset"], runs[0]["latent_dim"]))


def rows(results: Run) -> list[list[Run]]:
    """Return the runs by latent dimensions and preset."""
    return grouped(
        sorted(results["runs"], key=lambda run: (run["latent_dim"], run["preset"])),
        "latent_dim",
        "preset",
    )


COLUMNS = (
    Column("latent dimensions", "latent_dim", "d"),
    Column("preset", "preset"),
    Column("seeds", len, "d"),
    Column("parameters", "n_parameters", ",d"),
    Column("test MSE", "test_mse", ".5f", spread=True, goal=goal, best="less"),
    Column("SSIM", "test_ssim", ".4f"),
    Column("training", "seconds", ",.0f", "s", spread=True),
)


def render(results: Run) -> str:
    """Return the results as Markdown."""
    return page(
        "Image quality at a given code size",
        "Made by `python -m benchmarks.quality`; MNIST test split, every preset with its own "
        "recipe, means over seeds, in brackets from the smallest to the largest. MSE is the mean "
        "over pixels of [0, 1] images. The seconds are of training alone; the machine's speed "
        "varied by up to a factor of two while this ran.",
        measured(results),
        table(COLUMNS, rows(results)),
    )
