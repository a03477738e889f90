"""What users define: bottlenecks, presets, and networks of their own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import zscape
from tests.harness import random_images, run_python
from zscape.jobs.generate import generate
from zscape.nn.allowed import check_classes, trust_layers
from zscape.nn.bottlenecks import BOTTLENECKS, Bottleneck, register_bottleneck
from zscape.nn.presets import PRESETS, Preset, Recipe, register_preset, start_at_mean
from zscape.registry import check_number, load_plugin

SHAPE = (10, 6, 3)
OLD_RUN = Path(__file__).parents[1] / "runs" / "classic-plain"


@register_bottleneck("clipped")
class Clipped(Bottleneck):
    def __init__(self, limit: float = 3.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = check_number("limit", limit, above=True)

    def encode(self, features: Any) -> Any:
        return keras.ops.clip(features, -self.limit, self.limit)


@register_bottleneck("spread")
class Spread(Bottleneck):
    spatial = True


class Halve(layers.Layer):
    """Not registered with Keras at all."""

    def __init__(self, by: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.by = by

    def call(self, x: Any) -> Any:
        return keras.ops.average_pool(x, self.by, self.by)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "by": self.by}


@register_preset("pooled")
class Pooled(Preset):
    recipe = Recipe(images_seen=1000)

    def __init__(self, width: int = 4, wrong: bool = False, **given: Any) -> None:
        super().__init__(**given)
        self.width = width
        self.wrong = wrong

    def encoder_body(self, x: Any) -> Any:
        for index in range(self.n_halvings + self.wrong):
            x = Halve(name=f"halve{index}")(self.conv(f"conv{index}", self.width)(x))
        return x

    def decoder_body(self, x: Any) -> Any:
        for index in range(self.n_halvings):
            x = layers.UpSampling2D(2)(self.conv(f"conv{index}", self.width)(x))
        return x


def network(preset: str, **more: Any) -> zscape.NetworkConfig:
    return zscape.NetworkConfig(preset=preset, latent_dim=2, **more)


def check_saved(model: zscape.Autoencoder, folder: Path) -> zscape.Autoencoder:
    """Save and load a model, which must give the same, and return what was loaded."""
    images = random_images((4, *SHAPE))
    zscape.save_model(model, folder / "model.keras")
    loaded = zscape.load_model(folder / "model.keras")
    np.testing.assert_array_equal(loaded.encode(images), model.encode(images))
    np.testing.assert_array_equal(loaded.reconstruct(images), model.reconstruct(images))
    return loaded


# --- bottlenecks and presets ---


def test_a_bottleneck_of_the_users_is_usable_at_once(tmp_path: Path) -> None:
    assert "clipped" in BOTTLENECKS.names()
    model = zscape.build_autoencoder(SHAPE, network("fast"), "clipped:limit=0.01")
    assert np.abs(model.encode(random_images((4, *SHAPE)))).max() == np.float32(0.01)
    loaded = check_saved(model, tmp_path)
    assert isinstance(loaded.bottleneck, Clipped)
    assert loaded.bottleneck.limit == 0.01
    for text, message in (
        ("clipped:limit=0", "limit is 0.*above 0"),
        ("clipped:most=2", "no option 'most'; it has limit"),
        ("cliped", "did you mean clipped"),
    ):
        with pytest.raises(zscape.ConfigError, match=message):
            zscape.build_autoencoder(SHAPE, network("fast"), text)


def test_a_preset_of_the_users_is_usable_at_once(tmp_path: Path) -> None:
    model = zscape.build_autoencoder(SHAPE, network("pooled:width=5"), "gaussian")
    assert model.encoder.get_layer("conv1").filters == 5
    assert model.encoder.output_shape == (None, 4)
    check_saved(model, tmp_path)
    spatial = zscape.build_autoencoder(SHAPE, network("pooled"), "vq:codebook=4")
    assert spatial.reconstruct(random_images((2, *SHAPE))).shape == (2, *SHAPE)
    assert PRESETS["pooled"].recipe.n_epochs(100) == 10
    with pytest.raises(zscape.ConfigError, match=r"code_activation is 'relu'.*choose plain"):
        zscape.build_autoencoder(SHAPE, network("pooled", code_activation="relu"), "gaussian")
    with pytest.raises(zscape.ConfigError, match=r"encoder_body of Pooled .*expected \(N, 3, 2,"):
        zscape.build_autoencoder(SHAPE, network("pooled:wrong=true"))


@pytest.mark.parametrize("preset", ["fast", "quality", "pooled"])
@pytest.mark.parametrize("option", [{"downsampling": "maxpool"}, {"upsampling": "transposed"}])
def test_only_classic_has_a_choice_of_sampling(preset: str, option: dict[str, Any]) -> None:
    with pytest.raises(zscape.ConfigError, match=f"preset {preset} has no .*choose classic"):
        zscape.build_autoencoder(SHAPE, network(preset, **option))


@pytest.mark.parametrize("name", ["other", "", "Fast", "mine:width"])
def test_a_preset_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(zscape.ConfigError, match=r"expected one of classic, fast, |key=value"):
        zscape.build_autoencoder(SHAPE, network(name))


@pytest.mark.parametrize("name", ["fast", "quality", "classic"])
@pytest.mark.parametrize("n_images", [1, 500, 10_000, 60_000, 10**7])
def test_a_recipe_shows_the_network_about_so_many_images(name: str, n_images: int) -> None:
    recipe = PRESETS[name].recipe
    epochs = recipe.n_epochs(n_images)
    assert 1 <= epochs <= 100
    if 1 < epochs < 100:
        assert abs(epochs * n_images - recipe.images_seen) <= n_images / 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gaussian:beta=-1", "beta is -1"),
        ("gaussian:warmup=0.5", "warmup is 0.5; expected a whole number"),
        ("tc:beta=0", "beta is 0.*above 0"),
        ("vq:codebook=1", "codebook is 1.*2 or more"),
        ("vq:decay=1", "decay is 1.*below 1"),
        ("fsq:levels=1", "levels is 1.*2 or more"),
        ("sphere:noise=-0.1", "noise is -0.1"),
        ("mmd:weight=heavy", "weight is 'heavy'"),
        ("regularized:spectral=-1", "spectral is -1"),
    ],
)
def test_options_out_of_their_ranges_are_refused(text: str, message: str) -> None:
    with pytest.raises(zscape.ConfigError, match=message):
        zscape.build_autoencoder(SHAPE, bottleneck=text)


def test_codes_that_are_not_discrete_have_no_indices() -> None:
    model = zscape.build_autoencoder(SHAPE, network("classic"))
    codes = np.zeros((2, 2), np.float32)
    for work in (model.code_indices, model.codes_from_indices):
        with pytest.raises(zscape.ConfigError, match="PlainBottleneck has no discrete codes"):
            work(codes)
    discrete = zscape.build_autoencoder(SHAPE, network("classic"), "fsq")
    with pytest.raises(zscape.DataError, match=r"code indices have shape \(2, 3\)"):
        discrete.codes_from_indices(np.zeros((2, 3), int))


def test_spatial_codes_that_are_not_discrete_have_densities(tmp_path: Path) -> None:
    shutil.copytree(OLD_RUN, tmp_path / "run")
    model = zscape.build_autoencoder((28, 28, 1), network("classic"), "spread")
    assert (model.code_shape, model.n_code_values) == ((7, 7, 2), 98)
    zscape.save_model(model, tmp_path / "run" / "model.keras")
    run = zscape.load_run(tmp_path / "run")
    for density in ("normal", "standard_normal"):
        images, codes = generate(run, 2, density=density)
        assert (images.shape, codes.shape) == ((2, 28, 28, 1), (2, 7, 7, 2))
    with pytest.raises(zscape.ConfigError, match=r"code indices; .* not discrete\. Choose gmm"):
        generate(run, 2, density="autoregressive")


# --- two Keras models ---


def encoder(n_features: int = 2, *more: layers.Layer, shape: Any = SHAPE) -> keras.Model:
    last = [layers.Flatten(), layers.Dense(n_features)]
    return keras.Sequential([keras.Input(shape), *more, *last])


def decoder(latent_dim: int = 2, *more: layers.Layer, shape: Any = SHAPE) -> keras.Model:
    first = [layers.Dense(int(np.prod(shape)), "sigmoid"), layers.Reshape(shape)]
    return keras.Sequential([keras.Input((latent_dim,)), *first, *more])


def spatial_parts() -> dict[str, keras.Model]:
    return {
        "encoder": keras.Sequential([keras.Input(SHAPE), layers.Conv2D(7, 3, 2, "same")]),
        "decoder": keras.Sequential(
            [keras.Input((5, 3, 7)), layers.Conv2DTranspose(3, 3, 2, "same", activation="sigmoid")]
        ),
    }


@pytest.mark.parametrize(
    ("bottleneck", "parts"),
    [
        ("plain", {"encoder": encoder(2, Halve()), "decoder": decoder(2, layers.Dropout(0.5))}),
        ("gaussian", {"encoder": encoder(6, layers.LeakyReLU()), "decoder": decoder(3)}),
        ("vq:codebook=4", spatial_parts()),
    ],
)
def test_networks_of_the_users_become_an_autoencoder(
    bottleneck: str, parts: dict[str, keras.Model], tmp_path: Path
) -> None:
    model = zscape.build_autoencoder(SHAPE, None, bottleneck, **parts)
    assert model.image_shape == SHAPE
    assert model.encoder is parts["encoder"]
    before = model.get_weights()
    start_at_mean(model.decoder, np.array([0.1, 0.2, 0.3]))  # it has no output layer of ours
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    check_saved(model, tmp_path)


def test_an_output_layer_that_only_bears_the_name_is_left_alone() -> None:
    other = keras.Sequential([keras.Input((2,)), layers.Dense(3, "relu", name="output")])
    start_at_mean(other, np.array([0.1, 0.2, 0.3]))
    assert not other.get_layer("output").bias.numpy().any()


WRONG: list[tuple[Callable[[], dict[str, Any]], str]] = [
    (lambda: {"encoder": encoder()}, "only one of encoder and decoder"),
    (lambda: {"encoder": 3, "decoder": decoder()}, "encoder is int; expected a built Keras model"),
    (
        lambda: {"encoder": encoder(), "decoder": keras.Sequential([layers.Dense(2)])},
        "decoder is Sequential; expected a built Keras model",
    ),
    (
        lambda: {"encoder": encoder(shape=(9, 6, 3)), "decoder": decoder()},
        r"encoder takes images \(N, 9, 6, 3\); expected \(N, 10, 6, 3\)",
    ),
    (
        lambda: {"encoder": encoder(), "decoder": decoder(shape=(10, 6, 1))},
        r"decoder gives images \(N, 10, 6, 1\); expected \(N, 10, 6, 3\)",
    ),
    (
        lambda: {"encoder": encoder(3), "decoder": decoder(2)},
        r"encoder gives features \(N, 3\); expected \(N, 2\)",
    ),
    (
        lambda: {"encoder": encoder(2), "decoder": decoder(2), "bottleneck": "gaussian"},
        r"encoder gives features \(N, 2\); expected \(N, 4\) .*GaussianBottleneck",
    ),
    (
        lambda: {"encoder": encoder(2), "decoder": decoder(2), "bottleneck": "vq"},
        r"decoder takes \(N, 2\); expected codes \(N, h, w, d\) of VectorQ",
    ),
    (spatial_parts, r"decoder takes \(N, 5, 3, 7\); expected codes \(N, d\)"),
    (
        lambda: {"encoder": encoder(2, layers.Lambda(lambda x: x)), "decoder": decoder(2)},
        "the encoder has .*Lambda, which a model file may not hold",
    ),
    (
        lambda: {"encoder": encoder(2), "decoder": decoder(2, Mute(3))},
        "the decoder cannot be saved .*get_config",
    ),
]


class Mute(layers.Layer):
    """Cannot be saved: its argument is no plain value, and it has no get_config."""

    def __init__(self, by: object) -> None:
        super().__init__()
        self.by = [by, object()]

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError("by cannot be written")

    def call(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_networks_that_do_not_fit_are_refused_in_one_line(
    make: Callable[[], dict[str, Any]], message: str
) -> None:
    with pytest.raises(zscape.ConfigError, match=message) as caught:
        zscape.build_autoencoder(SHAPE, **make())
    assert "\n" not in str(caught.value)


# --- whose layers a file may name ---

PLUGIN = """
import keras

