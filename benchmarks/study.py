"""What makes better images, and what does not? `python -m benchmarks.study`.

One thing is changed at a time, with three seeds, and everything is judged on the validation split
of MNIST at 10 latent dimensions. Two studies:

- `fast`: the preset `fast` for one epoch, against other blocks, widths, losses, optimizers and so
  on (`benchmarks.variants`). What won here made the preset, and what won at a price in time made
  `quality`.
- `classic`: the tutorial's network for two epochs: strided convolution against max pooling, and
  interpolation against transposed convolution.

Runs that are in the results file already are not repeated, so the benchmark can be interrupted at
any time. The pictures are made by `python -m benchmarks.pages`.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.resumable import run_missing

if TYPE_CHECKING:
    from zscape.data.images import Dataset
    from zscape.model import Autoencoder

RESULTS = Path(__file__).parent / "results" / "study.json"
LATENT_DIM = 10
SEEDS = (0, 1, 2)
SAMPLES = range(8)  # images of the validation split whose reconstructions are kept
BASE = "as it is"

FAST: dict[str, dict[str, Any]] = {
    BASE: {},
    "loss: binary cross-entropy": {"loss": "bce"},
    "loss: mean absolute error": {"loss": "mae"},
    "loss: MSE and a hundredth of 1 - SSIM": {"loss": "mse+ssim"},
    "optimizer: Adam at 3e-3": {"optimizer": "adam", "learning_rate": 3e-3},
    "learning rate halved": {"learning_rate": 5e-3},
    "learning rate constant": {"schedule": "constant"},
    "batches of 128": {"batch_size": 128},
    "weights averaged over a hundred steps": {"averaged": True},
    "images shifted by up to a pixel": {"shift": 1},
    "no normalisation": {"norm": "none"},
    "batch normalisation": {"norm": "batch"},
    "ReLU": {"activation": "relu"},
    "GELU": {"activation": "gelu"},
    "no way around the blocks": {"block": "plain"},
    "ConvNeXt blocks": {"block": "convnext"},
    "no blocks at half the size": {"outer_blocks": False},
    "three blocks at a quarter of the size (`quality`)": {"blocks": 3},
    "96 channels at a quarter of the size": {"width": 96},
}
CLASSIC: dict[str, dict[str, Any]] = {
    "strided convolution; nearest and convolution": {},
    "max pooling": {"downsampling": "maxpool"},
    "bilinear and convolution": {"upsampling": "bilinear"},
    "transposed convolution": {"upsampling": "transposed"},
}
STUDIES = {"fast": FAST, "classic": CLASSIC}
EPOCHS = {"fast": 1, "classic": 2}


def build_fast(change: dict[str, Any], dataset: Dataset, seed: int) -> tuple[Autoencoder, Any]:
    """Build and compile `fast` with the change; return it with its training batches."""
    from benchmarks.variants import LOSSES, ShiftedBatches, Variant, build_variant
    from zscape.nn.presets import start_at_mean
    from zscape.settings import TrainConfig
    from zscape.training.fit import mean_pixel
    from zscape.training.schedule import build_optimizer

    variant = Variant(**change)
    train = dataset.train.images
    config = TrainConfig(
        epochs=EPOCHS["fast"],
        batch_size=variant.batch_size,
        optimizer=variant.optimizer,
        learning_rate=variant.learning_rate,
        schedule=variant.schedule,
        seed=seed,
    )
    model = build_variant(variant, LATENT_DIM, seed)
    start_at_mean(model.decoder, mean_pixel(train))
    optimizer = build_optimizer(config, -(-len(train) // config.batch_size))
    if variant.averaged:
        optimizer.use_ema, optimizer.ema_momentum = True, 0.99
    model.compile(optimizer, LOSSES[variant.loss], jit_compile=False)
    batches = ShiftedBatches(train, shift=variant.shift, seed=seed, batch_size=variant.batch_size)
    return model, batches


def build_classic(change: dict[str, Any], dataset: Dataset, seed: int) -> tuple[Autoencoder, Any]:
    """Build and compile `classic` with the change; return it with its training batches."""
    from zscape.data.batches import ReconstructionBatches
    from zscape.model import build_autoencoder
    from zscape.nn.presets import PRESETS, start_at_mean
    from zscape.settings import NetworkConfig, TrainConfig
    from zscape.training.fit import mean_pixel
    from zscape.training.schedule import build_optimizer

    train, recipe = dataset.train.images, PRESETS["classic"].recipe
    config = TrainConfig(
        epochs=EPOCHS["classic"],
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        seed=seed,
    )
    network = NetworkConfig(preset="classic", latent_dim=LATENT_DIM, **change)
    model = build_autoencoder((28, 28, 1), network, seed=seed)
    start_at_mean(model.decoder, mean_pixel(train))
    optimizer = build_optimizer(config, -(-len(train) // config.batch_size))
    model.compile(optimizer, "mean_squared_error", jit_compile=False)
    return model, ReconstructionBatches(train, batch_size=config.batch_size, shuffle_seed=seed)


def measure(study: str, change: str, seed: int) -> dict[str, Any]:
    """Train one network; return its figures on the validation split."""
    from zscape.data.images import as_float
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import mean_squared_error, structural_similarity

    dataset = load_dataset("mnist", seed=seed)
    build = {"fast": build_fast, "classic": build_classic}[study]
    model, batches = build(STUDIES[study][change], dataset, seed)
    started = time.perf_counter()
    model.fit(batches, epochs=EPOCHS[study], shuffle=False, verbose=0)
    seconds = time.perf_counter() - started
    images = as_float(dataset.validation.images)
    reconstructions = model.reconstruct(images)
    found: dict[str, Any] = {
        "mse": mean_squared_error(images, reconstructions),
        "ssim": structural_similarity(images, reconstructions),
        **checkerboard(reconstructions - images),
        "n_parameters": model.count_params(),
        "seconds": round(seconds, 1),
    }
    if seed == 0:
        found["samples"] = png_strip(reconstructions[SAMPLES])
    return found


def checkerboard(errors: np.ndarray) -> dict[str, float]:
    """Look for patterns that repeat every second pixel in errors (N, H, W, 1), H and W even.

    Returns:
        `nyquist_share`: the part of the squared error at the highest frequency of either
        direction, which is 0.07 for white noise on 28x28 pixels; and `nyquist_peak`: that
        frequency's energy over that of the frequencies next to it, about 1 where errors have no
        such pattern, and more the clearer the checkerboard.

    References:
        Odena, Dumoulin and Olah, Deconvolution and Checkerboard Artifacts, Distill 2016.
    """
    _, height, width, _ = errors.shape
    energy = np.square(np.abs(np.fft.fft2(errors[..., 0]))).mean(axis=0)  # (H, W)
    row, column = height // 2, width // 2
    nyquist = energy[row].sum() + energy[:, column].sum() - energy[row, column]
    # Without the crossings, which lie on both.
    rows, columns = np.arange(height) % row != 0, np.arange(width) % column != 0
    at = energy[row, columns].sum() + energy[rows, column].sum()
    beside = energy[row - 1, columns].sum() + energy[rows, column - 1].sum()
    return {
        "nyquist_share": float(nyquist / energy.sum()),
        "nyquist_peak": float(at / beside),
    }


def png_strip(images: np.ndarray) -> str:
    """Return images (N, H, W, 1) side by side as a PNG in base64."""
    from PIL import Image

    pixels = np.concatenate(list(np.round(images[..., 0] * 255).astype(np.uint8)), axis=1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# What makes better images",
        "",
        "Made by `python -m benchmarks.study`; MNIST, 10 latent dimensions, the validation split, "
        "means over seeds, in brackets from the smallest to the largest. MSE is the mean over "
        "pixels of [0, 1] images.",
        "",
        f"Machine: {results['machine']}. Date: {results['date']}. The seconds are of a machine "
        "that did other things at times.",
        "",
        "## `fast`, one thing changed, one epoch",
        "",
        "| change | seeds | parameters | MSE | to `fast` | SSIM | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    base = _mean(_select(results["runs"], "fast", BASE), "mse")
    for name in FAST:
        if runs := _select(results["runs"], "fast", name):
            lines.append(
                f"| {name} | {len(runs)} | {runs[0]['n_parameters']:,} | {_cell(runs, 'mse', 5)} "
                f"| {_mean(runs, 'mse') / base - 1:+.1%} | {_mean(runs, 'ssim'):.4f} "
                f"| {statistics.median(run['seconds'] for run in runs):.0f} |"
            )
    lines += [
        "",
        "## `classic`, one thing changed, two epochs",
        "",
        "The Nyquist frequency is a pattern that repeats every second pixel: its share of the "
        "squared error (7 % for white noise), and its energy over that of the frequencies beside "
        "it (more than 1 when there is a checkerboard).",
        "",
        "| network | seeds | MSE | SSIM | Nyquist share | Nyquist peak | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in CLASSIC:
        if runs := _select(results["runs"], "classic", name):
            lines.append(
                f"| {name} | {len(runs)} | {_cell(runs, 'mse', 5)} | {_mean(runs, 'ssim'):.4f} "
                f"| {_mean(runs, 'nyquist_share'):.2%} | {_cell(runs, 'nyquist_peak', 2)} "
                f"| {statistics.median(run['seconds'] for run in runs):.0f} |"
            )
    return "\n".join(lines) + "\n"


def _select(runs: Sequence[dict[str, Any]], study: str, name: str) -> list[dict[str, Any]]:
    return [run for run in runs if (run["study"], run["change"]) == (study, name)]


def _mean(runs: Sequence[dict[str, Any]], figure: str) -> float:
    return statistics.mean(run[figure] for run in runs) if runs else float("nan")


def _cell(runs: Sequence[dict[str, Any]], figure: str, digits: int) -> str:
    values = [run[figure] for run in runs]
    low, high = min(values), max(values)
    return f"{statistics.mean(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    """Run what is missing, then write the tables beside the results."""
    parser = argparse.ArgumentParser(description="What makes better images?")
    parser.add_argument("--studies", nargs="+", choices=STUDIES, default=list(STUDIES))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    wanted = (
        {"study": study, "change": change, "seed": seed}
        for seed, study in itertools.product(arguments.seeds, arguments.studies)
        for change in STUDIES[study]
    )
    run_missing(arguments.results, wanted, measure, render, quiet=("samples",))


if __name__ == "__main__":
    main()
