"""Measuring what a run generates, beside real images, and keeping what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, as_float
from zscape.errors import ConfigError
from zscape.evaluation.classifier import IMAGE_SHAPE
from zscape.evaluation.features import CLASSIFIER, class_probabilities, load_features
from zscape.evaluation.generation import (
    ClassShares,
    Compared,
    class_shares,
    midpoints,
    nearest_images,
)
from zscape.evaluation.metrics import GENERATION_METRICS, measure
from zscape.evaluation.results import GenerationResults
from zscape.files import sha256_of, write_json
from zscape.jobs.draw import write_figures
from zscape.jobs.generate import generate
from zscape.registry import check_number
from zscape.run_folder import locked
from zscape.runs import Run

N_SHEET = 24
N_NEAREST = 1000
MAX_SAMPLES = 100_000  # all of them are held in memory
_KNOWN_DIGITS = 0.9  # share of the test images that the classifier must get right


class GenerationEvaluation(GenerationResults, frozen=True, kw_only=True, eq=False):
    """Metrics of the images that a run generates, and some of these images.

    Attributes:
        samples: a few generated images (n, H, W, C).
        nearest: the training images nearest to them (n, H, W, C), float32 in [0, 1].
    """

    samples: np.ndarray
    nearest: np.ndarray


def evaluate_generation(
    run: Run,
    *,
    density: str | None = None,
    features: str | Path | None = None,
    n: int = 10_000,
    seed: int = 0,
) -> GenerationEvaluation:
    """Measure how real the images are that a run generates, beside its test images.

    Args:
        run: a trained run.
        density: what codes are drawn from, as for `generate`, also when None.
        features: a network to compare images by, `.keras` or `.onnx`; the embedded classifier
            of digits when None.
        n: how many images to generate; of the test and of the training images at most as many
            are used, drawn at random.
        seed: seeds all draws.

    Raises:
        ConfigError: `n` is below 2 or above 100,000, there is no such density, or images of this
            shape need a network of their own.
        DataError: features are not finite.
        ModelError: a model or feature file is damaged or refused.
        RunError: the images of the run are gone, or a file in it is damaged.

    Example:
        >>> evaluate_generation(run, density="flow").metrics["sample_fd"]
    """
    if not 2 <= n <= MAX_SAMPLES:
        raise ConfigError(f"n is {n}; expected 2 to {MAX_SAMPLES:,}.")
    check_number("seed", seed, whole=True)
    model = run.model
    density = density or model.bottleneck.default_density
    network = load_features(features, run.config.image_shape)
    train, test = run.dataset.train, _some(run.dataset.test, n, [seed, 1])
    samples, _ = generate(run, n, density=density, seed=seed)
    test_codes = model.encode(test.images)
    between = model.project(midpoints(test_codes, seed))
    compared = Compared(
        train=network.features(_some(train, n, [seed, 0]).images),
        test=network.features(test.images),
        samples=network.features(samples),
        reconstructions=network.features(model.decode(test_codes)),
        midpoints=network.features(model.decode(between)),
        seed=seed,
    )
    numbers, distances = nearest_images(samples[:N_NEAREST], train.images)
    _, test_distances = nearest_images(test.images[:N_NEAREST], train.images)
    classes, notes = _classes(run, test, samples)
    n_features = compared.test.shape[1]
    if len(test) <= n_features:
        notes = (
            f"There are {len(test):,} test images for {n_features:,} features: too few for a "
            "covariance, so Fréchet distances are much too large. Compare them with the floor "
            "only.",
            *notes,
        )
    return GenerationEvaluation(
        density=density,
        features=network.name,
        features_sha256=network.sha256,
        n_samples=len(samples),
        n_test=len(test),
        seed=seed,
        metrics=measure(GENERATION_METRICS, compared),
        nearest_training={
            "samples": float(np.median(distances)),
            "test": float(np.median(test_distances)),
        },
        classes=classes,
        model_sha256=sha256_of(run.path / "model.keras"),
        notes=notes,
        samples=samples[:N_SHEET],
        nearest=as_float(train.images[numbers[:N_SHEET]]),
    )


def refresh_generation(run: Run, **settings: Any) -> GenerationEvaluation:
    """Measure as `evaluate_generation` does; leave `generation.json` and `figures/samples.png`."""
    from zscape.viz.sheets import plot_nearest

    with locked(run.path):
        evaluation = evaluate_generation(run, **settings)
        write_figures(run, {"samples": plot_nearest(evaluation.samples, evaluation.nearest)})
        write_json(run.path / "generation.json", evaluation.to_dict())
    return evaluation


def _some(images: Images, n: int, seed: list[int]) -> Images:
    """Return `n` of the images, drawn at random, or all where there are no more."""
    if len(images) <= n:
        return images
    return images.take(np.random.default_rng(seed).choice(len(images), n, replace=False))


def _classes(
    run: Run, test: Images, samples: np.ndarray
) -> tuple[ClassShares | None, tuple[str, ...]]:
    """Return how often each digit was generated, where the classifier knows these images."""
    train_labels = run.dataset.train.labels
    if run.config.image_shape != IMAGE_SHAPE:
        return None, ()
    if test.labels is None or train_labels is None:
        return None, ("The images have no labels, so classes are not counted.",)
    right = float(np.mean(class_probabilities(test.images).argmax(axis=1) == test.labels))
    if right < _KNOWN_DIGITS:
        return None, (
            f"The embedded classifier of digits gets {right:.0%} of the test images right: these "
            f"are other images, so classes are not counted, and {CLASSIFIER} FD says little; "
            "name a network for them as `features`.",
        )
    return class_shares(class_probabilities(samples), train_labels), ()
