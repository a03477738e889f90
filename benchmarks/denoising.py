"""How much noise is removed? `python -m benchmarks.denoising`.

MNIST with Gaussian noise of sigma 0.3 and 0.5, clipped to [0, 1]: PSNR and SSIM on the whole test
split, of the preset `fast` trained with that noise, and of scikit-image's and SciPy's methods
with the parameters that were best on validation images. Three seeds, of the weights, the split and
the noise. Runs that are in the results file already are not repeated.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, get_args

import numpy as np

from benchmarks.resumable import run_missing
from zscape.evaluation.denoising import (
    NOISY,
    OWN,
    choose_parameters,
    classical_methods,
    run_classical,
)
from zscape.settings import CorruptionConfig, Preset

RESULTS = Path(__file__).parent / "results" / "denoising.json"
SIGMAS = (0.3, 0.5)
SEEDS = (0, 1, 2)
LATENT_DIM = 128
IMAGES_SEEN = 200_000  # about four epochs: fresh noise does not repeat
N_VALIDATION = 64
METHODS = (NOISY, *classical_methods(), OWN)
GOAL = 5.0  # dB above the best classical method


def measure(
    method: str,
    sigma: float,
    seed: int,
    *,
    preset: Preset,
    latent_dim: int,
    images_seen: int,
    limit: int | None,
) -> dict[str, Any]:
    """Return figures of one method on the noisy test split."""
    from zscape.data.corruptions import corrupt
    from zscape.data.images import as_float
    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import peak_signal_to_noise_ratio, structural_similarity

    dataset = load_dataset("mnist", seed=seed, limit=limit)
    corruption = CorruptionConfig.parse(f"gaussian:sigma={sigma}")
    clean = as_float(dataset.test.images)
    noisy = corrupt(clean, corruption, [seed, 1])
    started = time.perf_counter()
    facts: dict[str, Any] = {}
    if method == NOISY:
        output = noisy
    elif method == OWN:
        output, facts = _own(dataset, noisy, corruption, seed, preset, latent_dim, images_seen)
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
    dataset: Any,
    noisy: np.ndarray,
    corruption: CorruptionConfig,
    seed: int,
    preset: Preset,
    latent_dim: int,
    images_seen: int,
) -> tuple[np.ndarray, dict[str, Any]]:
    from zscape.model import build_autoencoder
    from zscape.model_file import load_model
    from zscape.nn.presets import PRESETS
    from zscape.settings import NetworkConfig, TrainConfig
    from zscape.training.fit import fit_autoencoder

    recipe = PRESETS[preset].recipe
    config = TrainConfig(
        epochs=max(1, round(images_seen / len(dataset.train))),
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        precision=recipe.precision,
        seed=seed,
        corruption=corruption,
    )
    network = NetworkConfig(preset=preset, latent_dim=latent_dim)
    model = build_autoencoder((28, 28, 1), network, seed=seed, precision=config.precision)
    with tempfile.TemporaryDirectory() as folder:
        fit_autoencoder(model, dataset, config, Path(folder))
        best = load_model(Path(folder) / "model.keras")
    facts = {"preset": preset, "latent_dim": latent_dim, "epochs": config.epochs}
    return best.reconstruct(noisy), facts


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Denoising",
        "",
        "Made by `python -m benchmarks.denoising`; MNIST test split with Gaussian noise, clipped "
        "to [0, 1]; means over seeds, in brackets from the smallest to the largest. Parameters of "
        f"classical methods: the best on {N_VALIDATION} validation images.",
        "",
        f"Machine: {results['machine']}. Date: {results['date']}.",
        "",
        "| sigma | method | PSNR, dB | SSIM | seeds | images |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for sigma in SIGMAS:
        means = {}
        for method in METHODS:
            runs = [r for r in results["runs"] if (r["method"], r["sigma"]) == (method, sigma)]
            if not runs:
                continue
            psnrs = [run["psnr"] for run in runs]
            means[method] = statistics.mean(psnrs)
            ssim = statistics.mean(run["ssim"] for run in runs)
            name = method
            if method == OWN:
                name = f"**zscape**, `{runs[0]['preset']}`, {runs[0]['latent_dim']} variables"
            lines.append(
                f"| {sigma:g} | {name} | {means[method]:.2f} ({min(psnrs):.2f} to "
                f"{max(psnrs):.2f}) | {ssim:.4f} | {len(runs)} | {runs[0]['n_test']:,} |"
            )
        classical = [means[name] for name in classical_methods() if name in means]
        if classical and OWN in means:
            gain = means[OWN] - max(classical)
            lines += ["", f"Sigma {sigma:g}: {gain:+.2f} dB to the best of the others; the goal "
                      f"is {GOAL:+.0f}.", ""]  # fmt: skip
            if sigma != SIGMAS[-1]:
                lines += lines[6:8]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    parser = argparse.ArgumentParser(description="How much noise is removed?")
    parser.add_argument("--preset", choices=get_args(Preset), default="fast")
    parser.add_argument("--latent-dim", type=int, default=LATENT_DIM)
    parser.add_argument("--images-seen", type=int, default=IMAGES_SEEN)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--limit", type=int, help="use fewer images, to try it out")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    wanted = (
        {"method": method, "sigma": sigma, "seed": seed}
        for seed, sigma, method in itertools.product(arguments.seeds, SIGMAS, arguments.methods)
    )

    def measure_one(method: str, sigma: float, seed: int) -> dict[str, Any]:
        return measure(
            method,
            sigma,
            seed,
            preset=arguments.preset,
            latent_dim=arguments.latent_dim,
            images_seen=arguments.images_seen,
            limit=arguments.limit,
        )

    run_missing(arguments.results, wanted, measure_one, render)


if __name__ == "__main__":
    main()
