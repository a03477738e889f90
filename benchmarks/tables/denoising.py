"""Tables of how much noise is removed."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, grouped, mean, measured, page, table

N_VALIDATION = 64
SIGMA = Column("sigma", "sigma", "g")


def _name(runs: list[Run]) -> str:
    first = runs[0]
    ours = "zscape, `{preset}`, {latent_dim} variables"
    return ours.format(**first) if "preset" in first else str(first["method"])


def _gain(runs: list[Run]) -> float | None:
    """Return by how many dB zscape is above the best classical method, at one sigma."""
    groups = grouped(runs, "method")
    classical = [mean(found, "psnr") for found in groups if "parameters" in found[0]]
    ours = [mean(found, "psnr") for found in groups if "preset" in found[0]]
    return ours[0] - max(classical) if ours and classical else None


COLUMNS = (
    SIGMA,
    Column("method", _name),
    Column("PSNR", "psnr", ".2f", "dB", spread=True),
    Column("SSIM", "ssim", ".4f"),
    Column("seeds", len, "d"),
    Column("images", "n_test", ",d"),
)
GAINS = (SIGMA, Column("zscape to the best classical method", _gain, "+.2f", "dB", goal=5))


def render(results: Run) -> str:
    """Return the results as Markdown."""
    runs = sorted(results["runs"], key=lambda run: float(run["sigma"]))
    return page(
        "Denoising",
        "Made by `python -m benchmarks.denoising`; MNIST test split with Gaussian noise, clipped "
        "to [0, 1]; means over seeds, in brackets from the smallest to the largest. Parameters of "
        f"classical methods: the best on {N_VALIDATION} validation images.",
        measured(results),
        table(COLUMNS, grouped(runs, "sigma", "method")),
        table(GAINS, grouped(runs, "sigma")),
    )
