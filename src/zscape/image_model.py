"""What every Keras way into a model of images has in common: one scale and one check of values."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
from keras import ops

from zscape.data.checks import check_values
from zscape.data.images import (
    ImageStore,
    StoredImages,
    as_float,
    as_store,
    on_disk,
    whole_white,
)
from zscape.errors import ConfigError
from zscape.hardware import default_shards
from zscape.nn.networks import check_shape

PREDICT_BATCH_SIZE = 128


class ImageModel(keras.Model):
    """A Keras model of images (N, H, W, C) that takes whole numbers, and refuses odd values.

    Whole numbers are scaled within the network, also those of generators and of `tf.data`. Arrays
    are checked before anything is computed.

    Args:
        white: the value that is white in whole numbers; the largest of their type when None.
        **kwargs: what every Keras model takes.
    """

    def __init__(self, *, white: float | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if white is not None and not 0 < white < math.inf:
            raise ConfigError(f"white is {white}; expected a number above 0.")
        self.white = white

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        raise NotImplementedError

    def check_images(self, images: ImageStore) -> ImageStore:
        """Return images as an array or a store; DataError if the model does not take them."""
        store = as_store(images)
        check_shape("images", store, self.image_shape)
        if on_disk(store) is None:
            check_values(store, white=self.white)
        return store

    def white_in(self, images: ImageStore) -> float | None:
        """Return what is white in images; those on disk were scaled when they were decoded."""
        return self.white if on_disk(images) is None else None

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what `call` does; an array is checked."""
        if isinstance(images, np.ndarray):
            self.check_images(images)
        return super().__call__(images, *args, **kwargs)

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train as every Keras model does; arrays are checked."""
        held_out = kwargs.get("validation_data")
        self._check(x, y, *(held_out[:2] if isinstance(held_out, tuple | list) else ()))
        return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Evaluate as every Keras model does; arrays are checked."""
        if not kwargs.get("_use_cached_eval_dataset"):  # `fit` has checked these
            self._check(x, y)
        return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Predict as every Keras model does; arrays are checked."""
        self._check(x)
        return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train on one batch as every Keras model does; arrays are checked."""
        self._check(x, y)
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Evaluate one batch as every Keras model does; arrays are checked."""
        self._check(x, y)
        return super().test_on_batch(x, y, *args, **kwargs)

    def predict_on_batch(self, x: Any) -> Any:
        """Predict one batch as every Keras model does; arrays are checked."""
        self._check(x)
        return super().predict_on_batch(x)

    def compute_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of `compile` for targets `y` of any accepted type."""
        return super().compute_loss(x, self._scaled(y), y_pred, sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the metrics of `compile` for targets `y` of any accepted type."""
        return super().compute_metrics(x, self._scaled(y), y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments that are not parts of the network."""
        return {**super().get_config(), "white": self.white}

    def _scaled(self, images: Any) -> Any:
        """Return a batch as floats in [0, 1]; None stays None."""
        return None if images is None else scaled(images, self.white)

    def _check(self, *given: Any) -> None:
        """Check those that are arrays of images; generators and data sets are not looked at."""
        for images in {id(images): images for images in given}.values():  # x may be y
            if isinstance(images, np.ndarray | StoredImages):
                self.check_images(images)
            elif ops.is_tensor(images):
                self.check_images(ops.convert_to_numpy(images))


def mapped(
    step: Callable[[Any], Any],
    inputs: ImageStore,
    shape: tuple[int, ...],
    white: float | None = None,
) -> np.ndarray:
    """Send inputs (N, ...) through `step` in batches, several at a time, to outputs (N, *shape)."""
    outputs = np.empty((len(inputs), *shape), np.float32)

    def fill(start: int) -> None:
        batch = slice(start, start + PREDICT_BATCH_SIZE)
        results = step(ops.convert_to_tensor(as_float(inputs[batch], white)))
        outputs[batch] = ops.convert_to_numpy(results)

    with ThreadPoolExecutor(default_shards()) as pool:
        list(pool.map(fill, range(0, len(inputs), PREDICT_BATCH_SIZE)))  # raises what they did
    return outputs


def scaled(images: Any, white: float | None) -> Any:
    """Return a batch as floats, whole numbers scaled as `zscape.data.images.as_float` does."""
    dtype = keras.backend.standardize_dtype(images.dtype)
    if "int" not in dtype:
        return ops.cast(images, "float32") if dtype == "bool" else images
    return ops.cast(images, "float32") / whole_white(np.dtype(dtype), white)
