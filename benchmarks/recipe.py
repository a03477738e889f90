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
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.resumable import load, run_missing

RESULTS = Path(__file__).parent / "results" / "recipe.json"
LATENT_DIMS = (10, 2)

# Each recipe has one thing more than the one above it.
STARTS: dict[str, dict[str, Any]] = {
    "Adam 3e-3, batch 128": {"batch_size": 128, "clip": False, "mean_bias": False},
    "+ gradient norm clipped at 1": {"batch_size": 128, "clip": True, "mean_bias": False},
    "+ output starts at the mean pixel": {"batch_size": 128, "clip": True, "mean_bias": True},
    "+ batch 64 (the default)": {"batch_size": 64, "clip": True, "mean_bias": True},
}
DEFAULT = list(STARTS)[-1]


def run_start(latent_dim: int, seed: int, recipe: str) -> dict[str, float]:
    """Train one epoch of a ten-epoch schedule; return validation and test MSE."""
    from zscape.data.batches import ReconstructionBatches
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import mean_squared_error
    from zscape.model import build_autoencoder
    from zscape.nn.presets import start_at_mean
    from zscape.settings import NetworkConfig, TrainConfig
    from zscape.training.fit import mean_pixel
    from zscape.training.schedule import build_optimizer

    options = STARTS[recipe]
    config = TrainConfig(batch_size=options["batch_size"], seed=seed)
    dataset = load_dataset("mnist", seed=seed)
    model = build_autoencoder(
        (28, 28, 1), NetworkConfig(preset="classic", latent_dim=latent_dim), seed=seed
    )
    if options["mean_bias"]:
        start_at_mean(model.decoder, mean_pixel(dataset.train.images))
    optimizer = build_optimizer(config, -(-len(dataset.train) // config.batch_size))
    if not options["clip"]:
        optimizer.global_clipnorm = None
    model.compile(optimizer, "mean_squared_error", jit_compile=False)
    images = dataset.train.images
    batches = ReconstructionBatches(images, batch_size=config.batch_size, shuffle_seed=seed)
    model.fit(batches, shuffle=False, verbose=0)
    return {
        f"{split}_mse": mean_squared_error(part.images, model.reconstruct(part.images))
        for split, part in (("validation", dataset.validation), ("test", dataset.test))
    }


def run_quality(latent_dim: int, seed: int) -> dict[str, float]:
    """Train with the default recipe; return validation and test MSE of the best epoch."""
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import mean_squared_error
    from zscape.model import build_autoencoder
    from zscape.model_file import load_model
    from zscape.settings import NetworkConfig, TrainConfig
    from zscape.training.fit import fit_autoencoder

    dataset = load_dataset("mnist", seed=seed)
    model = build_autoencoder(
        (28, 28, 1), NetworkConfig(preset="classic", latent_dim=latent_dim), seed=seed
    )
    with tempfile.TemporaryDirectory() as folder:
        state = fit_autoencoder(model, dataset, TrainConfig(seed=seed), Path(folder))
        best = load_model(Path(folder) / "model.keras")
    images = dataset.test.images
    return {
        "test_mse": mean_squared_error(images, best.reconstruct(images)),
        "validation_mse": state.best_val_loss,
    }


def pca_mse(latent_dim: int) -> float:
    """Return the test MSE of PCA fitted to the training split of seed 0."""
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import mean_squared_error
    from zscape.latent.projection import PcaBaseline

    dataset = load_dataset("mnist", seed=0)
    baseline = PcaBaseline(latent_dim).fit(dataset.train.images)
    return mean_squared_error(dataset.test.images, baseline.reconstruct(dataset.test.images))


def plan(studies: list[str], latent_dims: list[int]) -> list[dict[str, Any]]:
    """List the runs of the studies, the most telling first."""
    runs: list[dict[str, Any]] = []
    for study, seed, latent_dim in itertools.product(studies, range(10), latent_dims):
        run = {"study": study, "latent_dim": latent_dim, "seed": seed}
        if study == "quality" and seed < 3:
            runs.append(run)
        elif study == "start":
            recipes = STARTS if seed < 3 else [DEFAULT]
            runs += [{**run, "recipe": recipe} for recipe in recipes]
    return runs


def measure(study: str, latent_dim: int, seed: int, recipe: str | None = None) -> dict[str, float]:
    """Carry out one run of the plan."""
    started = time.perf_counter()
    if study == "start":
        found = run_start(latent_dim, seed, recipe or DEFAULT)
    else:
        found = run_quality(latent_dim, seed)
    return {**found, "seconds": round(time.perf_counter() - started)}


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    runs, pca = results["runs"], results["pca_test_mse"]
    lines = [
        "# The recipe of `classic`",
        "",
        "Made by `python -m benchmarks.recipe`; MNIST, network `classic`, float32. "
        "MSE is the mean over pixels of [0, 1] images. A run has collapsed when its MSE is above "
        "that of PCA.",
        "",
        f"Machine: {results['machine']}. Date: {results['date']}.",
        "",
        "## How it was found, and that it is safe: after the first of ten epochs",
        "",
        "Each recipe has one thing more than the row above. The default has ten seeds.",
        "",
        "| recipe | latent dimensions | validation MSE | smallest to largest | collapsed |",
        "|---|---|---|---|---|",
    ]
    for dim, recipe in itertools.product(LATENT_DIMS, STARTS):
        chosen = _select(runs, "start", dim, recipe)
        lines.append(f"| {recipe} | {dim} | {_summary(chosen, 'validation_mse', pca[str(dim)])} |")
    lines += [
        "",
        "## How good it is: ten epochs, three seeds",
        "",
        "| latent dimensions | PCA | test MSE | smallest to largest | collapsed |",
        "|---|---|---|---|---|",
    ]
    for dim in LATENT_DIMS:
        chosen = _select(runs, "quality", dim)
        baseline = pca[str(dim)]
        lines.append(f"| {dim} | {baseline:.4f} | {_summary(chosen, 'test_mse', baseline)} |")
    return "\n".join(lines) + "\n"


def _select(
    runs: list[dict[str, Any]], study: str, latent_dim: int, recipe: str | None = None
) -> list[dict[str, Any]]:
    key = (study, latent_dim, recipe)
    return [r for r in runs if (r["study"], r["latent_dim"], r.get("recipe")) == key]


def _summary(runs: list[dict[str, Any]], figure: str, baseline: float) -> str:
    if not runs:
        return "not run yet | | "
    values = [run[figure] for run in runs]
    collapsed = sum(run["test_mse"] > baseline for run in runs)
    spread = f"{min(values):.4f} to {max(values):.4f}"
    return f"{statistics.mean(values):.4f} | {spread} | {collapsed} of {len(values)}"


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    parser = argparse.ArgumentParser(
        description="Is the recipe of classic safe, and how good is it?"
    )
    parser.add_argument("--studies", nargs="+", default=["quality", "start"])
    parser.add_argument("--latent-dims", nargs="+", type=int, default=list(LATENT_DIMS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    path: Path = arguments.results
    results = load(path)
    if "pca_test_mse" not in results:
        results["pca_test_mse"] = {str(dim): pca_mse(dim) for dim in LATENT_DIMS}
        path.write_text(json.dumps(results, indent=1) + "\n")
    run_missing(path, plan(arguments.studies, arguments.latent_dims), measure, render)


if __name__ == "__main__":
    main()