class Half(keras.layers.Layer):
    def call(self, x):
        return x / 2
"""

OPENS = """
import sys, zscape
from zscape.registry import load_plugin
path, *plugins = sys.argv[1:]
for plugin in plugins:
    load_plugin(plugin)
try:
    model = zscape.load_model(path)
    print(type(model.encoder.layers[0]).__module__)
except zscape.ModelError as error:
    print(error)
"""


@pytest.mark.slow
def test_another_process_opens_layers_of_the_users_with_their_plugin_only(tmp_path: Path) -> None:
    plugin, path = tmp_path / "halves.py", tmp_path / "model.keras"
    plugin.write_text(PLUGIN)
    load_plugin(plugin)
    half = sys.modules["zscape_plugin_halves"].Half
    model = zscape.build_autoencoder(SHAPE, encoder=encoder(2, half()), decoder=decoder(2))
    zscape.save_model(model, path)
    refused = run_python(OPENS, path)
    assert "asks for 'zscape_plugin_halves.Half', which may run code" in refused
    assert "`load_plugin`" in refused
    assert run_python(OPENS, path, plugin).strip() == "zscape_plugin_halves"


NOTEBOOK = """
import keras, sys, zscape
from pathlib import Path
from zscape.nn.bottlenecks import Bottleneck, register_bottleneck

