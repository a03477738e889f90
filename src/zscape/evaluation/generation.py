"""How real generated images are: pure functions of features, class probabilities and images.

Features (N, F) come from `zscape.evaluation.features`. None of these metrics is the published
FID, which rests on one certain Inception network: they compare models measured with the same
features, numbers of images and data. Arrays that do not fit together, hold too few images, or
features that are not finite raise `DataError`.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zscape.data.images import NO_LABEL, ImageStore, as_float, chunks
from zscape.errors import ConfigError, DataError

NEAREST_K = 5
MAX_NEIGHBOUR_IMAGES = 5000
MISSING_SHARE = 0.25


def frechet_distance(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Return the squared Fréchet distance of features (N, F) and (M, F), each taken for normal.

        |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2))

    with the means m and the covariances S, in squared units of the features. The trace of the
    last term is the sum of the singular values of S_a^(1/2) S_b^(1/2), which needs no inverse, so
    covariances may be singular. With few images the distance is too large, even between two
    draws of one distribution; so compare distances from equal numbers of images, and look at the
    distance between two sets of real ones.

    References:
        Dowson and Landau, The Fréchet distance between multivariate normal distributions,
        Journal of Multivariate Analysis 12, 1982; Heusel et al., GANs trained by a two
        time-scale update rule converge to a local Nash equilibrium, NeurIPS 2017.
    """
    a, b = _checked(features_a, features_b, at_least=2)
    covariance_a = np.atleast_2d(np.cov(a, rowvar=False))
    covariance_b = np.atleast_2d(np.cov(b, rowvar=False))
    cross = np.linalg.svd(_root(covariance_a) @ _root(covariance_b), compute_uv=False)
    squares = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    spread = np.trace(covariance_a) + np.trace(covariance_b) - 2 * cross.sum()
    return max(0.0, float(squares + spread))  # rounding can take equal sets a little below 0


def precision_recall(
    real_features: np.ndarray,
    generated_features: np.ndarray,
    *,
    nearest_k: int = NEAREST_K,
    max_images: int = MAX_NEIGHBOUR_IMAGES,
    seed: int = 0,
) -> dict[str, float]:
    """Return `precision`, `recall`, `density` and `coverage`, computed by the library prdc.

    Round every real image lies a ball that reaches to its 5th nearest real neighbour, or to
    that of number `nearest_k`. Precision is the share of generated images in at least one ball;
    density the mean number of balls round a generated image, over 5, so that real images would
    have about 1; coverage the share of real images with a generated one in their ball. Recall is
    the share of real images in at least one ball of the generated ones.

    Of more than `max_images` features on a side so many are drawn, by `seed`: 5,000 on both need
    about 1 GB of memory, which grows with the square.

    References:
        Kynkäänniemi et al., Improved precision and recall metric for assessing generative
        models, NeurIPS 2019; Naeem et al., Reliable fidelity and diversity metrics for
        generative models, ICML 2020.
    """
    from prdc import compute_prdc

    if nearest_k < 1:
        raise ConfigError(f"nearest_k is {nearest_k}; expected 1 or more.")
    real, generated = _checked(real_features, generated_features, at_least=nearest_k + 2)
    rng = np.random.default_rng(seed)
    real, generated = (
        part[rng.choice(len(part), max_images, replace=False)] if len(part) > max_images else part
        for part in (real, generated)
    )
    with contextlib.redirect_stdout(io.StringIO()):  # the library prints the numbers of images
        found = compute_prdc(real, generated, nearest_k)
    return {name: float(found[name]) for name in ("precision", "recall", "density", "coverage")}


@dataclass(frozen=True)
class ClassShares:
    """How often each class was generated, and its share of the real labels, by increasing class.

    Those `missing` were generated less than a quarter as often as they are in the data.
    """

    classes: tuple[int, ...]
    generated: tuple[float, ...]
    data: tuple[float, ...]
    missing: tuple[int, ...]


