"""Encoder and decoder that the user built, checked before they become an autoencoder."""

from __future__ import annotations

from typing import Any

import keras

from zscape.errors import ConfigError
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

    Args:
        encoder: from images (N, H, W, C) to features (N, f), or (N, h, w, f) where codes are
            spatial, with f = n_features_per_code * d.
        decoder: from codes (N, d), or (N, h, w, d), to images (N, H, W, C).
        bottleneck: the part between them.
        image_shape: (H, W, C).

    Raises:
        ConfigError: they do not fit.
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
            f"the decoder takes {_text(code_shape)}; expected codes {wanted} of {kind}."
        )
    features = (*code_shape[:-1], bottleneck.n_features_per_code * code_shape[-1])
    for what, found, expected in (
        ("encoder takes images", encoder.input_shape, image_shape),
        ("decoder gives images", decoder.output_shape, image_shape),
        ("encoder gives features", encoder.output_shape, features),
    ):
        if found[1:] != expected:
            raise ConfigError(
                f"the {what} {_text(found[1:])}; expected {_text(expected)} for these images, this "
                f"decoder and {kind}."
            )


def trust_parts(**parts: keras.layers.Layer) -> None:
    """Trust the classes of the layers in this process, so that the model's file opens again.

    Raises:
        ConfigError: a part cannot be saved, or has what a model file may not hold.
    """
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


def _text(shape: tuple[int | None, ...]) -> str:
    return f"(N, {', '.join(map(str, shape))})"
