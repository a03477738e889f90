"""Bottlenecks: what happens to the code between encoder and decoder."""

from __future__ import annotations

from typing import Any

import keras

from zscape.config import BottleneckConfig


@keras.saving.register_keras_serializable("zscape")
class PlainBottleneck(keras.layers.Layer):
    """The features are the code: an ordinary autoencoder, with no prior and no penalty.

    Input shape:
        features (N, d).

    Output shape:
        codes z (N, d).

    References:
        Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks,
        Science 313, 2006.
    """

    def call(self, inputs: Any) -> Any:
        """Return the features (N, d) as they are."""
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the features."""
        return input_shape


def build_bottleneck(config: BottleneckConfig) -> keras.layers.Layer:
    """Build the bottleneck that `config` names."""
    classes = {"plain": PlainBottleneck}
    # Codes stay float32, whatever the global policy is: bfloat16 would keep three digits only.
    return classes[config.name](name="bottleneck", dtype="float32")
