"""Which images are not like those a model was trained on."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from zscape.data.images import ImageStore, as_float, as_store, chunks
from zscape.errors import ConfigError, DataError
from zscape.latent.densities import Density, fit_density
from zscape.settings import NetworkConfig, TrainConfig

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

    error: NDArray[np.float64]
    density: NDArray[np.float64]
    combined: NDArray[np.float64]


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
            1 - k / (N + 1), if they are drawn like the held-out ones.

    Raises:
        ConfigError: the threshold is not a share, or too high for so few held-out images.

    References:
        Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005 (why this rate
        holds for any number of held-out images).
    """

    def __init__(
        self,
        model: Autoencoder,
        density: Density,
        held_out: ImageStore,
        *,
        threshold: float = THRESHOLD,
    ) -> None:
        if not 0 < threshold < 1:
            raise ConfigError(f"threshold is {threshold}; expected a share above 0 and below 1.")
        n = len(held_out)
        rank = math.ceil(round(threshold * (n + 1), 9))
        if rank > n:
            raise ConfigError(
                f"threshold is {threshold:g}, for which {math.ceil(1 / (1 - threshold)) - 1:,} "
                f"held-out images are needed, and there are {n:,}; choose a lower one, or train "
                "on more images."
            )
        self.model = model
        self._density = density
        error, surprise = self._parts(held_out)
        logs = np.log(np.maximum(error, _SMALLEST))
        self._scales = [(x.mean(), max(float(x.std()), 1e-9)) for x in (logs, surprise)]
        self.limit = float(np.sort(self._combined(error, surprise))[rank - 1])
        self.false_alarm_rate = 1 - rank / (n + 1)

    def score(self, images: ImageStore) -> Scores:
        """Return the scores of images (N, H, W, C), a part of them in memory at a time.

        Raises:
            DataError: the images do not have the shape the model was made for.
        """
        error, surprise = self._parts(images)
        return Scores(error, surprise, self._combined(error, surprise))

    def _parts(self, images: ImageStore) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        images = as_store(images)  # the model checks each part
        if not images.size:
            raise DataError(f"images have shape {images.shape}; expected at least one to score.")
        errors, surprises = [], []
        for _, part in chunks(images):
            inputs = as_float(part)
            codes = self.model.encode(inputs)
            outputs = self.model.decode(codes)
            errors.append(_relative_errors(inputs, outputs))
            surprises.append(-self._density.log_prob(codes))
        return np.concatenate(errors), np.concatenate(surprises)

    def _combined(
        self, error: NDArray[np.float64], surprise: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        logs = np.log(np.maximum(error, _SMALLEST))
        (log_mean, log_std), (mean, std) = self._scales
        combined: NDArray[np.float64] = (logs - log_mean) / log_std + (surprise - mean) / std
        return combined / 2


def _relative_errors(
    images: NDArray[np.float32], reconstructions: NDArray[np.float32]
) -> NDArray[np.float64]:
    squares = np.square(reconstructions - images).mean(axis=(1, 2, 3), dtype=np.float64)
    medians = np.median(images, axis=(1, 2), keepdims=True)  # of each channel
    contrasts = np.abs(images - medians).mean(axis=(1, 2, 3), dtype=np.float64)
    errors: NDArray[np.float64] = np.sqrt(squares) / (contrasts + _LEAST_CONTRAST)
    return errors


class AnomalyDetector:
    """Find images unlike those of `fit`, in the manner of scikit-learn's outlier detectors.

    Args:
        preset: the network.
        latent_dim: length of a code.
        epochs: passes over the images; by the preset's recipe when None.
        threshold: the share of normal images that shall pass.
        seed: seeds the weights, the split and the order of the images.

    Attributes:
        scorer_: what scores images, with `limit` and `false_alarm_rate`.
        offset_: images whose `score_samples` is lower are anomalies.

    Example:
        >>> detector = AnomalyDetector(latent_dim=16).fit(normal_images)
        >>> detector.predict(new_images)  # 1 for normal, -1 for anomalies
    """

    def __init__(
        self,
        *,
        preset: str = "fast",
        latent_dim: int = 16,
        epochs: int | None = None,
        threshold: float = THRESHOLD,
        seed: int = 0,
    ) -> None:
        self.preset = preset
        self.latent_dim = latent_dim
        self.epochs = epochs
        self.threshold = threshold
        self.seed = seed

    def fit(self, images: NDArray[Any], y: object = None) -> Self:
        """Train on normal images (N, H, W, C); about a fifth is held out to set the threshold.

        Args:
            images: of any type that `as_float` takes.
            y: not used.

        Raises:
            ConfigError: a setting is outside its range, or there are too few images for the
                threshold.
            DataError: the images are not of that form, or too few.
        """
        from zscape.data.load import load_dataset
        from zscape.model import build_autoencoder
        from zscape.model_file import load_model
        from zscape.nn.presets import PRESETS
        from zscape.training.fit import fit_autoencoder

        network = NetworkConfig(preset=self.preset, latent_dim=self.latent_dim)
        # Nothing is tested, so the two held-out parts together set the threshold.
        dataset = load_dataset(images, seed=self.seed)
        recipe = PRESETS[self.preset].recipe
        config = TrainConfig(
            epochs=recipe.n_epochs(len(dataset.train)) if self.epochs is None else self.epochs,
            optimizer=recipe.optimizer,
            learning_rate=recipe.learning_rate,
            precision=recipe.precision,
            seed=self.seed,
        )
        model = build_autoencoder(
            dataset.train.image_shape, network, seed=self.seed, precision=config.precision
        )
        with tempfile.TemporaryDirectory() as folder:
            fit_autoencoder(model, dataset, config, Path(folder))
            best = load_model(Path(folder) / "model.keras")
        density = fit_density("gmm", best.encode(dataset.train.images))
        held_out = np.concatenate([dataset.validation.images, dataset.test.images])
        self.scorer_ = AnomalyScorer(best, density, held_out, threshold=self.threshold)
        self.offset_ = -self.scorer_.limit
        return self

    def score_samples(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Return how normal images (N, H, W, C) are, (N,): minus the combined score."""
        return -self.scorer_.score(images).combined

    def decision_function(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Return `score_samples` less `offset_`: below 0 for anomalies."""
        return self.score_samples(images) - self.offset_

    def predict(self, images: NDArray[Any]) -> NDArray[np.int64]:
        """Return 1 for normal images and -1 for anomalies, (N,)."""
        return np.where(self.decision_function(images) < 0, -1, 1)
