from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness import check_component, numpy_of, random_images
from zscape.errors import ConfigError
from zscape.hardware import check_precision, has_bfloat16
from zscape.nn.layers import (
    NarrowConv2D,
    SubpixelConv2DTranspose,
    UpsampleConv2D,
    seeded_initializers,
)


def _plain_and_fused(
    channels: int, filters: int, dtype: str = "float32"
) -> tuple[keras.Sequential, UpsampleConv2D]:
    plain = keras.Sequential(
        [
            keras.layers.UpSampling2D(2, interpolation="nearest", dtype=dtype),
            keras.layers.Conv2D(filters, 3, padding="same", activation="tanh", dtype=dtype),
        ]
    )
    fused = UpsampleConv2D(filters, activation="tanh", dtype=dtype)
    plain.build((None, None, None, channels))
    fused.build((None, None, None, channels))
    return plain, fused


def _random_weights(channels: int, filters: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.3, (3, 3, channels, filters)).astype(np.float32)
    return [kernel, rng.normal(0, 1, filters).astype(np.float32)]


def _value_and_gradients(layer: Any, inputs: np.ndarray) -> list[np.ndarray]:
    """Return the output, and the gradients by input, kernel and bias of a weighted sum of it."""
    images = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = tf.cast(layer(images), tf.float32)
        pull = random_images(tuple(outputs.shape), seed=99) / outputs.shape[1]
        total = tf.reduce_sum(outputs * pull)
    sources = [images, *(weight.value for weight in layer.trainable_weights)]
    return [numpy_of(outputs), *map(numpy_of, tape.gradient(total, sources))]


@settings(max_examples=25)
@given(
    st.tuples(*(st.integers(1, top) for top in (3, 7, 7, 5))), st.integers(1, 6), st.integers(0, 99)
)
def test_upsample_conv_equals_upsampling_then_convolution(
    shape: tuple[int, int, int, int], filters: int, seed: int
) -> None:
    plain, fused = _plain_and_fused(shape[-1], filters)
    plain.set_weights(_random_weights(shape[-1], filters, seed))
    fused.set_weights(plain.get_weights())

    expected = _value_and_gradients(plain, random_images(shape, seed))
    received = _value_and_gradients(fused, random_images(shape, seed))

    for one, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@settings(max_examples=25)
@given(
    st.tuples(*(st.integers(1, top) for top in (3, 7, 7, 5))), st.integers(1, 4), st.integers(0, 99)
)
def test_narrow_conv_equals_the_convolution(
    shape: tuple[int, int, int, int], filters: int, seed: int
) -> None:
    plain = keras.layers.Conv2D(filters, 3, padding="same", activation="tanh")
    narrow = NarrowConv2D(filters, activation="tanh")
    for layer in (plain, narrow):
        layer.build((None, None, None, shape[-1]))
        layer.set_weights(_random_weights(shape[-1], filters, seed))

    expected = _value_and_gradients(plain, random_images(shape, seed))
    received = _value_and_gradients(narrow, random_images(shape, seed))

    for one, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@settings(max_examples=25)
@given(
    st.tuples(*(st.integers(1, top) for top in (3, 7, 7, 5))), st.integers(1, 4), st.integers(0, 99)
)
def test_subpixel_conv_equals_the_transposed_convolution(
    shape: tuple[int, int, int, int], filters: int, seed: int
) -> None:
    plain = keras.layers.Conv2DTranspose(filters, 6, 2, padding="same", activation="tanh")
    subpixel = SubpixelConv2DTranspose(filters, activation="tanh")
    rng = np.random.default_rng(seed)
    weights = [
        rng.normal(0, 0.3, size).astype(np.float32)
        for size in ((6, 6, filters, shape[-1]), (filters,))
    ]
    for layer in (plain, subpixel):
        layer.build((None, None, None, shape[-1]))
        layer.set_weights(weights)

    expected = _value_and_gradients(plain, random_images(shape, seed))
    received = _value_and_gradients(subpixel, random_images(shape, seed))

    for one, other in zip(received, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_subpixel_conv_is_a_sound_layer(tmp_path: Path) -> None:
    def make() -> SubpixelConv2DTranspose:
        initializer = keras.initializers.HeNormal(seed=4)
        return SubpixelConv2DTranspose(3, kernel_initializer=initializer, name="last")

    check_component(make, random_images((2, 5, 3, 4)), (2, 10, 6, 3), tmp_path)


def test_narrow_conv_is_a_sound_layer(tmp_path: Path) -> None:
    def make() -> NarrowConv2D:
        return NarrowConv2D(3, kernel_initializer=keras.initializers.HeNormal(seed=4), name="last")

    check_component(make, random_images((2, 5, 3, 4)), (2, 5, 3, 3), tmp_path)


def test_upsample_conv_equals_the_plain_layers_in_bfloat16_as_far_as_that_goes() -> None:
    if not has_bfloat16():  # there it is not promised to go at all
        with pytest.raises(ConfigError, match="no bfloat16 arithmetic"):
            check_precision("mixed_bfloat16")
        return
    plain, fused = _plain_and_fused(8, 6, dtype="mixed_bfloat16")
    plain.set_weights(_random_weights(8, 6, seed=1))
    fused.set_weights(plain.get_weights())
    images = random_images((2, 9, 6, 8))

    assert fused(images).dtype == "bfloat16"
    received = _value_and_gradients(fused, images)
    for one, other in zip(received, _value_and_gradients(plain, images), strict=True):
        assert np.abs(one - other).max() <= 0.03 * np.abs(other).max()


def test_weights_are_exchanged_with_the_plain_layers_in_both_directions() -> None:
    plain, fused = _plain_and_fused(4, 5)
    images = random_images((2, 6, 5, 4))

    fused.set_weights(plain.get_weights())
    np.testing.assert_allclose(numpy_of(fused(images)), numpy_of(plain(images)), atol=1e-5)
    fused.set_weights(_random_weights(4, 5, seed=3))
    plain.set_weights(fused.get_weights())
    np.testing.assert_allclose(numpy_of(fused(images)), numpy_of(plain(images)), atol=1e-5)


@pytest.mark.parametrize("activation", [None, "relu", keras.activations.gelu])
def test_upsample_conv_is_a_sound_layer(activation: Any, tmp_path: Path) -> None:
    def make() -> UpsampleConv2D:
        return UpsampleConv2D(
            6,
            activation=activation,
            kernel_initializer=keras.initializers.HeNormal(seed=4),
            bias_initializer="ones",
            name="up",
        )

    check_component(make, random_images((2, 5, 3, 4)), (2, 10, 6, 6), tmp_path)


def test_upsample_conv_output_shape_keeps_unknown_sizes_unknown() -> None:
    layer = UpsampleConv2D(6)

    assert layer.compute_output_shape((None, None, 7, 3)) == (None, None, 14, 6)
    assert layer(keras.Input((None, None, 3))).shape == (None, None, None, 6)


def test_upsample_conv_refuses_what_is_no_batch_of_images() -> None:
    with pytest.raises(ValueError, match="ndim=4"):
        UpsampleConv2D(6)(random_images((5, 3, 4)))


def test_seeded_initializers_differ_by_layer_part_and_seed_and_repeat() -> None:
    def draw(seed: int, part: int) -> list[np.ndarray]:
        row = seeded_initializers(seed, part)
        return [numpy_of(next(row)((3, 3))) for _ in range(2)]

    values = [*draw(0, 0), *draw(0, 1), *draw(1, 0)]
    for index, value in enumerate(values):
        assert not any(np.array_equal(value, other) for other in values[:index])
    np.testing.assert_array_equal(draw(0, 0), values[:2])
