"""Tables of what makes better images."""

from __future__ import annotations

import statistics

from benchmarks.tables.markdown import Column, Run, grouped, mean, measured, page, table

BASE = "as it is"
SEEDS, MSE = Column("seeds", len, "d"), Column("MSE", "mse", ".5f", spread=True)
SSIM = Column("SSIM", "ssim", ".4f")
SECONDS = Column("training, median", "seconds", ".0f", "s", middle=statistics.median)
CLASSIC = (
    Column("network", "change"),
    SEEDS,
    MSE,
    SSIM,
    Column("Nyquist share", "nyquist_share", ".2%"),
    Column("Nyquist peak", "nyquist_peak", ".2f", spread=True),
    SECONDS,
)


def render(results: Run) -> str:
    """Return the results as Markdown."""
    runs = grouped(results["runs"], "study", "change")
    fast = [found for found in runs if found[0]["study"] == "fast"]
    base = next((mean(found, "mse") for found in fast if found[0]["change"] == BASE), float("nan"))
    columns = (
        Column("change", "change"),
        SEEDS,
        Column("parameters", "n_parameters", ",d"),
        MSE,
        Column("to `fast`", lambda found: mean(found, "mse") / base - 1, "+.1%"),
        SSIM,
        SECONDS,
    )
    return page(
        "What makes better images",
        "Made by `python -m benchmarks.study`; MNIST, 10 latent dimensions, the validation split, "
        "means over seeds, in brackets from the smallest to the largest. MSE is the mean over "
        "pixels of [0, 1] images.",
        f"{measured(results)} The seconds are of a machine that did other things at times.",
        "## `fast`, one thing changed, one epoch",
        table(columns, fast),
        "## `classic`, one thing changed, two epochs",
        "The Nyquist frequency is a pattern that repeats every second pixel: its share of the "
        "squared error (7 % for white noise), and its energy over that of the frequencies beside "
        "it (more than 1 when there is a checkerboard).",
        table(CLASSIC, (found for found in runs if found[0]["study"] == "classic")),
    )
