"""Measures of reconstructions and of codes: pure functions of arrays.

Images are (N, H, W, C) in [0, 1]; a stored dtype such as uint8 is converted a part at a time.
Results are Python numbers that `json.dumps` takes, unless the images themselves hold NaN: then
the result is NaN too.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zscape.data.images import ImageStore, as_float, chunks
from zscape.errors import ConfigError, DataError
from zscape.latent.paths import data_range

_COPIES = 16  # of the images, mostly in float64: so many does SSIM make

_SMALLEST_MSE = 1e-10  # 100 dB

# The window of Wang et al. 2004.
_SSIM_WINDOW = 11
_SSIM_SIGMA = 1.5

_MIN_CODES = 10
_COVERAGE = 0.99
_DEAD = 1e-6
_COLLAPSED = 0.01
_DUPLICATE = 0.99


def mean_squared_error(images: ImageStore, reconstructions: ImageStore) -> float:
    """Return the squared error, mean over images, pixels and channels of [0, 1] images.

    Raises:
        DataError: the arrays are not (N, H, W, C) of one shape with at least one image.
    """
    return float(_per_image_mse(images, reconstructions).mean())


def peak_signal_to_noise_ratio(images: ImageStore, reconstructions: ImageStore) -> float:
    """Return the peak signal-to-noise ratio in decibels (dB), mean over the images.

    For each image, -10 log10(MSE) with a peak of 1. The mean of these is what the literature on
    images reports; it is not -10 log10 of the mean MSE, and usually higher. An exact
    reconstruction is infinitely good and would hide all others, so an image counts for 100 dB
    at most.

    Raises:
        DataError: the arrays are not (N, H, W, C) of one shape with at least one image.
    """
    errors = np.maximum(_per_image_mse(images, reconstructions), _SMALLEST_MSE)
    return float(np.mean(-10.0 * np.log10(errors)))


def structural_similarity(images: ImageStore, reconstructions: ImageStore) -> float | None:
    """Return the structural similarity (SSIM), mean over images and channels; 1 is equal.

    As in Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE Transactions on Image Processing 13, 2004: a Gaussian window of
    11 by 11 pixels with sigma 1.5, population covariance, borders left out, each channel alone.
    For smaller images the window shrinks to the largest odd side that fits, and sigma with it.

    Returns:
        The similarity in [-1, 1], or None when a side of the images is below 3 pixels, where
        it is not defined.

    Raises:
        DataError: the arrays are not (N, H, W, C) of one shape with at least one image.
    """
    from skimage.metrics import structural_similarity as skimage_ssim

    _check_pair(images, reconstructions)
    height, width = images.shape[1:3]
    window = min(_SSIM_WINDOW, height - 1 + height % 2, width - 1 + width % 2)
    if window < 3:
        return None
    total = 0.0
    for rows, part in chunks(images, copies=_COPIES):
        chunk, other = _float64(part), _float64(reconstructions[rows])
        # Every channel of every image becomes a channel of one (n * C, H, W) stack.
        planes = [np.moveaxis(part, -1, 1).reshape(-1, height, width) for part in (chunk, other)]
        similarity = skimage_ssim(
            planes[0],
            planes[1],
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            # scikit-image's Gaussian has 2 * int(3.5 * sigma + 0.5) + 1 taps: `window` of them.
            sigma=_SSIM_SIGMA * window / _SSIM_WINDOW,
            win_size=window,
            use_sample_covariance=False,
        )
        total += float(similarity) * len(chunk)
    return total / len(images)


def compression_ratio(image_shape: Sequence[int], latent_dim: int) -> float:
    """Return values in an image over values in its code, 784 / 10 = 78.4 for 28 x 28 x 1.

    This compares counts of numbers, not bytes on disk.

    Args:
        image_shape: (H, W, C).
        latent_dim: the length of a code.

    Raises:
        ConfigError: a size is below 1.
    """
    if latent_dim < 1 or min(image_shape, default=0) < 1:
        raise ConfigError(
            f"image shape {tuple(image_shape)} and latent_dim {latent_dim}; expected sizes of "
            "1 or more."
        )
    return math.prod(image_shape) / latent_dim


def knn_accuracy(
    train_codes: NDArray[Any],
    train_labels: NDArray[Any],
    test_codes: NDArray[Any],
    test_labels: NDArray[Any],
    *,
    n_neighbors: int = 5,
) -> float:
    """Return how often the labels of the nearest training codes give that of a test code.

    The distance is Euclidean on the codes as they are, not standardised: the question is
    whether the space itself keeps classes apart. With fewer training codes than `n_neighbors`
    all of them vote. A code that is not finite is near nothing: it has no vote among the
    training codes, and counts as wrong among the test codes.

    Args:
        train_codes: shape (N, d).
        train_labels: shape (N,).
        test_codes: shape (M, d).
        test_labels: shape (M,).
        n_neighbors: the number of votes, 1 or more.

    Returns:
        The accuracy, a share in [0, 1].

    Raises:
        ConfigError: `n_neighbors` is below 1.
        DataError: codes and labels do not fit together, or one of the sets is empty.
    """
    from sklearn.neighbors import KNeighborsClassifier

    if n_neighbors < 1:
        raise ConfigError(f"n_neighbors is {n_neighbors}; expected 1 or more.")
    train_codes, train_labels = check_labelled("training", train_codes, train_labels)
    test_codes, test_labels = check_labelled("test", test_codes, test_labels)
    if train_codes.shape[1] != test_codes.shape[1]:
        raise DataError(
            f"training codes have {train_codes.shape[1]} dimensions and test codes have "
            f"{test_codes.shape[1]}; expected codes of the same model."
        )
    usable = np.isfinite(train_codes).all(axis=1)
    asked = np.isfinite(test_codes).all(axis=1)
    if not usable.any() or not asked.any():
        return 0.0
    classifier = KNeighborsClassifier(n_neighbors=min(n_neighbors, int(usable.sum())))
    classifier.fit(train_codes[usable], train_labels[usable])
    n_right = np.count_nonzero(classifier.predict(test_codes[asked]) == test_labels[asked])
    return float(n_right / len(test_labels))


@dataclass(frozen=True)
class LatentHealth:
    """What the codes of many images say about the latent space.

    Dimensions are counted from 0 here, and written z1, z2, ... in warnings and in figures. With
    fewer than 10 finite codes no dimension is called dead, collapsed or duplicate.

    Attributes:
        n_codes: the codes looked at.
        n_not_finite: how many of them hold NaN or infinite values; these are left out below.
        mean: the mean of each dimension; NaN, like the next three, when no code is finite.
        std: the standard deviation of each dimension, over N.
        low: the 0.5 % quantile of each dimension, where the data begin.
        high: the 99.5 % quantile of each dimension, where the data end.
        dead: dimensions with the same value for every image.
        collapsed: dimensions with less than 1 % of the largest variance, dead ones left out.
        duplicate: pairs of dimensions with |correlation| > 0.99, which say the same twice.
        n_effective: how many dimensions the variance really fills, from 1 to d: the
            participation ratio (sum l)^2 / sum l^2 of the covariance's eigenvalues l (Gao et
            al., "A theory of multineuronal dimensionality, dynamics and measurement", 2017).
            0 without any variance.
    """

    n_codes: int
    n_not_finite: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    dead: tuple[int, ...]
    collapsed: tuple[int, ...]
    duplicate: tuple[tuple[int, int], ...]
    n_effective: float

    def warnings(self) -> list[str]:
        """Return a sentence for each thing that is wrong, with what to try; [] when healthy."""
        sentences = []
        if self.n_not_finite:
            sentences.append(
                f"{self.n_not_finite} of {self.n_codes} codes hold NaN or infinite values: check "
                "the images for such values, or train again with a lower learning rate."
            )
        n_finite = self.n_codes - self.n_not_finite
        if n_finite < _MIN_CODES:
            sentences.append(
                f"The latent space cannot be judged from {_count(n_finite, 'finite code')}: encode "
                f"{_MIN_CODES} images or more."
            )
        if self.dead:
            sentences.append(
                f"{_count(len(self.dead), 'dead dimension')} ({_names(self.dead)}), with the same "
                "value for every image: train with another seed, use the linear code activation "
                "if it is relu, or choose a smaller latent_dim."
            )
        if self.collapsed:
            sentences.append(
                f"{_count(len(self.collapsed), 'collapsed dimension')} ({_names(self.collapsed)}), "
                "with less than 1 % of the largest variance: train for more epochs, or choose a "
                "smaller latent_dim."
            )
        if self.duplicate:
            sentences.append(
                f"{_count(len(self.duplicate), 'duplicate pair')} of dimensions "
                f"({_pair_names(self.duplicate)}), with a correlation beyond 0.99: train with "
                "another seed, or choose a smaller latent_dim."
            )
        return sentences

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes and the warnings as plain JSON values, with None for NaN."""
        values = {name: _plain(value) for name, value in dataclasses.asdict(self).items()}
        return values | {"warnings": self.warnings()}


