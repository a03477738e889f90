"""How much noise is removed? `python -m benchmarks.denoising`.

MNIST with Gaussian noise of sigma 0.3 and 0.5, clipped to [0, 1]: PSNR and SSIM on the whole test
split, of the preset `fast` trained with that noise, and of scikit-image's and SciPy's methods
with the parameters that were best on validation images. Three seeds, of the weights, the split and
the noise. Runs that are in the results file already are not repeated.
"""

from __future__ import annotations

import argparse
import itertools
import time
from typing import Any

import numpy as np

from benchmarks.harness import QUICK_IMAGES, parser, run_missing
from benchmarks.tables.denoising import N_VALIDATION
from benchmarks.tables.markdown import Run
from benchmarks.training import settings, train_best
from zscape.evaluation.denoising import (
    NOISY,
    OWN,
    choose_parameters,
    classical_methods,
    run_classical,
)
from zscape.settings import CorruptionConfig

PRESET: str = "fast"
LATENT_DIM = 128
IMAGES_SEEN = 200_000  # about four epochs: fresh noise does not repeat


def measure(options: argparse.Namespace, method: str, sigma: float, seed: int) -> Run:
    """Return figures of one method on the noisy test split."""
    from zscape.data.corruptions import corrupt
    from zscape.data.images import as_float
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import peak_signal_to_noise_ratio, structural_similarity

    dataset = load_dataset("mnist", seed=seed, limit=QUICK_IMAGES if options.quick else None)
    corruption = CorruptionConfig.parse(f"gaussian:sigma={sigma}")
    clean = as_float(dataset.test.images)[: QUICK_IMAGES if options.quick else None]
    noisy = corrupt(clean, corruption, [seed, 1])
    started = time.perf_counter()
    facts: Run = {}
    if method == NOISY:
        output = noisy
    elif method == OWN:
        output, facts = _own(options, dataset, noisy, corruption, seed)
    else:
        known = as_float(dataset.validation.images[:N_VALIDATION])
        chosen = choose_parameters(known, corrupt(known, corruption, [seed, 2]), only=method)
        facts = {"parameters": chosen[method]}
        output = run_classical(method, noisy, chosen[method])
    return {
        "psnr": peak_signal_to_noise_ratio(clean, output),
        "ssim": structural_similarity(clean, output),
        "n_test": len(clean),
        **facts,
        "seconds": round(time.perf_counter() - started, 1),
    }


def _own(
    options: argparse.Namespace,
    dataset: Any,
    noisy: np.ndarray,
    corruption: CorruptionConfig,
    seed: int,
) -> tuple[np.ndarray, Run]:
    epochs = 1 if options.quick else max(1, round(IMAGES_SEEN / len(dataset.train)))
    config = settings(PRESET, dataset, seed, epochs=epochs, corruption=corruption)
    best = train_best(dataset, PRESET, LATENT_DIM, config).model
    return best.reconstruct(noisy), {"preset": PRESET, "latent_dim": LATENT_DIM, "epochs": epochs}


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    wanted = (
        {"method": method, "sigma": sigma, "seed": seed}
        for seed, sigma, method in itertools.product(
            range(3), (0.3, 0.5), (NOISY, *classical_methods(), OWN)
        )
    )
    run_missing("denoising", parser(__doc__), wanted, measure, vary="method")


if __name__ == "__main__":
    main()
