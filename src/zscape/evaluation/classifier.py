"""The embedded classifier of MNIST's digits: what "classifier FD" and the class shares rest on.

`scripts/train_mnist_classifier.py` makes it: a file of weights and one that says how good it is.
"""

from __future__ import annotations

import hashlib
import io
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.errors import ModelError

if TYPE_CHECKING:
    import keras

IMAGE_SHAPE = (28, 28, 1)
N_CLASSES = 10
N_FEATURES = 128
WEIGHTS_NAME = "mnist_classifier.npz"
RECORD_NAME = "mnist_classifier.json"
ARCHITECTURE = (
    "three times [3x3 convolution to 32, 64, 64 channels, batch normalisation, ReLU, 2x2 maximum], "
    "dense to 128, ReLU (the features), dense to 10, softmax"
)


def build_classifier() -> keras.Model:
    """Build the untrained network, from images (N, 28, 28, 1) in [0, 1].

    Its outputs are a dictionary of `features` (N, 128) and `probabilities` (N, 10), float32.
    """
    import keras

    x = images = keras.Input(IMAGE_SHAPE, name="images")
    for channels in (32, 64, 64):  # to (14, 14, 32), (7, 7, 64), (3, 3, 64)
        x = keras.layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)  # (N, 576)
    features = keras.layers.Dense(N_FEATURES, activation="relu", name="features")(x)
    x = keras.layers.Dropout(0.3)(features)
    probabilities = keras.layers.Dense(N_CLASSES, activation="softmax", name="probabilities")(x)
    return keras.Model(
        images, {"features": features, "probabilities": probabilities}, name="mnist_classifier"
    )


@cache
def classifier_record() -> dict[str, Any]:
    """Return how the embedded classifier was made: architecture, seed, accuracies, SHA-256."""
    record: dict[str, Any] = json.loads(_read(RECORD_NAME))
    return record


@cache
def mnist_classifier() -> keras.Model:
    """Return the embedded classifier, after its weights were compared with their SHA-256."""
    content = _read(WEIGHTS_NAME)
    if hashlib.sha256(content).hexdigest() != classifier_record()["sha256"]:
        raise ModelError(
            f"{WEIGHTS_NAME} of zscape is damaged: its SHA-256 is not the recorded one; install "
            "zscape again."
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        weights = [stored[name].astype(np.float32) for name in stored.files]
    model = build_classifier()
    model.set_weights(weights)
    model.trainable = False
    return model


def packed_weights(model: keras.Model) -> bytes:
    """Return the content of a weights file: half-precision arrays in the order of the network."""
    content = io.BytesIO()
    arrays = {f"{i:02d}": weight.astype(np.float16) for i, weight in enumerate(model.get_weights())}
    np.savez(content, allow_pickle=False, **arrays)
    return content.getvalue()


def _read(name: str) -> bytes:
    try:
        return Path(__file__).with_name(name).read_bytes()
    except OSError as error:
        raise ModelError(f"{name} of zscape is missing; install zscape again.") from error
