"""Tables of how many workers pay."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, measured, page, table

NETWORKS = (
    Column("network", "network"),
    Column("parameters", "parameters", ",d"),
    Column("gradients", "gradient_mb", ".1f", "MB"),
    Column("step of 1 image", "step_ms_1", ",.0f", "ms"),
    Column("of 8", "step_ms_8", ",.0f", "ms"),
    Column("of 64", "step_ms_64", ",.0f", "ms"),
    Column("noise for an image", "noise_us", ",.0f", "µs"),
)
EXPECTED = (
    Column("network", "network"),
    Column("images per step", "batch"),
    Column("workers", "workers", "d"),
    Column("of them per worker", "share", ",.0f"),
    Column("step", "step_ms", ",.0f", "ms"),
    Column("sum at 1 Gb/s", "reduce_ms_1", ",.0f", "ms"),
    Column("at 10", "reduce_ms_10", ",.0f", "ms"),
    Column("at 25", "reduce_ms_25", ",.0f", "ms"),
    Column("efficiency at 1 Gb/s", "efficiency_1", ".2f"),
    Column("at 10", "efficiency_10", ".2f"),
    Column("at 25", "efficiency_25", ".2f"),
    Column("all equally fast, at 10", "even_10", ".2f"),
    Column("with a corruption, at 10", "with_noise", ".2f"),
    Column("times as fast, at 10", "times", ",.0f"),
)


def render(results: Run) -> str:
    """Return the results as Markdown."""
    slow = ", ".join(f"{value:.2f} of {n}" for n, value in results["slowest"].items())
    return page(
        "How many workers pay",
        "Made by `python -m benchmarks.cluster_model`: one core measured, the rest computed and "
        "simulated. No cluster of this size was tried.",
        measured(results),
        "What one worker of one core does, on Keras and JAX, in time of the processor. `quality` "
        "takes as long for each of 64 images as for each of 8, as far as is assumed below.",
        table(NETWORKS, results["networks"]),
        "What is assumed of the network: gradients in float32 are summed once per step by a ring "
        "of all workers, one worker per link; a message takes "
        f"{results['latency_us']} µs; nothing is computed meanwhile. The times of "
        f"workers have a spread of {100 * results['spread']:.0f} %; the slowest, "
        f"for which all wait, takes on average so many times as long as the mean: {slow}. "
        "Efficiency is the speed-up over one worker, divided by the number of workers. With a "
        "corruption, each worker draws Gaussian noise for the whole batch.",
        "### The batch grows with the workers",
        table(EXPECTED, [row for row in results["expected"] if row["grows"]]),
        "### The same batch, divided among more workers",
        table(EXPECTED, [row for row in results["expected"] if not row["grows"] and row["share"]]),
        f"At the end the first worker measures alone: {results['results_seconds']:.0f} s of a core "
        "for metrics and figures of `fast` on the 10,000 test images of MNIST.",
    )
