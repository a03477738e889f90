"""Is the recipe of `classic` safe, and how good is it? `python -m benchmarks.recipe`.

Two studies on MNIST with the `classic` network, at 2 and at 10 latent dimensions:

- `start`: what the first of ten epochs leaves. The learning rate reaches its peak in the middle of
  it, and every collapse seen happened there. Recipes that lead to the default, each with one thing
  more, run with three seeds; they show which part prevents a collapse. The default runs with ten.
- `quality`: the recipe in full, three seeds.

Recipes are chosen by the validation split. A run has collapsed when its test MSE is above that of
PCA with as many components. Runs that are in the results file already are not repeated, so the
benchmark can be interrupted at any time.
"""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any

from benchmarks.harness import QUICK_IMAGES, parser, run_missing
from benchmarks.tables.markdown import Run
from benchmarks.tables.recipe import DEFAULT
from benchmarks.training import compile_model, settings, train_best

LATENT_DIMS = (10, 2)

# Batch size, and what `compile_model` does. Each recipe has one thing more than the one above it.
STARTS: dict[str, tuple[int, dict[str, bool]]] = {
    "Adam 3e-3, batch 128": (128, {"clip": False, "mean_bias": False}),
    "+ gradient norm clipped at 1": (128, {"clip": True, "mean_bias": False}),
    "+ output starts at the mean pixel": (128, {"clip": True, "mean_bias": True}),
    DEFAULT: (64, {"clip": True, "mean_bias": True}),
}


def run_start(dataset: Any, latent_dim: int, seed: int, recipe: str) -> Any:
    """Train one epoch of a ten-epoch schedule; return the model."""
    from zscape.data.batches import ReconstructionBatches
    from zscape.model import build_autoencoder
    from zscape.settings import NetworkConfig

    batch_size, parts = STARTS[recipe]
    config = settings("classic", dataset, seed, epochs=10, batch_size=batch_size)
    network = NetworkConfig(preset="classic", latent_dim=latent_dim)
    model = build_autoencoder((28, 28, 1), network, seed=seed)
    images = dataset.train.images
    compile_model(model, images, config, **parts)
    batches = ReconstructionBatches(images, batch_size=batch_size, shuffle_seed=seed)
    model.fit(batches, shuffle=False, verbose=0)
    return model


def pca_mse(latent_dim: int) -> float:
    """Return the test MSE of PCA fitted to the training split of seed 0."""
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import mean_squared_error
    from zscape.latent.projection import PcaBaseline

    dataset = load_dataset("mnist", seed=0)
    baseline = PcaBaseline(latent_dim).fit(dataset.train.images)
    return mean_squared_error(dataset.test.images, baseline.reconstruct(dataset.test.images))


def plan() -> list[Run]:
    """List the runs of both studies, the most telling first."""
    runs: list[Run] = []
    for study, seed, latent_dim in itertools.product(("quality", "start"), range(10), LATENT_DIMS):
        run = {"study": study, "latent_dim": latent_dim, "seed": seed}
        if study == "quality" and seed < 3:
            runs.append(run)
        elif study == "start":
            recipes = STARTS if seed < 3 else [DEFAULT]
            runs += [{**run, "recipe": recipe} for recipe in recipes]
    return runs


def measure(
    options: argparse.Namespace, study: str, latent_dim: int, seed: int, recipe: str = DEFAULT
) -> Run:
    """Carry out one run of the plan; return validation and test MSE."""
    from zscape.data.load import load_dataset
    from zscape.evaluation import mean_squared_error

    dataset = load_dataset("mnist", seed=seed, limit=QUICK_IMAGES if options.quick else None)
    started = time.perf_counter()
    if study == "start":
        model = run_start(dataset, latent_dim, seed, recipe)
    else:
        config = settings("classic", dataset, seed, epochs=1 if options.quick else 10)
        model = train_best(dataset, "classic", latent_dim, config).model
    errors = {
        f"{split}_mse": mean_squared_error(part.images, model.reconstruct(part.images))
        for split, part in (("validation", dataset.validation), ("test", dataset.test))
    }
    return {**errors, "seconds": round(time.perf_counter() - started)}


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    run_missing(
        "recipe",
        parser(__doc__),
        plan(),
        measure,
        vary="study",
        facts=lambda: {"pca_test_mse": {str(dim): pca_mse(dim) for dim in LATENT_DIMS}},
    )


if __name__ == "__main__":
    main()
