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
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.drawings import SAMPLES, SEED, SHEETS, save_strip, strip_path
from benchmarks.harness import QUICK_IMAGES, parser, run_missing
from benchmarks.tables.markdown import Run
from benchmarks.tables.study import BASE
from benchmarks.training import compile_model, settings

if TYPE_CHECKING:
    from zscape.data.images import Dataset
    from zscape.model import Autoencoder

LATENT_DIM = 10

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

    variant = Variant(**change)
    train = dataset.train.images
    config = settings(
        "fast",
        dataset,
        seed,
        epochs=EPOCHS["fast"],
        batch_size=variant.batch_size,
        optimizer=variant.optimizer,
        learning_rate=variant.learning_rate,
        schedule=variant.schedule,
    )
    model = build_variant(variant, LATENT_DIM, seed)
    compile_model(model, train, config, loss=LOSSES[variant.loss], averaged=variant.averaged)
    batches = ShiftedBatches(train, shift=variant.shift, seed=seed, batch_size=variant.batch_size)
    return model, batches


def build_classic(change: dict[str, Any], dataset: Dataset, seed: int) -> tuple[Autoencoder, Any]:
    """Build and compile `classic` with the change; return it with its training batches."""
    from zscape.data.batches import ReconstructionBatches
    from zscape.model import build_autoencoder
    from zscape.settings import NetworkConfig

    train = dataset.train.images
    config = settings("classic", dataset, seed, epochs=EPOCHS["classic"])
    network = NetworkConfig(preset="classic", latent_dim=LATENT_DIM, **change)
    model = build_autoencoder((28, 28, 1), network, seed=seed)
    compile_model(model, train, config)
    return model, ReconstructionBatches(train, batch_size=config.batch_size, shuffle_seed=seed)


def measure(options: argparse.Namespace, study: str, change: str, seed: int) -> Run:
    """Train one network; return its figures on the validation split."""
    from zscape.data.images import as_float
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import mean_squared_error, structural_similarity

    dataset = load_dataset("mnist", seed=seed, limit=QUICK_IMAGES if options.quick else None)
    build = {"fast": build_fast, "classic": build_classic}[study]
    model, batches = build(STUDIES[study][change], dataset, seed)
    started = time.perf_counter()
    model.fit(batches, epochs=EPOCHS[study], shuffle=False, verbose=0)
    seconds = time.perf_counter() - started
    images = as_float(dataset.validation.images)
    reconstructions = model.reconstruct(images)
    if seed == SEED and change in SHEETS[study][1]:
        strip = np.round(255 * reconstructions[SAMPLES]).astype(np.uint8)
        save_strip(strip, strip_path(options.out, "study", study, change))
    return {
        "mse": mean_squared_error(images, reconstructions),
        "ssim": structural_similarity(images, reconstructions),
        **checkerboard(reconstructions - images),
        "n_parameters": model.count_params(),
        "seconds": round(seconds, 1),
    }


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


def main() -> None:
    """Run what is missing, then write the tables beside the results."""
    wanted = (
        {"study": study, "change": change, "seed": seed}
        for seed in range(3)
        for study, changes in STUDIES.items()
        for change in changes
    )
    run_missing("study", parser(__doc__), wanted, measure, vary="study")


if __name__ == "__main__":
    main()
