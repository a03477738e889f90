"""Tables of the recipe of `classic`."""

from __future__ import annotations

from benchmarks.tables.markdown import Column, Run, grouped, measured, page, table

DEFAULT = "+ batch 64 (the default)"
GOALS = {2: 0.0415, 10: 0.0120}  # the most the mean test MSE should be, by latent dimensions


def render(results: Run) -> str:
    """Return the results as Markdown."""
    pca = {int(dim): mse for dim, mse in results["pca_test_mse"].items()}
    runs = sorted(results["runs"], key=lambda run: -run["latent_dim"])
    groups = grouped(runs, "study", "latent_dim", "recipe")
    dim, seeds = Column("latent dimensions", "latent_dim", "d"), Column("seeds", len, "d")
    collapsed = Column(
        "collapsed",
        lambda found: sum(run["test_mse"] > pca[run["latent_dim"]] for run in found),
        "d",
        goal=lambda found: 0 if found[0].get("recipe", DEFAULT) == DEFAULT else None,
        best="less",
    )
    mse = Column("validation MSE", "validation_mse", ".4f", spread=True)
    test_mse = Column(
        "test MSE",
        "test_mse",
        ".4f",
        spread=True,
        goal=lambda found: GOALS[found[0]["latent_dim"]],
        best="less",
    )
    baseline = Column("PCA", lambda found: pca[found[0]["latent_dim"]], ".4f")
    return page(
        "The recipe of `classic`",
        "Made by `python -m benchmarks.recipe`; MNIST, network `classic`, float32. "
        "MSE is the mean over pixels of [0, 1] images, over seeds; in brackets from the smallest "
        "to the largest. A run has collapsed when its test MSE is above that of PCA.",
        measured(results),
        "## How it was found, and that it is safe: after the first of ten epochs",
        "Each recipe has one thing more than the row above.",
        table(
            (dim, Column("recipe", "recipe"), seeds, mse, collapsed),
            (found for found in groups if found[0]["study"] == "start"),
        ),
        "## How good it is: ten epochs",
        table(
            (dim, baseline, seeds, test_mse, collapsed),
            (found for found in groups if found[0]["study"] == "quality"),
        ),
    )
