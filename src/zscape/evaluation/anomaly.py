"""Which images are not like those a model was trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zscape.data.images import ImageStore, as_float, as_store, chunks, on_disk
from zscape.errors import ConfigError, DataError
from zscape.latent.densities import Density

if TYPE_CHECKING:
    from zscape.model import Autoencoder

THRESHOLD = 0.99
_SMALLEST = 1e-12
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


class AnomalyScorer:
    """Scores of images by a trained model, measured against held-out normal ones.

    Args:
        model: trained on normal images.
        density: fitted to the codes of its training images.
        held_out: normal images (N, H, W, C) that neither has seen.
        threshold: the share of normal images that shall pass, above 0 and below 1.

    Attributes:
        limit: images with a higher combined score are called anomalies. The k-th smallest of the
            held-out scores, with k = threshold (N + 1) rounded up.
        false_alarm_rate: the share of new normal images that is expected above it,
            1 - k / (N + 1), if they are drawn like the held-out ones: for any N (Vovk, Gammerman
            and Shafer, Algorithmic Learning in a Random World, 2005).
    """

    def __init__(
        self,
        model: Autoencoder,
        density: Density,
        held_out: ImageStore,
        *,
        threshold: float = THRESHOLD,
    ) -> None:
        rank = held_out_rank(threshold, len(held_out))
        self.model = model
        self._density = density
        error, surprise = self._parts(held_out)
        self._scales = [(x.mean(), max(float(x.std()), 1e-9)) for x in (_logs(error), surprise)]
        self.limit = float(np.sort(self._combined(error, surprise))[rank - 1])
        self.false_alarm_rate = 1 - rank / (len(held_out) + 1)

    def score(self, images: ImageStore) -> Scores:
        """Return the scores of images (N, H, W, C), a part of them in memory at a time."""
        error, surprise = self._parts(images)
        return Scores(error, surprise, self._combined(error, surprise))

    def _parts(self, images: ImageStore) -> tuple[np.ndarray, np.ndarray]:
        """Return the relative errors and the densities of `Scores`, each (N,)."""
        images = as_store(images)  # the model checks each part
        if not images.size:
            raise DataError(f"images have shape {images.shape}; expected at least one to score.")
        errors, surprises = [], []
        is_scaled = on_disk(images) is not None
        for _, part in chunks(images):
            part = as_float(part) if is_scaled else part
            codes = self.model.encode(part)
            inputs = as_float(part, self.model.white)
            outputs = self.model.decode(codes)
            errors.append(_relative_errors(inputs, outputs))
            coded = self.model.code_indices(codes) if self._density.of_indices else codes
            surprises.append(-self._density.log_prob(coded))
        return np.concatenate(errors), np.concatenate(surprises)

    def _combined(self, error: np.ndarray, surprise: np.ndarray) -> np.ndarray:
        (log_mean, log_std), (mean, std) = self._scales
        odd = (_logs(error) - log_mean) / log_std + (surprise - mean) / std
        return np.asarray(odd / 2)


def held_out_rank(threshold: float, n: int) -> int:
    """Return which of `n` held-out scores, in increasing order from 1, is the limit."""
    if not 0 < threshold < 1:
        raise ConfigError(f"threshold is {threshold}; expected a share above 0 and below 1.")
    rank = math.ceil(round(threshold * (n + 1), 9))
    if rank > n:
        raise ConfigError(
            f"threshold is {threshold:g}, for which {math.ceil(1 / (1 - threshold)) - 1:,} "
            f"held-out images are needed, and there are {n:,}; choose a lower one, or train "
            "on more images."
        )
    return rank


def _relative_errors(images: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    squares = np.square(reconstructions - images).mean(axis=(1, 2, 3), dtype=np.float64)
    medians = np.median(images, axis=(1, 2), keepdims=True)  # of each channel
    contrasts = np.abs(images - medians).mean(axis=(1, 2, 3), dtype=np.float64)
    errors: np.ndarray = np.sqrt(squares) / (contrasts + _LEAST_CONTRAST)
    return errors


def _logs(errors: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(errors, _SMALLEST)))