def latent_health(codes: NDArray[Any]) -> LatentHealth:
    """Look for dimensions of the latent space that carry nothing, little or nothing new.

    Args:
        codes: shape (N, d), N >= 1, d >= 1. Codes that are not finite are counted and left out.

    Raises:
        DataError: the array is not (N, d) or is empty.
    """
    codes = check_codes(codes)
    n_codes, latent_dim = codes.shape
    finite = codes[np.isfinite(codes).all(axis=1)].astype(np.float64)
    n_finite = len(finite)
    if n_finite == 0:
        unknown = (math.nan,) * latent_dim
        return LatentHealth(
            n_codes, n_codes, unknown, unknown, unknown, unknown, (), (), (), n_effective=0.0
        )

    mean = finite.mean(axis=0)
    centred = finite - mean
    covariance = centred.T @ centred / n_finite  # (d, d)
    variance = np.diag(covariance)
    std = np.sqrt(variance)
    low, high = data_range(finite, _COVERAGE)

    # A constant float32 code still varies by rounding, which grows with its size. From here on
    # the covariance is that of the other dimensions.
    dead = std <= _DEAD * np.abs(finite).max(axis=0)
    collapsed = ~dead & (variance < _COLLAPSED * variance.max())
    alive = np.flatnonzero(~dead)
    covariance = covariance[np.ix_(alive, alive)]
    correlation = covariance / np.outer(std[alive], std[alive])
    pairs = alive[np.argwhere(np.triu(np.abs(correlation) > _DUPLICATE, k=1))]
    judged = n_finite >= _MIN_CODES

    # The trace of a covariance is the sum of its eigenvalues, that of its square the sum of
    # their squares.
    squares = float(np.sum(covariance**2))
    return LatentHealth(
        n_codes=n_codes,
        n_not_finite=n_codes - n_finite,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        dead=tuple(np.flatnonzero(dead).tolist()) if judged else (),
        collapsed=tuple(np.flatnonzero(collapsed).tolist()) if judged else (),
        duplicate=tuple((int(i), int(j)) for i, j in pairs) if judged else (),
        n_effective=float(np.trace(covariance) ** 2 / squares) if squares > 0 else 0.0,
    )


