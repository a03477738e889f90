"""Is the default recipe safe, and how good is it? `python -m benchmarks.recipe`.

Three studies on MNIST with the `classic` network, at 2 and at 10 latent dimensions:

- `start`: recipes that differ in one thing each, by what one epoch of a ten-epoch schedule
  leaves on the validation split. It shows which part of the default prevents a collapse.
- `safety`: the default recipe with ten seeds, stopped after two of its ten epochs. The learning
  rate is at its peak then, and every collapse seen happened in the first epoch.
- `quality`: the default recipe in full, three seeds, measured on the test split.

A run has collapsed when its MSE is above that of PCA with as many components. Runs that are in
the results file already are not repeated, so the benchmark can be interrupted at any time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine

RESULTS = Path(__file__).parent / "results" / "recipe.json"
LATENT_DIMS = (10, 2)

# Each recipe differs from the one above it in one thing.
STARTS: dict[str, dict[str, Any]] = {
    "Adam 3e-3, batch 128": {"batch_size": 128, "clip": False, "mean_bias": False},
    "+ gradient norm clipped at 1": {"batch_size": 128, "clip": True, "mean_bias": False},
    "+ output starts at the mean pixel": {"batch_size": 128, "clip": True, "mean_bias": True},
    "+ batch 64 (the default)": {"batch_size": 64, "clip": True, "mean_bias": True},
}


def run_start(latent_dim: int, seed: int, recipe: str) -> dict[str, float]:
    """Train one epoch of a ten-epoch schedule; return the validation MSE."""
    from zscape.config import NetworkConfig, TrainConfig
    from zscape.data.batches import ReconstructionBatches
    from zscape.data.datasets import load_dataset
    from zscape.model import build_autoencoder
    from zscape.nn.decoder import start_at_mean
    from zscape.training.fit import mean_pixel
    from zscape.training.schedule import build_optimizer

    options = STARTS[recipe]
    config = TrainConfig(batch_size=options["batch_size"], seed=seed)
    dataset = load_dataset("mnist", seed=seed)
    model = build_autoencoder((28, 28, 1), NetworkConfig(latent_dim=latent_dim), seed=seed)
    if options["mean_bias"]:
        start_at_mean(model.decoder, mean_pixel(dataset.train.images))
    optimizer = build_optimizer(config, -(-len(dataset.train) // config.batch_size))
    if not options["clip"]:
        optimizer.global_clipnorm = None
    model.compile(optimizer, "mean_squared_error", jit_compile=False)
    batches = ReconstructionBatches(
        dataset.train.images, batch_size=config.batch_size, shuffle_seed=seed
    )
    validation = ReconstructionBatches(dataset.validation.images, batch_size=500)
    history = model.fit(batches, validation_data=validation, shuffle=False, verbose=0).history
    return {"validation_mse": history["val_loss"][-1]}


def run_default(latent_dim: int, seed: int, n_epochs: int) -> dict[str, float]:
    """Train with the default recipe for the first `n_epochs`; return the test MSE."""
    import keras

    from zscape.config import NetworkConfig, TrainConfig
    from zscape.data.datasets import load_dataset
    from zscape.evaluation.metrics import mean_squared_error
    from zscape.model import build_autoencoder
    from zscape.model_file import load_model
    from zscape.training.fit import fit_autoencoder

    class StopEarly(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch + 1 >= n_epochs

    dataset = load_dataset("mnist", seed=seed)
    model = build_autoencoder((28, 28, 1), NetworkConfig(latent_dim=latent_dim), seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        state = fit_autoencoder(
            model, dataset, TrainConfig(seed=seed), Path(folder), callbacks=[StopEarly()]
        )
        best = load_model(Path(folder) / "model.keras")
    images = dataset.test.images
    return {
        "test_mse": mean_squared_error(images, best.reconstruct(images)),
        "validation_mse": state.best_val_loss,
    }


def pca_mse(latent_dim: int) -> float:
    """Return the test MSE of PCA fitted to the training split of seed 0."""
    from zscape.data.datasets import load_dataset
    from zscape.evaluation.metrics import mean_squared_error
    from zscape.latent.projection import PcaBaseline

    dataset = load_dataset("mnist", seed=0)
    baseline = PcaBaseline(latent_dim).fit(dataset.train.images)
    return mean_squared_error(dataset.test.images, baseline.reconstruct(dataset.test.images))


def plan(studies: list[str], latent_dims: list[int]) -> list[dict[str, Any]]:
    """List the runs of the studies, the most telling first."""
    runs: list[dict[str, Any]] = []
    for study, seed, latent_dim in itertools.product(studies, range(10), latent_dims):
        if study == "quality" and seed < 3:
            runs.append({"study": study, "latent_dim": latent_dim, "seed": seed})
        elif study == "safety":
            runs.append({"study": study, "latent_dim": latent_dim, "seed": seed})
        elif study == "start" and seed < 3:
            runs += [
                {"study": study, "latent_dim": latent_dim, "seed": seed, "recipe": recipe}
                for recipe in STARTS
            ]
    return runs


def measure(run: dict[str, Any]) -> dict[str, float]:
    """Carry out one run of the plan."""
    if run["study"] == "start":
        return run_start(run["latent_dim"], run["seed"], run["recipe"])
    return run_default(run["latent_dim"], run["seed"], 10 if run["study"] == "quality" else 2)


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    runs, pca = results["runs"], results["pca_test_mse"]
    lines = [
        "# The default recipe",
        "",
        "Made by `python -m benchmarks.recipe`; MNIST, network `classic`, float32. "
        "MSE is the mean over pixels of [0, 1] images. A run has collapsed when its MSE is above "
        "that of PCA.",
        "",
        f"Machine: {results['machine']}. Date: {results['date']}.",
        "",
        "## How it was found: validation MSE after one epoch of ten",
        "",
        "Each row adds one thing to the row above. Mean, smallest to largest, and collapsed runs.",
        "",
        "| recipe | latent dimensions | MSE | spread | collapsed |",
        "|---|---|---|---|---|",
    ]
    for recipe, dim in itertools.product(STARTS, LATENT_DIMS):
        chosen = _select(runs, "start", dim, recipe)
        lines.append(f"| {recipe} | {dim} | {_summary(chosen, 'validation_mse', pca[str(dim)])} |")
    lines += [
        "",
        "## That it holds: ten seeds, two of ten epochs, test MSE",
        "",
        "| latent dimensions | PCA | MSE | spread | collapsed |",
        "|---|---|---|---|---|",
    ]
    for dim in LATENT_DIMS:
        chosen = _select(runs, "safety", dim)
        baseline = pca[str(dim)]
        lines.append(f"| {dim} | {baseline:.4f} | {_summary(chosen, 'test_mse', baseline)} |")
    lines += [
        "",
        "## How good it is: three seeds, ten epochs, test MSE",
        "",
        "| latent dimensions | PCA | MSE | spread | collapsed |",
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
    collapsed = sum(value > baseline for value in values)
    spread = f"{min(values):.4f} to {max(values):.4f}"
    return f"{statistics.mean(values):.4f} | {spread} | {collapsed} of {len(values)}"


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    parser = argparse.ArgumentParser(description="Is the default recipe safe, and how good is it?")
    parser.add_argument("--studies", nargs="+", default=["quality", "safety", "start"])
    parser.add_argument("--latent-dims", nargs="+", type=int, default=list(LATENT_DIMS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    path: Path = arguments.results
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"runs": []}
    if "pca_test_mse" not in results:
        results["pca_test_mse"] = {str(dim): pca_mse(dim) for dim in LATENT_DIMS}
    wanted = plan(arguments.studies, arguments.latent_dims)
    for number, run in enumerate(wanted, 1):
        if any(run.items() <= done.items() for done in results["runs"]):
            continue
        started = time.perf_counter()
        found = measure(run)
        results["runs"].append({**run, **found, "seconds": round(time.perf_counter() - started)})
        results["machine"] = describe_machine()
        results["date"] = datetime.now(UTC).date().isoformat()
        path.write_text(json.dumps(results, indent=1) + "\n")
        path.with_suffix(".md").write_text(render(results))
        print(f"{number}/{len(wanted)}", results["runs"][-1], flush=True)
    print(render(results))


if __name__ == "__main__":
    main()
