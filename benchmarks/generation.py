"""Do generated images look real? `python -m benchmarks.generation`, beside Pythae.

Each of Pythae's models, with its own residual MNIST network and samplers, and zscape's counterpart
of the same latent size train for the same processor time on the same images: not wall time, so
that other work on the machine does not matter. Both are scored by the same code with features of
the embedded MNIST classifier. An autoregressive sampler gets the time of the model once more.
Runs that are in the results file already are not repeated.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.drawings import N_SHOWN, PAIRED, SEED, save_strip, strip_path
from benchmarks.harness import parser, run_missing
from benchmarks.tables.generation import PAIRS, PEER, SCORES
from benchmarks.tables.markdown import Run
from benchmarks.workers.process import peers_python, run_worker

SECONDS = 300  # of processor time, for one training
QUICK_SECONDS = 10
# What zscape's models are drawn from besides what their counterparts are.
MORE_DENSITIES = {
    "plain": ("kde", "flow"),
    "gaussian:beta=0.3": ("kde", "flow"),
    "mmd": ("gmm", "flow"),
    "regularized": ("kde", "flow"),
}
MODELS = tuple(dict.fromkeys(key[:2] for key in PAIRED))


def measure(options: argparse.Namespace, library: str, model: str, seed: int) -> Run:
    """Train a model in a process of its own; return its figures."""
    from zscape.data.load import load_dataset

    dataset = load_dataset("mnist", seed=seed)
    seconds = QUICK_SECONDS if options.quick else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        images, out = Path(folder) / "images.npz", Path(folder) / "made.npz"
        np.savez(images, train=dataset.train.images, test=dataset.test.images)
        if library == PEER:
            worker, python = (
                "benchmarks.workers.generation_peer",
                peers_python(options.peers_python),
            )
            densities: tuple[str, ...] = ()
        else:
            worker, python = "benchmarks.workers.generation_own", sys.executable
            pairs = (own[1] for _, own in PAIRS.values() if own[0] == model)
            densities = (*pairs, *MORE_DENSITIES.get(model, ()))
        facts = run_worker(
            worker,
            *(model, images, seconds, seed, out, *densities),
            python=python,
            OMP_WAIT_POLICY="PASSIVE",  # a thread that spins while it waits would use up the time
        )
        with np.load(out) as arrays:
            made = dict(arrays)
    for density, drawn in made.items():
        if seed == SEED and (library, model, density) in PAIRED:
            path = strip_path(options.out, "generation", library, model, density)
            save_strip(_with_nearest(drawn, dataset.train.images), path)
    return {**facts, **_scores(dataset, made)}


def _with_nearest(drawn: np.ndarray, known: Any) -> np.ndarray:
    """Return some drawn images, and after them those of training that are nearest to them."""
    from zscape.evaluation.generation import nearest_images

    # Any of them: some samplers give them sorted.
    some = drawn[np.random.default_rng(1).permutation(len(drawn))[:N_SHOWN]]
    return np.concatenate([some, known[nearest_images(some, known)[0]]])


def _scores(dataset: Any, made: dict[str, np.ndarray]) -> Run:
    from zscape.evaluation.features import class_probabilities, load_features
    from zscape.evaluation.generation import (
        Compared,
        class_shares,
        frechet_distance,
    )
    from zscape.evaluation.metrics import GENERATION_METRICS, measure
    from zscape.evaluation.reconstruction import mean_squared_error

    network = load_features(None, dataset.train.image_shape)
    test = dataset.test.images
    chosen = np.random.default_rng(0).permutation(len(dataset.train))[: len(test)]
    train_features = network.features(dataset.train.images[chosen])
    test_features = network.features(test)
    reconstructions = made.pop("reconstructions")
    scores: Run = {
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
        scores["samples"][density] = {
            **{key: figures[key] for key in ("sample_fd", *SCORES)},
            "missing": list(shares.missing),
        }
    return scores


def main() -> None:
    """Run what is missing, then write the table beside the results."""
    wanted = (
        {"library": library, "model": model, "seed": seed}
        for seed, (library, model) in itertools.product(range(3), MODELS)
    )
    run_missing("generation", parser(__doc__), wanted, measure, vary="library")


if __name__ == "__main__":
    main()