def _per_image_mse(images: ImageStore, reconstructions: ImageStore) -> NDArray[np.float64]:
    """Return the mean squared error of each image, shape (N,)."""
    _check_pair(images, reconstructions)
    return np.concatenate(
        [
            np.mean((_float64(part) - _float64(reconstructions[rows])) ** 2, axis=(1, 2, 3))
            for rows, part in chunks(images, copies=_COPIES)
        ]
    )


def _float64(images: NDArray[Any]) -> NDArray[np.float64]:
    floats = images if np.issubdtype(images.dtype, np.floating) else as_float(images)
    return floats.astype(np.float64)


def _check_pair(images: ImageStore, reconstructions: ImageStore) -> None:
    if images.shape != reconstructions.shape or images.ndim != 4 or images.size == 0:
        raise DataError(
            f"images have shape {images.shape} and reconstructions {reconstructions.shape}; "
            "expected the same (N, H, W, C) with at least one image."
        )


def check_codes(codes: NDArray[Any]) -> NDArray[Any]:
    """Return codes as an array (N, d); raise `DataError` if they are not that, or none."""
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.size == 0:
        raise DataError(f"codes have shape {codes.shape}; expected (N, d) with at least one code.")
    return codes


def check_labelled(
    which: str, codes: NDArray[Any], labels: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return codes (N, d) as float64 and labels (N,); raise `DataError` if they are not that."""
    codes, labels = np.asarray(codes), np.asarray(labels)
    if codes.ndim != 2 or codes.size == 0 or labels.shape != (len(codes),):
        raise DataError(
            f"{which} codes have shape {codes.shape} and labels {labels.shape}; expected (N, d) "
            "and (N,) with at least one code."
        )
    return codes.astype(np.float64), labels


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _names(dimensions: Sequence[int]) -> str:
    return _listed([f"z{index + 1}" for index in dimensions])


def _pair_names(pairs: Sequence[tuple[int, int]]) -> str:
    return _listed([f"z{i + 1} and z{j + 1}" for i, j in pairs])


def _listed(names: list[str], limit: int = 8) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
