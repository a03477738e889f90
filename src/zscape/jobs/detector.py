"""A detector of anomalies in the manner of scikit-learn: it trains its own model."""

from __future__ import annotations

import math
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils.validation import check_is_fitted

from zscape.evaluation.anomaly import THRESHOLD, AnomalyScorer, promise
from zscape.latent.densities import fit_density

if TYPE_CHECKING:
    from zscape.data.images import Dataset
    from zscape.model import Autoencoder


@dataclass(kw_only=True, repr=False, eq=False)
class AnomalyDetector(OutlierMixin, BaseEstimator):
    """Find images unlike those of `fit`, as scikit-learn's outlier detectors do.

    It is an estimator of scikit-learn: `clone`, `get_params`, `set_params`, `fit_predict`,
    pipelines and pickles work as with any other. Only what it takes differs: images, not rows of
    numbers.

    Args:
        preset: the network.
        latent_dim: length of a code.
        bottleneck: the part between encoder and decoder, as in `gaussian:beta=2`.
        epochs: passes over the images; by the preset's recipe when None.
        threshold: the share of normal images that shall pass, above 0 and below 1. Where too few
            images are held out to promise it, the largest that can be is taken, with a warning.
        seed: seeds the weights, the split and the order of the images.

    Attributes:
        scorer_: what scores images, with `limit` and `false_alarm_rate`.
        threshold_: the threshold that is promised: `threshold`, or the largest that can be.
        offset_: images whose `score_samples` is lower are anomalies.
        image_shape_: (H, W, C) of the images of `fit`.
        n_features_in_: the numbers in an image, H * W * C.

    Example:
        >>> detector = AnomalyDetector(latent_dim=16).fit(normal_images)
        >>> detector.predict(new_images)  # 1 for normal, -1 for anomalies
    """

    preset: str = "fast"
    latent_dim: int = 16
    bottleneck: str = "plain"
    epochs: int | None = None
    threshold: float = THRESHOLD
    seed: int = 0

    def fit(self, images: NDArray[Any], y: object = None) -> Self:
        """Train on normal images (N, H, W, C); about a fifth is held out to set the threshold.

        Raises:
            ConfigError: a setting is outside its range.
            DataError: the images are not of that form, or too few.
        """
        from zscape.data.load import load_dataset

        # Nothing is tested, so the two held-out parts together set the threshold.
        dataset = load_dataset(images, seed=self.seed)
        held_out = np.concatenate([dataset.validation.images, dataset.test.images])
        promised = promise(self.threshold, len(held_out))
        if promised.note:  # said before the training, which can take long
            warnings.warn(promised.note, UserWarning, stacklevel=2)
        model = self._trained(dataset)
        density = fit_density("gmm", model.encode(dataset.train.images))
        self.scorer_ = AnomalyScorer(model, density, held_out, threshold=self.threshold)
        self.threshold_ = promised.threshold
        self.offset_ = -self.scorer_.limit
        self.image_shape_ = dataset.train.image_shape
        self.n_features_in_ = math.prod(self.image_shape_)
        return self

    def score_samples(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Return how normal images (N, H, W, C) are, (N,): minus the combined score.

        Raises:
            DataError: the images do not have the shape of those of `fit`.
            sklearn.exceptions.NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        images = np.asarray(images)
        if images.ndim == 3 and self.image_shape_[-1] == 1:
            images = images[..., None]  # as `fit` takes them
        return -self.scorer_.score(images).combined

    def decision_function(self, images: NDArray[Any]) -> NDArray[np.float64]:
        """Return `score_samples` less `offset_`: below 0 for anomalies; raise as it does."""
        return self.score_samples(images) - self.offset_

    def predict(self, images: NDArray[Any]) -> NDArray[np.int64]:
        """Return 1 for normal images and -1 for anomalies, (N,); raise as `score_samples`."""
        return np.where(self.decision_function(images) < 0, -1, 1)

    def _trained(self, dataset: Dataset) -> Autoencoder:
        """Return a model trained on a data set, in its best epoch."""
        from zscape.data.white import white_of_model
        from zscape.jobs.plan import plan_training
        from zscape.model import build_autoencoder
        from zscape.model_file import load_model
        from zscape.training.fit import fit_autoencoder

        asked = self.get_params()
        del asked["threshold"]
        plan = plan_training({name: value for name, value in asked.items() if value is not None})
        config = plan.training_for(len(dataset.train))
        model = build_autoencoder(
            dataset.train.image_shape,
            plan.network,
            plan.bottleneck,
            seed=config.seed,
            precision=config.precision,
            white=white_of_model(dataset.train.white),
        )
        with tempfile.TemporaryDirectory() as folder:
            fit_autoencoder(model, dataset, config, Path(folder))
            return load_model(Path(folder) / "model.keras")
