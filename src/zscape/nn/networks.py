"""Encoder and decoder: those of the user checked, and either run in shards or compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from zscape.errors import ConfigError, DataError
from zscape.nn.allowed import trust_layers
from zscape.nn.bottlenecks import Bottleneck


def is_network(model: Any) -> bool:
    """Tell whether this is a built Keras model with one input and one output."""
    return (
        isinstance(model, keras.Model)
        and model.built
        and len(getattr(model, "inputs", None) or ()) == 1
        and len(getattr(model, "outputs", None) or ()) == 1
    )


def check_networks(
    encoder: Any, decoder: Any, bottleneck: Bottleneck, image_shape: tuple[int, int, int]
) -> None:
    """Refuse two networks that do not fit the images, the bottleneck and each other.

    Features are (N, f), or (N, h, w, f) where codes are spatial, with f = n_features_per_code * d.
    """
    for what, network in (("encoder", encoder), ("decoder", decoder)):
        if not is_network(network):
            raise ConfigError(
                f"the {what} is {type(network).__name__}; expected a built Keras model with one "
                "input and one output: a Sequential that starts with keras.Input, or a functional "
                "model."
            )
    code_shape, kind = tuple(decoder.input_shape[1:]), type(bottleneck).__name__
    wanted = "(N, h, w, d)" if bottleneck.spatial else "(N, d)"
    if len(code_shape) != (3 if bottleneck.spatial else 1) or None in code_shape:
        raise ConfigError(
            f"the decoder takes {shape_text(code_shape)}; expected codes {wanted} of {kind}."
        )
    features = (*code_shape[:-1], bottleneck.n_features_per_code * code_shape[-1])
    for what, found, expected in (
        ("encoder takes images", encoder.input_shape, image_shape),
        ("decoder gives images", decoder.output_shape, image_shape),
        ("encoder gives features", encoder.output_shape, features),
    ):
        if found[1:] != expected:
            raise ConfigError(
                f"the {what} {shape_text(found[1:])}; expected {shape_text(expected)} for these "
                f"images, this decoder and {kind}."
            )


def check_shape(what: str, array: Any, expected: tuple[int, ...]) -> None:
    """Refuse an array that is not (N, *expected), with N of 1 or more."""
    if np.shape(array)[1:] != expected:
        raise DataError(
            f"the {what} have shape {np.shape(array)}; this model takes {shape_text(expected)}: "
            f"give it {what} of that shape, or train a model on yours."
        )
    if len(array) == 0:
        raise DataError(f"there are no {what}; give at least one.")


def checked_codes(codes: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return codes (N, *shape) as float32; DataError unless they are finite and of that shape."""
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            codes = np.asarray(codes, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            "the codes are not numbers in rows of one length; this model takes "
            f"{shape_text(shape)}."
        ) from error
    check_shape("codes", codes, shape)
    if n_bad := int((~np.isfinite(codes)).sum()):
        raise DataError(
            f"the codes hold {n_bad:,} values that are NaN, infinite or too large; "
            "replace them first."
        )
    return np.asarray(codes)


def in_shards(part: keras.Model, inputs: Any, training: bool | None, n_shards: int) -> Any:
    """Send inputs (N, ...) through a network in shards, on which cores work side by side."""
    if n_shards == 1:
        return part(inputs, training=training)
    # Shards of one size; the last input fills up what is missing, and is cut off again.
    n_inputs = ops.shape(inputs)[0]
    n_padded = -(-n_inputs // n_shards) * n_shards
    padded = ops.take(inputs, ops.minimum(ops.arange(n_padded), n_inputs - 1), axis=0)
    outputs = [part(shard, training=training) for shard in ops.split(padded, n_shards)]
    return ops.concatenate(outputs)[:n_inputs]


def compiled(*parts: Any) -> Callable[[Any], Any]:
    """Return what sends a batch of any length through networks, and functions between them."""
    on_tensorflow = keras.backend.backend() == "tensorflow"

    def step(values: Any) -> Any:
        for part in parts:
            if not isinstance(part, keras.Model):
                values = part(values)
            elif on_tensorflow:
                values = part(values, training=False)
            else:
                values = part.predict_on_batch(values)  # compiles by itself
        return values

    if not on_tensorflow:
        return step
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *parts[0].input_shape[1:]))]
    return tf.function(step, input_signature=signature).get_concrete_function()


def trust_parts(**parts: keras.layers.Layer) -> None:
    """Trust the classes of the layers in this process, so that the model's file opens again."""
    for what, part in parts.items():
        try:
            refused = trust_layers(part)
        except (NotImplementedError, TypeError, ValueError) as error:
            raise ConfigError(
                f"the {what} cannot be saved ({str(error).strip().partition(chr(10))[0]}); "
                "give every layer of yours a get_config."
            ) from error
        if refused:
            raise ConfigError(
                f"the {what} has {refused}, which a model file may not hold, for it may run code; "
                "write a subclass of keras.layers.Layer instead."
            )


def shape_text(shape: Iterable[int | None]) -> str:
    """Return the shape of many arrays as text, from that of one: `(N, 28, 28, 1)`."""
    return f"(N, {', '.join(map(str, shape))})"
