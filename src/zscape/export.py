"""A trained model in ONNX, the format that programs without Keras read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zscape.errors import ConfigError, require
from zscape.model import Autoencoder

# Old enough for every runtime in use, new enough for all that the networks are made of.
OPSET = 17


@dataclass(frozen=True)
class OnnxModels:
    """Encoder and decoder as ONNX files; the first axis of every array is of any length.

    Attributes:
        encoder: images (N, H, W, C), float32 in [0, 1], to codes (N, d).
        decoder: codes (N, d), float32, to images (N, H, W, C) in [0, 1].
    """

    encoder: bytes
    decoder: bytes


def export_onnx(model: Autoencoder) -> OnnxModels:
    """Export a model; its arithmetic is float32, whatever it was trained in.

    The encoder gives the deterministic codes of `Autoencoder.encode`. The decoder first takes a
    code to the nearest one that an image can have, as `zscape generate` does. TensorFlow only.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"Keras runs on {keras.backend.backend()}; ONNX files are made on TensorFlow only: "
            "set KERAS_BACKEND=tensorflow."
        )
    encoder, decoder = _in_float32(model.encoder), _in_float32(model.decoder)

    def encode(images: Any) -> Any:
        return model.bottleneck.encode(encoder(images, training=False))

    def decode(codes: Any) -> Any:
        return decoder(model.bottleneck.project(codes), training=False)

    return OnnxModels(
        encoder=_converted(encode, "images", encoder.input_shape[1:]),
        decoder=_converted(decode, "codes", decoder.input_shape[1:]),
    )


def _in_float32(part: Any) -> Any:
    """Return encoder or decoder with the same weights and float32 layers."""
    import keras

    if all(layer.compute_dtype == "float32" for layer in part.layers):
        return part

    def cloned(layer: Any) -> Any:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(part, clone_function=cloned)
    copy.set_weights(part.get_weights())
    return copy


def _converted(step: Callable[[Any], Any], name: str, shape: tuple[int, ...]) -> bytes:
    """Return an ONNX file of a function of one array (N, *shape), called `name`."""
    require("tf2onnx", extra="explore")
    import tensorflow as tf
    import tf2onnx

    signature = [tf.TensorSpec((None, *shape), np.float32, name=name)]
    made, _ = tf2onnx.convert.from_function(
        tf.function(step, input_signature=signature), signature, opset=OPSET
    )
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    content: bytes = made.SerializeToString()
    return content
