from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest

from tests.harness import (
    PRECISIONS,
    build_decoder,
    build_encoder,
    check_component,
    numpy_of,
    random_images,
)
from zscape.nn.presets import start_at_mean
from zscape.settings import Downsampling, NetworkConfig, Upsampling

MNIST = (28, 28, 1)
SHAPES = [(1, 1, 1), (5, 7, 3), MNIST, (33, 17, 4), (64, 48, 3)]
SAMPLINGS = list(itertools.product(get_args(Downsampling), get_args(Upsampling)))
NETWORKS = [
    {"preset": "fast"},
    {"preset": "quality"},
    *({"preset": "classic", "downsampling": down, "upsampling": up} for down, up in SAMPLINGS),
]


@pytest.fixture
def _global_settings() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")


@pytest.mark.parametrize(("down", "up"), SAMPLINGS)
@pytest.mark.parametrize(
    ("latent_dim", "n_encoder", "n_decoder"), [(10, 5_762, 99_425), (2, 2_618, 74_337)]
)
def test_classic_has_exactly_the_parameters_of_the_tutorial(
    latent_dim: int, n_encoder: int, n_decoder: int, down: Any, up: Any
) -> None:
    config = NetworkConfig(
        preset="classic", latent_dim=latent_dim, downsampling=down, upsampling=up
    )

    assert build_encoder(MNIST, config).count_params() == n_encoder
    assert build_decoder(MNIST, config).count_params() == n_decoder


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(
    "network",
    [
        {"preset": "fast"},
        {"preset": "classic"},
        {"preset": "classic", "downsampling": "maxpool", "upsampling": "bilinear"},
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_size_and_channels_come_back_in_the_unit_interval(
    shape: tuple[int, int, int], network: Any, dtype: str
) -> None:
    config = NetworkConfig(latent_dim=3, **network)

    codes = build_encoder(shape, config, dtype=dtype)(random_images((2, *shape)))
    images = numpy_of(build_decoder(shape, config, dtype=dtype)(10 * codes))

    assert codes.shape == (2, 3)
    assert codes.dtype == "float32"
    assert images.shape == (2, *shape)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("network", NETWORKS)
def test_both_networks_are_sound_components(network: Any, dtype: str, tmp_path: Path) -> None:
    shape, config = (5, 7, 3), NetworkConfig(latent_dim=3, **network)

    check_component(
        lambda: build_encoder(shape, config, seed=1, dtype=dtype),
        random_images((2, *shape)),
        (2, 3),
        tmp_path,
    )
    check_component(
        lambda: build_decoder(shape, config, seed=1, dtype=dtype),
        random_images((2, 3)),
        (2, *shape),
        tmp_path,
    )


def test_options_change_the_layers() -> None:
    def kinds(network: keras.Model) -> set[str]:
        return {type(layer).__name__ for layer in network.layers}

    pooled = build_encoder(MNIST, NetworkConfig(preset="classic", downsampling="maxpool"))
    assert "MaxPooling2D" in kinds(pooled)
    assert "MaxPooling2D" not in kinds(build_encoder(MNIST, NetworkConfig(preset="classic")))
    extra = {
        name: kinds(build_decoder(MNIST, NetworkConfig(preset="classic", upsampling=name)))
        & {"UpsampleConv2D", "UpSampling2D", "Conv2DTranspose"}
        for name in get_args(Upsampling)
    }
    assert extra == {
        "nearest": {"UpsampleConv2D"},
        "bilinear": {"UpSampling2D"},
        "transposed": {"Conv2DTranspose"},
    }


def test_only_a_relu_code_cannot_be_negative() -> None:
    images = random_images((20, *MNIST))
    linear = build_encoder(MNIST, NetworkConfig())(images)
    relu = build_encoder(MNIST, NetworkConfig(code_activation="relu"))(images)

    assert numpy_of(linear).min() < 0
    np.testing.assert_allclose(numpy_of(relu), np.maximum(numpy_of(linear), 0), atol=1e-6)


@pytest.mark.parametrize("build", [build_encoder, build_decoder])
def test_weights_depend_on_the_seed_alone(build: Any) -> None:
    def weights(seed: int) -> np.ndarray:
        made = build((5, 7, 3), NetworkConfig(latent_dim=2), seed=seed)
        return np.concatenate([value.ravel() for value in made.get_weights()])

    keras.utils.set_random_seed(1)
    first = weights(5)
    keras.utils.set_random_seed(2)
    before = repr(np.random.get_state())  # noqa: NPY002 - the state that must not change

    np.testing.assert_array_equal(weights(5), first)
    assert not np.array_equal(weights(6), first)
    assert repr(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.usefixtures("_global_settings")
def test_global_settings_of_keras_change_nothing() -> None:
    shape, config = (5, 7, 3), NetworkConfig(preset="classic", latent_dim=2, downsampling="maxpool")
    images = random_images((2, *shape))
    codes = numpy_of(build_encoder(shape, config)(images))
    decoded = numpy_of(build_decoder(shape, config)(codes))

    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")

    np.testing.assert_array_equal(numpy_of(build_encoder(shape, config)(images)), codes)
    np.testing.assert_array_equal(numpy_of(build_decoder(shape, config)(codes)), decoded)


def test_start_at_mean_makes_the_decoder_show_the_mean_pixel() -> None:
    decoder = build_decoder((8, 8, 3), NetworkConfig(latent_dim=2))
    start_at_mean(decoder, np.array([0.1, 0.5, 1.0]))

    pixel = numpy_of(decoder(np.zeros((1, 2), np.float32))).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(pixel, [0.1, 0.5, 0.99], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["classic", "fast", "quality"])
@pytest.mark.parametrize(
    ("size", "inner"), [(16, 4), (28, 7), (32, 8), (50, 7), (64, 8), (128, 8), (256, 8)]
)
def test_depth_follows_the_size_of_the_image(preset: Any, size: int, inner: int) -> None:
    shape, config = (size, size // 2, 3), NetworkConfig(preset=preset, latent_dim=3)
    encoder, decoder = build_encoder(shape, config), build_decoder(shape, config)
    assert decoder.get_layer("reshape").output.shape == (None, inner, -(-inner // 2), 64)
    assert encoder.get_layer("flatten").input.shape[1:3] == (inner, -(-inner // 2))
    assert decoder.output_shape == (None, *shape)
    codes = numpy_of(encoder(random_images((1, *shape))))
    assert numpy_of(decoder(codes)).shape == (1, *shape)


@pytest.mark.parametrize(
    ("preset", "counts"),
    [("classic", (5_762, 99_425)), ("fast", (132_458, 146_657)), ("quality", (280_298, 294_497))],
)
def test_the_networks_of_28_pixels_stay_as_they_are(preset: Any, counts: tuple[int, int]) -> None:
    config = NetworkConfig(preset=preset)
    found = (build_encoder(MNIST, config).count_params(),
             build_decoder(MNIST, config).count_params())  # fmt: skip
    assert found == counts
