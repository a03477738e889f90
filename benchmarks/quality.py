"""How good are the images at a given code size? `python -m benchmarks.quality`.

Every preset with its own recipe on MNIST, three seeds, at 10, 2, 16 and 30 latent dimensions: MSE
on the test split of the epoch that was best on the validation split. Runs that are in the
results file already are not repeated, so the benchmark can be interrupted at any time.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, get_args

from benchmarks.resumable import run_missing
from zscape.settings import Preset

RESULTS = Path(__file__).parent / "results" / "quality.json"
LATENT_DIMS = (10, 2, 16, 30)
SEEDS = (0, 1, 2)
PRESETS: tuple[Preset, ...] = get_args(Preset)


def train_and_measure(preset: Preset, latent_dim: int, seed: int) -> dict[str, Any]:
    """Train with the preset's recipe; return figures of the best epoch and the history."""
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import mean_squared_error, structural_similarity
    from zscape.model import build_autoencoder
    from zscape.model_file import load_model
    from zscape.nn.presets import PRESETS
    from zscape.settings import NetworkConfig, TrainConfig
    from zscape.training.fit import fit_autoencoder

    dataset = load_dataset("mnist", seed=seed)
    recipe = PRESETS[preset].recipe
    config = TrainConfig(
        epochs=recipe.n_epochs(len(dataset.train)),
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        precision=recipe.precision,
        seed=seed,
    )
    network = NetworkConfig(preset=preset, latent_dim=latent_dim)
    model = build_autoencoder((28, 28, 1), network, seed=seed, precision=config.precision)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        state = fit_autoencoder(model, dataset, config, Path(folder))
        seconds = time.perf_counter() - started
        best = load_model(Path(folder) / "model.keras")
    images = dataset.test.images
    reconstructions = best.reconstruct(images)
    return {
        "test_mse": mean_squared_error(images, reconstructions),
        "test_ssim": structural_similarity(images, reconstructions),
        "validation_mse": state.best_val_loss,
        "n_parameters": model.count_params(),
        "epochs": config.epochs,
        "seconds": round(seconds, 1),
        "history": state.history,
    }


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Image quality at a given code size",
        "",
        "Made by `python -m benchmarks.quality`; MNIST test split, every preset with its own "
        "recipe, means over seeds, in brackets from the smallest to the largest. MSE is the mean "
        "over pixels of [0, 1] images. The seconds are of training alone; the machine's speed "
        "varied by up to a factor of two while this ran.",
        "",
        f"Machine: {results['machine']}. Date: {results['date']}.",
        "",
        "| preset | latent dimensions | seeds | parameters | test MSE | SSIM | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for dim, preset in itertools.product(sorted(LATENT_DIMS), PRESETS):
        runs = [r for r in results["runs"] if (r["preset"], r["latent_dim"]) == (preset, dim)]
        if not runs:
            continue
        mse, ssim, seconds = (
            [run[key] for run in runs] for key in ("test_mse", "test_ssim", "seconds")
        )
        lines.append(
            f"| {preset} | {dim} | {len(runs)} | {runs[0]['n_parameters']:,} "
            f"| {statistics.mean(mse):.5f} ({min(mse):.5f} to {max(mse):.5f}) "
            f"| {statistics.mean(ssim):.4f} | {min(seconds):.0f} to {max(seconds):.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    parser = argparse.ArgumentParser(description="How good are the images at a given code size?")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=["quality", "fast"])
    parser.add_argument("--latent-dims", nargs="+", type=int, default=list(LATENT_DIMS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    wanted = (
        {"preset": preset, "latent_dim": latent_dim, "seed": seed}
        for seed, latent_dim, preset in itertools.product(
            arguments.seeds, arguments.latent_dims, arguments.presets
        )
    )
    run_missing(arguments.results, wanted, train_and_measure, render, quiet=("history",))


if __name__ == "__main__":
    main()
