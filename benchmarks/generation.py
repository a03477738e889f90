"""Do generated images look real? `python -m benchmarks.generation`, beside Pythae.

Each of Pythae's models, with its own residual MNIST network and samplers, and zscape's counterpart
of the same latent size train for the same processor time on the same images: not wall time, so
that other work on the machine does not matter. Both are scored by the same code with features of
the embedded MNIST classifier. An autoregressive sampler gets the time of the model once more.
Runs that are in the results file already are not repeated.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resumable import run_missing
from benchmarks.workers import environment, peers_python

RESULTS = Path(__file__).parent / "results" / "generation.json"
SEEDS = (0, 1, 2)
SECONDS = 300.0
N_SHOWN = 12

# name of the pair: Pythae's model and sampler, zscape's bottleneck and density
PAIRS = {
    "autoencoder, mixture": (("AE", "gmm"), ("plain", "gmm")),
    "VAE, normal prior": (("VAE", "normal"), ("gaussian:beta=0.3", "prior")),
    "VAE, mixture": (("VAE", "gmm"), ("gaussian:beta=0.3", "gmm")),
    "WAE, normal prior": (("WAE", "normal"), ("mmd", "prior")),
    "RAE, mixture": (("RAE-L2", "gmm"), ("regularized", "gmm")),
    "VQ-VAE, autoregressive": (("VQ-VAE", "prior"), ("vq", "prior")),
}
# What zscape's models are drawn from besides what their counterparts are.
MORE_DENSITIES = {
    "plain": ("kde", "flow"),
    "gaussian:beta=0.3": ("kde", "flow"),
    "mmd": ("gmm", "flow"),
    "regularized": ("kde", "flow"),
}
MODELS = tuple(
    dict.fromkeys(
        (library, pair[side][0])
        for pair in PAIRS.values()
        for side, library in enumerate(("Pythae", "zscape"))
    )
)


class Measure:
    """Trains a model in a process of its own, and scores what it made."""

    def __init__(self, seconds: float, peers: str | None, work: Path) -> None:
        self._seconds = seconds
        self._peers = peers
        self._work = work

    def __call__(self, library: str, model: str, seed: int) -> dict[str, Any]:
        """Return the figures of one model."""
        from zscape.data.load import load_dataset

        dataset = load_dataset("mnist", seed=seed)
        out = self._work / f"{library}-{model.partition(':')[0]}-{seed}.npz"
        facts_path = out.with_suffix(".json")
        if not facts_path.exists():
            images = self._work / f"images-{seed}.npz"
            np.savez(images, train=dataset.train.images, test=dataset.test.images)
            facts_path.write_text(self._run(library, model, seed, images, out))
        facts: dict[str, Any] = json.loads(facts_path.read_text())
        with np.load(out) as made:
            return {**facts, **_scores(dataset, {key: made[key] for key in made.files})}

    def _run(self, library: str, model: str, seed: int, images: Path, out: Path) -> str:
        if library == "Pythae":
            python, module, more = self._peers or peers_python(), "benchmarks.generation_peer", ()
        else:
            densities = [own[1] for _, own in PAIRS.values() if own[0] == model]
            python, module = sys.executable, "benchmarks.generation_own"
            more = (*densities, *MORE_DENSITIES.get(model, ()))
        done = subprocess.run(
            [python, "-m", module, model, images, str(self._seconds), str(seed), out, *more],
            capture_output=True,
            text=True,
            # A thread that spins while it waits would use up its model's time.
            env={**environment("cpu"), "OMP_WAIT_POLICY": "PASSIVE"},
        )
        if done.returncode:
            raise RuntimeError(f"{library} {model} failed:\n{done.stderr[-2000:]}")
        return done.stdout.splitlines()[-1]


def _scores(dataset: Any, made: dict[str, np.ndarray]) -> dict[str, Any]:
    from zscape.evaluation.features import class_probabilities, load_features
    from zscape.evaluation.generation import (
        Compared,
        class_shares,
        frechet_distance,
        nearest_images,
    )
    from zscape.evaluation.metrics import GENERATION_METRICS, measure
    from zscape.evaluation.reconstruction import mean_squared_error

    network = load_features(None, dataset.train.image_shape)
    test = dataset.test.images
    chosen = np.random.default_rng(0).permutation(len(dataset.train))[: len(test)]
    train_features = network.features(dataset.train.images[chosen])
    test_features = network.features(test)
    reconstructions = made.pop("reconstructions")
    scores: dict[str, Any] = {
        "reconstruction_mse": mean_squared_error(test, reconstructions),
        "reconstruction_fd": frechet_distance(network.features(reconstructions), test_features),
        "samples": {},
    }
    for density, images in made.items():
        compared = Compared(
            train=train_features, test=test_features, samples=network.features(images)
        )
        figures = measure(GENERATION_METRICS, compared)
        scores["floor_fd"] = figures["floor_fd"]
        shares = class_shares(class_probabilities(images), dataset.test.labels)
        # Any of them: some samplers give them sorted.
        some = images[np.random.default_rng(1).permutation(len(images))[:N_SHOWN]]
        numbers, _ = nearest_images(some, dataset.train.images)
        shown = [*some, *dataset.train.images[numbers]]
        scores["samples"][density] = {
            **{k: figures[k] for k in ("sample_fd", "precision", "recall", "density", "coverage")},
            "missing": list(shares.missing),
            "shown": _strip(np.stack(shown)),
        }
    return scores


def _strip(images: np.ndarray) -> str:
    """Return gray images (N, H, W, 1) side by side, as a PNG in base64."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.concatenate(list(images[..., 0]), axis=1)).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    runs = results["runs"]
    floors = [run["floor_fd"] for run in runs]
    lines = [
        "# Generated images beside Pythae's",
        "",
        "Made by `python -m benchmarks.generation`: MNIST, 16 latent dimensions (for VQ-VAE "
        "vectors of that length), every model trained for the same processor time. FD is the "
        "classifier FD, a Fréchet distance on features of a small MNIST classifier, of 10,000 "
        "images to the 10,000 test images; it is not the published FID. Means over seeds.",
        "",
        f"The floor, the FD of 10,000 training images: **{statistics.mean(floors):.2f}**.",
        "",
        "| pair | seeds | sample FD, Pythae | sample FD, zscape | MSE, Pythae | MSE, zscape |",
        "|---|---|---|---|---|---|",
    ]
    for name, (theirs, ours) in PAIRS.items():
        sides = [
            [r for r in runs if (r["library"], r["model"]) == (library, side[0])]
            for library, side in (("Pythae", theirs), ("zscape", ours))
        ]
        if not all(sides):
            continue
        distances = [
            _spread([r["samples"][side[1]]["sample_fd"] for r in found], "{:.1f}")
            for found, side in zip(sides, (theirs, ours), strict=True)
        ]
        errors = [_spread([r["reconstruction_mse"] for r in found], "{:.5f}") for found in sides]
        seeds = min(len(found) for found in sides)
        lines.append(f"| {name} | {seeds} | {' | '.join([*distances, *errors])} |")
    lines += [
        "",
        "![Rows of digits: for each pair those of Pythae, those of zscape, and the training images "
        "nearest to the latter.](images/generation.png)",
        "",
        "All models and samplers:",
        "",
        "| library | model | drawn from | seeds | sample FD | to the floor | reconstruction FD "
        "| precision | recall | density | coverage | classes missing | epochs "
        "| processor seconds |",
        "|" + "---|" * 14,
    ]
    for library, model in MODELS:
        found = [r for r in runs if (r["library"], r["model"]) == (library, model)]
        for density in found[0]["samples"] if found else ():
            drawn = [r["samples"][density] for r in found]
            distance = [d["sample_fd"] for d in drawn]
            cells = [
                library,
                f"`{model}`" if library == "zscape" else model,
                density,
                str(len(found)),
                _spread(distance, "{:.1f}"),
                f"{statistics.mean(distance) / statistics.mean(floors):.1f}x",
                _spread([r["reconstruction_fd"] for r in found], "{:.1f}"),
                *(
                    f"{statistics.mean(d[key] for d in drawn):.3f}"
                    for key in ("precision", "recall", "density", "coverage")
                ),
                "; ".join(", ".join(map(str, d["missing"])) or "none" for d in drawn),
                f"{statistics.mean(r['epochs'] for r in found):.1f}",
                f"{statistics.mean(r['seconds'] for r in found):.0f} + "
                f"{statistics.mean(r['sampler_seconds'][density] for r in found):.0f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Machine: {results['machine']}. Date: {results['date']}."]
    return "\n".join(lines) + "\n"


def _spread(values: list[float], form: str) -> str:
    mean, low, high = (
        form.format(value) for value in (statistics.mean(values), min(values), max(values))
    )
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    parser = argparse.ArgumentParser(description="Do generated images look real?")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="processor time for a training"
    )
    parser.add_argument("--peers-python", help="an interpreter that has Pythae already")
    parser.add_argument("--work", type=Path, help="keep what the models made in this folder")
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    wanted = (
        {"library": library, "model": model, "seed": seed}
        for seed, (library, model) in itertools.product(arguments.seeds, MODELS)
    )
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        measure = Measure(arguments.seconds, arguments.peers_python, work)
        run_missing(arguments.results, wanted, measure, render, quiet=("samples",))


if __name__ == "__main__":
    main()
