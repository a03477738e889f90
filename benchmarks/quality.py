"""How good are the images at a given code size? `python -m benchmarks.quality`.

The presets `fast` and `quality` with their own recipes on MNIST, three seeds, at 2, 10, 16 and 30
latent dimensions: MSE on the test split of the epoch that was best on the validation split. Runs
that are in the results file already are not repeated, so the benchmark can be interrupted at any
time.
"""

from __future__ import annotations

import argparse
import itertools

from benchmarks.harness import QUICK_IMAGES, parser, run_missing
from benchmarks.tables.markdown import Run
from benchmarks.training import settings, train_best


def measure(options: argparse.Namespace, preset: str, latent_dim: int, seed: int) -> Run:
    """Train with the preset's recipe; return figures of the best epoch and the history."""
    from zscape.data.load import load_dataset
    from zscape.evaluation import mean_squared_error, structural_similarity

    dataset = load_dataset("mnist", seed=seed, limit=QUICK_IMAGES if options.quick else None)
    config = settings(preset, dataset, seed, **{"epochs": 1} if options.quick else {})
    model, state, seconds = train_best(dataset, preset, latent_dim, config)
    images = dataset.test.images
    reconstructions = model.reconstruct(images)
    return {
        "test_mse": mean_squared_error(images, reconstructions),
        "test_ssim": structural_similarity(images, reconstructions),
        "validation_mse": state.best_val_loss,
        "n_parameters": model.count_params(),
        "epochs": config.epochs,
        "seconds": seconds,
        "history": state.history,
    }


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    wanted = (
        {"preset": preset, "latent_dim": latent_dim, "seed": seed}
        for seed, latent_dim, preset in itertools.product(
            range(3), (2, 10, 16, 30), ("fast", "quality")
        )
    )
    run_missing("quality", parser(__doc__), wanted, measure, vary="preset")


if __name__ == "__main__":
    main()
