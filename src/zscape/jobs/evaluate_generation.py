"""Measuring what a run generates, beside real images, and keeping what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, as_float
from zscape.errors import ConfigError
from zscape.evaluation.classifier import IMAGE_SHAPE, N_CLASSES
from zscape.evaluation.features import (
    CLASSIFIER,
    FeatureModel,
    class_probabilities,
    load_features,
    share_of_digits_known,
)
from zscape.evaluation.generation import (
    ClassShares,
    Compared,
    class_shares,
    midpoints,
    nearest_images,
)
from zscape.evaluation.labels import as_digits
from zscape.evaluation.metrics import GENERATION_METRICS, Values, measure
from zscape.evaluation.results import GenerationResults
from zscape.evaluation.seen import count_seen, seen_warning
from zscape.files import sha256_of, write_json
from zscape.jobs.draw import write_figures
from zscape.jobs.generate import generate
from zscape.jobs.report import write_report
from zscape.registry import check_number
from zscape.run_folder import locked
from zscape.runs import Run

N_SHEET = 24
N_NEAREST = 1000
MAX_SAMPLES = 100_000  # all of them are held in memory
_KNOWN_DIGITS = 0.9  # share of the test images that the classifier must get right
_NOT_CHECKED = (
    "The test images have no labels, so it could not be checked whether the embedded classifier of "
    f"digits knows such images. If they are not digits like those of MNIST, {CLASSIFIER} FD, "
    "precision, recall, density and coverage mean nothing: name a network for them as `features`."
)
_COPIED = "what is close to the test images may be a copy"


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
    density = density or run.model.bottleneck.default_density
    network = load_features(features, run.config.image_shape)
    train, test = run.dataset.train, run.dataset.test.some(n, seed)
    n_seen = count_seen(test.images, train.images)
    warnings = [*test.warnings, *seen_warning(n_seen, len(test), consequence=_COPIED)]
    samples, _ = generate(run, n, density=density, seed=seed)
    share_known = share_of_digits_known(test) if run.config.image_shape == IMAGE_SHAPE else None
    metrics: Values = dict.fromkeys(name for name, row in GENERATION_METRICS.items() if row.compute)
    doubt = _doubt(share_known) if network.name == CLASSIFIER else ""
    warnings += [doubt] if doubt else []
    if not doubt or share_known is None:
        compared = _compared(run, network, samples, test, seed)
        metrics = measure(GENERATION_METRICS, compared)
        warnings += _too_few(compared)
    numbers, distances = nearest_images(samples[:N_NEAREST], train.images)
    _, test_distances = nearest_images(test.some(N_NEAREST, seed).images, train.images)
    return GenerationEvaluation(
        density=density,
        features=network.name,
        features_sha256=network.sha256,
        n_samples=len(samples),
        n_test=len(test),
        seed=seed,
        metrics=metrics,
        nearest_training={
            "samples": float(np.median(distances)),
            "test": float(np.median(test_distances)),
        },
        classes=_classes(train, samples) if (share_known or 0) >= _KNOWN_DIGITS else None,
        model_sha256=sha256_of(run.path / "model.keras"),
        notes=(),
        warnings=tuple(warnings),
        samples=samples[:N_SHEET],
        nearest=as_float(train.images[numbers[:N_SHEET]]),
    )


def refresh_generation(run: Run, **settings: Any) -> GenerationEvaluation:
    """Measure as `evaluate_generation` does; leave `generation.json`, a figure and a report."""
    from zscape.viz.sheets import plot_nearest

    with locked(run.path):
        evaluation = evaluate_generation(run, **settings)
        write_figures(run, {"samples": plot_nearest(evaluation.samples, evaluation.nearest)})
        write_json(run.path / "generation.json", evaluation.to_dict())
        if (page := run.path / "report.html").exists():
            write_report([run], page)
    return evaluation


def _compared(
    run: Run, network: FeatureModel, samples: np.ndarray, test: Images, seed: int
) -> Compared:
    """Return the features of what is compared; of the training images as many as samples."""
    model = run.model
    codes = model.encode(test.images)
    between = model.project(midpoints(codes, seed))
    return Compared(
        train=network.features(run.dataset.train.some(len(samples), seed).images),
        test=network.features(test.images),
        samples=network.features(samples),
        reconstructions=network.features(model.decode(codes)),
        midpoints=network.features(model.decode(between)),
        seed=seed,
    )


def _too_few(compared: Compared) -> list[str]:
    """Return a warning if there are too few test images for Fréchet distances."""
    n_test, n_features = compared.test.shape
    if n_test > n_features:
        return []
    return [
        f"There are {n_test:,} test images for {n_features:,} features: too few for a covariance, "
        "so Fréchet distances are much too large. Compare them with the floor only."
    ]


def _doubt(share_known: float | None) -> str:
    """Return why the classifier may not suit images of whose labels it gets that share right."""
    if share_known is None:
        return _NOT_CHECKED
    if share_known >= _KNOWN_DIGITS:
        return ""
    return (
        f"The embedded classifier of digits gets {share_known:.0%} of the test images right, so "
        f"these are other images, and {CLASSIFIER} FD, precision, recall, density and coverage do "
        "not apply. Name a network for such images as `features`."
    )


def _classes(train: Images, samples: np.ndarray) -> ClassShares | None:
    """Return how often each digit was generated; None where the training images have no labels."""
    digits = as_digits(train)
    if digits is None:
        return None
    digits = digits[(digits >= 0) & (digits < N_CLASSES)]
    return class_shares(class_probabilities(samples), digits) if len(digits) else None