def class_shares(probabilities: np.ndarray, labels: np.ndarray) -> ClassShares:
    """Return the share of each class among generated images, beside its share of the data.

    `probabilities` (N, K) are what a classifier says of the generated images; `labels` (M,) of
    real ones are from 0 to K - 1, or `NO_LABEL`: these images are left out.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    labels = labels[labels != NO_LABEL] if labels.ndim == 1 else labels
    if probabilities.ndim != 2 or not probabilities.size or labels.ndim != 1 or not labels.size:
        raise DataError(
            f"probabilities have shape {probabilities.shape} and labels {labels.shape}; expected "
            "(N, K) and (M,) with at least one image each."
        )
    n_classes = probabilities.shape[1]
    if labels.min() < 0 or labels.max() >= n_classes:
        raise DataError(f"labels go from {labels.min()} to {labels.max()}; expected 0 to K - 1.")
    generated = np.bincount(probabilities.argmax(axis=1), minlength=n_classes) / len(probabilities)
    data = np.bincount(labels, minlength=n_classes) / len(labels)
    missing = np.flatnonzero(generated < MISSING_SHARE * data)
    shares = tuple(generated.tolist()), tuple(data.tolist())
    return ClassShares(tuple(range(n_classes)), *shares, tuple(missing.tolist()))


def nearest_images(images: ImageStore, candidates: ImageStore) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest of the candidates for every image, pixel by pixel: numbers and distances.

    Generated images that are copies show up here: their distance is near 0. Compare it with the
    distance that new real images have from the same candidates, such as the training images. A
    distance is the root of the mean squared difference of pixels in [0, 1]; both arrays are (N,).
    """
    from sklearn.metrics import pairwise_distances_argmin_min

    if images.ndim != 4 or images.shape[1:] != candidates.shape[1:]:
        raise DataError(
            f"images have shape {images.shape} and candidates {candidates.shape}; expected "
            "(N, H, W, C) and (M, H, W, C)."
        )
    if not len(images) or not len(candidates):
        raise DataError("there are no images to compare; give at least one on each side.")
    flat = as_float(images).reshape(len(images), -1)
    numbers = np.zeros(len(images), np.int64)
    distances = np.full(len(images), np.inf)
    for rows, part in chunks(candidates):
        others = as_float(part).reshape(-1, flat.shape[1])
        found, _ = pairwise_distances_argmin_min(flat, others)
        # Anew: the fast way of finding them loses digits of small distances.
        apart = np.sqrt(np.square(flat - others[found]).mean(axis=1, dtype=np.float64))
        nearer = apart < distances
        numbers[nearer], distances[nearer] = found[nearer] + rows.start, apart[nearer]
    return numbers, distances


def midpoints(codes: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the middle between every code (N, ...) and another one: a ring in random order."""
    if len(codes) < 2:
        raise DataError(f"there are {len(codes)} codes; expected two or more to lie between.")
    order = np.random.default_rng(seed).permutation(len(codes))
    return np.asarray((codes[order] + codes[np.roll(order, 1)]) / 2, dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Features (N, F) of generated and of real images: what their metrics are computed from.

    Each Fréchet distance is to the test images. That of the training images, best as many as
    there are samples, is the floor: what a generator that draws real images anew would have.
    That of the reconstructions can lie below it, for those are the same images. `midpoints` are
    decoded between the codes of two test images.
    """

    train: np.ndarray
    test: np.ndarray
    samples: np.ndarray
    reconstructions: np.ndarray | None = None
    midpoints: np.ndarray | None = None
    seed: int = 0

    def distance(self, features: np.ndarray | None) -> float | None:
        """Return the Fréchet distance of features to those of the test images."""
        return None if features is None else frechet_distance(features, self.test)

    @cached_property
    def neighbours(self) -> dict[str, float]:
        """What `precision_recall` finds; empty where there are too few images."""
        if min(len(self.test), len(self.samples)) < NEAREST_K + 2:
            return {}
        return precision_recall(self.test, self.samples, seed=self.seed)


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return the symmetric square root of a covariance, (F, F)."""
    values, vectors = np.linalg.eigh(covariance)
    result: np.ndarray = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return result


def _checked(a: np.ndarray, b: np.ndarray, *, at_least: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not a.shape[1]:
        raise DataError(
            f"features have shapes {a.shape} and {b.shape}; expected (N, F) and (M, F) of the "
            "same network."
        )
    if min(len(a), len(b)) < at_least:
        raise DataError(
            f"there are features of {len(a)} and {len(b)} images; expected {at_least} or more."
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise DataError(
            "some features are NaN or infinite; the network overflowed or the images are broken."
        )
    return a.astype(np.float64), b.astype(np.float64)
