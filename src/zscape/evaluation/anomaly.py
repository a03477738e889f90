"""Which images are not like those a model was trained on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zscape.data.images import ImageStore, as_float, as_store, chunks, on_disk
from zscape.errors import ConfigError, DataError
from zscape.latent.densities import Density

if TYPE_CHECKING:
    from zscape.model import Autoencoder

THRESHOLD = 0.99
_MOST = 1024  # images that are measured at a time
_COPIES = 8  # of them, as floats, in several places
_SMALLEST = 1e-12
_RARE = 1e-3
_LEAST_CONTRAST = 0.01  # added, so that an image of one colour has an error too


@dataclass(frozen=True)
class Scores:
    """How odd images are; more is odder.

    Attributes:
        error: root mean squared error of the reconstruction in units of the image's contrast,
            which is the mean absolute deviation from its own median, (N,). Without the contrast,
            an anomaly of few strokes would pass for more normal than a normal image of many.
        density: minus the log density of the code among those of normal images, in nats, (N,).
        combined: the mean of log error and density, each in standard deviations from its mean
            over held-out normal images, (N,).
    """

    error: np.ndarray
    density: np.ndarray
    combined: np.ndarray


@dataclass(frozen=True)
class Promise:
    """What held-out images can promise of a threshold.

    Attributes:
        threshold: the share of normal images that shall pass: as asked for, or the largest that
            can be promised.
        rank: which held-out score, in increasing order from 1, is the limit.
        n_held_out: how many held-out images there are.
        note: why the threshold is not the one asked for, a sentence, or nothing.
    """

    threshold: float
    rank: int
    n_held_out: int
    note: str = ""

    @property
    def false_alarm_rate(self) -> float:
        """The share of new normal images that is expected above the limit, 1 - rank / (N + 1).

        It holds for any N, if they are drawn like the held-out ones (Vovk, Gammerman and Shafer,
        Algorithmic Learning in a Random World, 2005).
        """
        return 1 - self.rank / (self.n_held_out + 1)

    def is_broken_by(self, n_false_alarms: int, n_normal: int) -> bool:
        """Tell whether so many of the new normal images should be above the limit once in 1,000.

        How many there are has a beta-binomial distribution, if the promise holds.
        """
        from scipy.stats import betabinom

        odds = self.n_held_out + 1 - self.rank, self.rank
        return bool(betabinom.sf(n_false_alarms - 1, n_normal, *odds) < _RARE)


def promise(threshold: float, n_held_out: int) -> Promise:
    """Return what held-out images can promise of a threshold, or of the largest they can.

    Raises:
        ConfigError: the threshold is not above 0 and below 1.
    """
    if not 0 < threshold < 1:
        raise ConfigError(f"threshold is {threshold}; expected a share above 0 and below 1.")
    rank = math.ceil(round(threshold * (n_held_out + 1), 9))
    if rank <= n_held_out:
        return Promise(threshold, rank, n_held_out)
    best = n_held_out / (n_held_out + 1)
    n_needed = math.ceil(round(1 / (1 - threshold), 9)) - 1
    note = (
        f"A threshold of {threshold:g} cannot be promised with {n_held_out:,} held-out images: it "
        f"takes {n_needed:,}. The best that can be is used, {math.floor(1e4 * best) / 1e4:g}: "
        f"{100 * (1 - best):.2f} % of normal images are expected to be called anomalies. "
        "For a higher one, train on more images."
    )
    return Promise(best, n_held_out, n_held_out, note)


class AnomalyScorer:
    """Scores of images by a trained model, measured against held-out normal ones.

    Args:
        model: trained on normal images.
        density: fitted to the codes of its training images.
        held_out: normal images (N, H, W, C) that neither has seen.
        threshold: the share of normal images that shall pass, above 0 and below 1; where N images
            cannot promise it, the largest share that they can.

    Attributes:
        promise: which threshold that is, and what it promises.
        limit: images with a higher combined score are called anomalies. The k-th smallest of the
            held-out scores, where k is the rank of the promise.
        false_alarm_rate: that of the promise.
    """

    def __init__(
        self,
        model: Autoencoder,
        density: Density,
        held_out: ImageStore,
        *,
        threshold: float = THRESHOLD,
    ) -> None:
        self.promise = promise(threshold, len(held_out))
        self.model = model
        self._density = density
        error, surprise = _joined(map(self._measured, parts_of(held_out)))
        self._scales = [(x.mean(), max(float(x.std()), 1e-9)) for x in (_logs(error), surprise)]
        self.limit = float(np.sort(self._combined(error, surprise))[self.promise.rank - 1])
        self.false_alarm_rate = self.promise.false_alarm_rate

    def score(self, images: ImageStore) -> Scores:
        """Return the scores of images (N, H, W, C), a part of them in memory at a time."""
        return self.scores_of(map(self._measured, parts_of(images)))

    def scores_of(self, measured: Iterable[tuple[np.ndarray, np.ndarray]]) -> Scores:
        """Return the scores of images of which the parts are measured already, see `measure`."""
        error, surprise = _joined(measured)
        return Scores(error, surprise, self._combined(error, surprise))

    def _measured(self, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return measure(self.model, self._density, part)

    def _combined(self, error: np.ndarray, surprise: np.ndarray) -> np.ndarray:
        (log_mean, log_std), (mean, std) = self._scales
        odd = (_logs(error) - log_mean) / log_std + (surprise - mean) / std
        return np.asarray(odd / 2)


def parts_of(images: ImageStore) -> Iterator[np.ndarray]:
    """Yield images (N, H, W, C) a part at a time, as arrays for `measure`.

    How they are parted decides the last digits of what is computed, so it is always the same.
    """
    images = as_store(images)
    if not images.size:
        raise DataError(f"images have shape {images.shape}; expected at least one to score.")
    is_scaled = on_disk(images) is not None
    for _, part in chunks(images, copies=_COPIES, most=_MOST):
        yield as_float(part) if is_scaled else part


def measure(
    model: Autoencoder, density: Density, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `error` and the `density` of `Scores` for images (N, H, W, C), each (N,)."""
    codes = model.encode(images)  # it checks the images
    outputs = model.decode(codes)
    error = _relative_errors(as_float(images, model.white), outputs)
    coded = model.code_indices(codes) if density.of_indices else codes
    return error, -density.log_prob(coded)


def _joined(measured: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    errors, surprises = zip(*measured, strict=True)
    return np.concatenate(errors), np.concatenate(surprises)


def _relative_errors(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    squares = np.square(reconstructions - images).mean(axis=(1, 2, 3), dtype=np.float64)
    medians = np.median(images, axis=(1, 2), keepdims=True)  # of each channel
    contrasts = np.abs(images - medians).mean(axis=(1, 2, 3), dtype=np.float64)
    errors: np.ndarray = np.sqrt(squares) / (contrasts + _LEAST_CONTRAST)
    return errors


def _logs(errors: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(errors, _SMALLEST)))