@register_bottleneck("twice")
class Twice(Bottleneck):
    def encode(self, features):
        return 2 * features

if sys.argv[2] == "save":
    model = zscape.build_autoencoder((4, 4, 1), bottleneck="twice")
    zscape.save_model(model, Path(sys.argv[1]))
print(type(zscape.load_model(sys.argv[1]).bottleneck))
"""


@pytest.mark.slow
def test_what_a_notebook_defines_opens_where_it_is_defined(tmp_path: Path) -> None:
    for work in ("save", "open"):
        printed = run_python(NOTEBOOK, tmp_path / "model.keras", work)
        assert printed.strip() == "<class '__main__.Twice'>"
    assert "asks for 'None.Twice', which may run" in run_python(OPENS, tmp_path / "model.keras")


def test_a_class_of_the_users_is_known_by_its_own_module_only() -> None:
    part = encoder(2, Halve())
    config = keras.saving.serialize_keras_object(part)
    assert trust_layers(part) is None
    assert check_classes(config) == ({"Halve": Halve}, None)
    named = next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Halve")
    for change in ({"module": "os"}, {"registered_name": "evil>Halve"}, {"class_name": "Half"}):
        before = dict(named)
        named.update(change)
        assert check_classes(config)[1] is not None
        named.update(before)


@keras.saving.register_keras_serializable("stranger")
class Stranger(layers.Layer):
    """Known to Keras, but never handed to zscape."""

    def call(self, x: Any) -> Any:
        return x


def test_a_registered_class_that_nobody_handed_over_is_refused(tmp_path: Path) -> None:
    parts = zscape.build_autoencoder(SHAPE, encoder=encoder(2, Halve()), decoder=decoder(2))
    strange = zscape.Autoencoder(encoder(2, Stranger()), parts.bottleneck, parts.decoder)
    zscape.save_model(strange, tmp_path / "model.keras")
    with pytest.raises(zscape.ModelError, match=r"Stranger', which may run code.*`load_plugin`"):
        zscape.load_model(tmp_path / "model.keras")


# --- export ---


@pytest.mark.slow
def test_a_loaded_model_is_exported(tmp_path: Path) -> None:
    import tensorflow as tf

    model = zscape.build_autoencoder(SHAPE, network("fast"), "gaussian")
    zscape.save_model(model, tmp_path / "model.keras")
    loaded = zscape.load_model(tmp_path / "model.keras")
    loaded.export(tmp_path / "exported", verbose=False)
    images = random_images((3, *SHAPE))
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(exported.serve(images), model.reconstruct(images), atol=1e-5)
