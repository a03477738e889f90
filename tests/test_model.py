from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zscape
from tests.harness import numpy_of, random_images, run_python
from zscape.data.batches import ReconstructionBatches
from zscape.hardware import has_bfloat16

# One process, so that its model is trained once.
pytestmark = pytest.mark.xdist_group("model")

SHAPE = (9, 6, 3)
N = 40

# Loads a model that another process saved and writes what it gives for the same images.
_LOAD = """
{imports}
import sys
import numpy as np
model = keras.saving.load_model(sys.argv[1])
assert type(model) is zscape.Autoencoder
stored = np.load(sys.argv[2])
np.savez(sys.argv[3], codes=model.encode(stored["images"]), decoded=model.decode(stored["codes"]),
         reconstructed=model.reconstruct(stored["images"]))
"""


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N, *SHAPE), dtype=np.uint8)


@pytest.fixture(scope="module")
def fitted(images: np.ndarray) -> tuple[zscape.Autoencoder, dict[str, list[float]], list[int]]:
    """An autoencoder that went through `compile` and `fit`, its history, the epochs seen."""
    model = zscape.build_autoencoder(SHAPE, zscape.NetworkConfig(latent_dim=4), seed=1)
    epochs: list[int] = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    model.optimizer.build(model.trainable_variables)  # otherwise the step is traced twice
    batches = ReconstructionBatches(images, batch_size=16, shuffle_seed=0)
    history = model.fit(batches, validation_data=batches, epochs=3, callbacks=[watch], verbose=0)
    return model, history.history, epochs


@pytest.fixture(scope="module")
def model(fitted: Any) -> zscape.Autoencoder:
    return fitted[0]


@pytest.fixture(scope="module")
def saved(model: zscape.Autoencoder, images: np.ndarray, tmp_path_factory: Any) -> Path:
    """A folder with a model file that Keras saved, images, and what the model gives for them."""
    folder: Path = tmp_path_factory.mktemp("saved")
    model.save(folder / "model.keras")
    codes = model.encode(images)
    np.savez(
        folder / "expected.npz",
        images=images,
        codes=codes,
        decoded=model.decode(codes),
        reconstructed=model.reconstruct(images),
    )
    return folder


def test_compile_fit_and_evaluate_work_as_on_any_keras_model(
    fitted: Any, images: np.ndarray
) -> None:
    model, history, epochs = fitted

    assert epochs == [0, 1, 2]
    assert history["loss"][-1] < history["loss"][0]
    error = np.square(model.reconstruct(images) - images / np.float32(255)).mean()
    batches = ReconstructionBatches(images, batch_size=N)
    assert model.evaluate(batches, verbose=0) == pytest.approx(error, rel=1e-4)
    assert history["val_loss"][-1] == pytest.approx(error, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("imports", ["import zscape, keras", "import keras, zscape"])
def test_a_fresh_process_loads_a_saved_model_after_import_zscape(
    imports: str, saved: Path, tmp_path: Path
) -> None:
    run_python(
        _LOAD.format(imports=imports),
        *(saved / "model.keras", saved / "expected.npz", tmp_path / "out.npz"),
    )

    expected, received = np.load(saved / "expected.npz"), np.load(tmp_path / "out.npz")
    for name in ("codes", "decoded", "reconstructed"):
        np.testing.assert_array_equal(received[name], expected[name])


@pytest.mark.slow
def test_jax_builds_trains_saves_and_loads_and_agrees_with_tensorflow(
    saved: Path, tmp_path: Path
) -> None:
    code = (Path(__file__).parent / "jax_run.py").read_text()

    printed = run_python(
        code,
        *(saved, tmp_path),
        KERAS_BACKEND="jax",
        JAX_PLATFORMS="cpu",
        JAX_DISABLE_MOST_OPTIMIZATIONS="1",  # compiles three times faster
    )
    assert printed.split() == ["jax", "done"]


@pytest.mark.slow
def test_any_module_can_be_imported_first() -> None:
    package = Path(zscape.__file__).parent
    uses_keras = [path for path in package.rglob("*.py") if "\nimport keras" in path.read_text()]
    names = [".".join(("zscape", *path.relative_to(package).with_suffix("").parts))
             for path in uses_keras]  # fmt: skip
    assert "zscape.nn.layers" in names
    # One process imports each of them as if it were the first; Keras itself stays.
    run_python(
        "import sys, keras, importlib, wrapt\n"
        f"for name in {sorted(names)}:\n"
        "    for loaded in [key for key in sys.modules if key.split('.')[0] == 'zscape']:\n"
        "        del sys.modules[loaded]\n"
        "    keras.saving.get_custom_objects().clear()\n"
        "    importlib.import_module(name.removesuffix('.__init__'))\n"
        "    assert 'zscape>Autoencoder' in keras.saving.get_custom_objects(), name\n"
    )


def test_import_zscape_is_light_and_knows_its_names() -> None:
    printed = run_python(
        "import sys, zscape\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'numpy', 'matplotlib', 'sklearn', 'skimage'}\n"
        "print(sorted(heavy & set(sys.modules)), set(zscape.__all__) <= set(dir(zscape)))\n"
    )
    assert printed.split() == ["[]", "True"]
    names: list[str] = vars(zscape)["__all__"]
    assert len(set(names)) == len(names)
    for name in names:
        assert getattr(zscape, name) is not None
    with pytest.raises(AttributeError, match="trian"):
        _ = zscape.trian  # type: ignore[attr-defined]


def test_codes_and_images_have_the_promised_form(
    model: zscape.Autoencoder, images: np.ndarray
) -> None:
    codes = model.encode(images)
    assert codes.shape == (N, 4)
    assert codes.dtype == np.float32
    for decoded in (model.decode(codes), model.reconstruct(images)):
        assert decoded.shape == (N, *SHAPE)
        assert decoded.dtype == np.float32
        assert decoded.min() >= 0
        assert decoded.max() <= 1
    np.testing.assert_allclose(model.decode(codes), model.reconstruct(images), atol=1e-6)
    assert (model.image_shape, model.latent_dim) == (SHAPE, 4)


def test_encode_is_deterministic_and_takes_integers_for_floats(
    model: zscape.Autoencoder, images: np.ndarray
) -> None:
    codes = model.encode(images)

    np.testing.assert_array_equal(model.encode(images), codes)
    np.testing.assert_array_equal(model.encode(images / np.float32(255)), codes)
    wide = images.astype(np.uint16) * 257
    np.testing.assert_allclose(model.encode(wide), codes, atol=1e-6)
    np.testing.assert_allclose(model.encode(images[:1]), codes[:1], atol=1e-6)


@pytest.mark.parametrize("verb", ["encode", "reconstruct"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 9, 6, 1)), r"images have shape \(2, 9, 6, 1\); .* \(N, 9, 6, 3\)"),
        (np.zeros(SHAPE), r"images have shape \(9, 6, 3\); .* \(N, 9, 6, 3\)"),
        (np.float32(0), r"images have shape \(\); .* \(N, 9, 6, 3\)"),
        (np.zeros((0, *SHAPE)), r"no images; give at least one"),
        (np.full((2, *SHAPE), 300), r"whole numbers from 300 to 300; expected 0 to 255"),
    ],
)
def test_wrong_images_are_refused_in_one_line(
    verb: str, wrong: np.ndarray, message: str, model: zscape.Autoencoder
) -> None:
    with pytest.raises(zscape.DataError, match=message) as caught:
        getattr(model, verb)(wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 5)), r"codes have shape \(2, 5\); .* \(N, 4\)"),
        (np.zeros(4), r"codes have shape \(4,\); .* \(N, 4\)"),
        (np.zeros((0, 4)), "no codes; give at least one"),
        ([[1, 2, 3, 4], [1]], r"not numbers in rows of one length; .* \(N, 4\)"),
        ([["a"] * 4], "not numbers"),
    ],
)
def test_wrong_codes_are_refused(wrong: Any, message: str, model: zscape.Autoencoder) -> None:
    with pytest.raises(zscape.DataError, match=message):
        model.decode(wrong)


def test_seeds_make_models_and_nothing_else_does() -> None:
    def codes(seed: int, bits: int) -> np.ndarray:
        keras.utils.set_random_seed(bits)
        model = zscape.build_autoencoder((5, 4, 1), zscape.NetworkConfig(latent_dim=2), seed=seed)
        return numpy_of(model.encoder(random_images((3, 5, 4, 1))))

    np.testing.assert_array_equal(codes(3, bits=1), codes(3, bits=2))
    assert not np.array_equal(codes(3, bits=1), codes(4, bits=1))


@pytest.fixture
def _bfloat16_everywhere() -> Iterator[None]:
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.usefixtures("_bfloat16_everywhere")
def test_precision_is_what_was_asked_for_whatever_the_global_policy_is(
    images: np.ndarray, model: zscape.Autoencoder
) -> None:
    copy = zscape.build_autoencoder(SHAPE, zscape.NetworkConfig(latent_dim=4), seed=2)
    copy.set_weights(model.get_weights())

    assert copy.encode(images).dtype == np.float32
    np.testing.assert_allclose(copy.encode(images), model.encode(images), atol=1e-6)
    np.testing.assert_allclose(copy.reconstruct(images), model.reconstruct(images), atol=1e-6)


@pytest.mark.slow
def test_bfloat16_trains_near_the_float32_model_or_is_refused(
    images: np.ndarray, model: zscape.Autoencoder
) -> None:
    network = zscape.NetworkConfig(latent_dim=4)
    if not has_bfloat16():
        with pytest.raises(zscape.ConfigError, match=r"no bfloat16 arithmetic.*use float32"):
            zscape.build_autoencoder(SHAPE, network, precision="mixed_bfloat16")
        return
    half = zscape.build_autoencoder(SHAPE, network, precision="mixed_bfloat16")
    half.set_weights(model.get_weights())

    assert all(weight.dtype == "float32" for weight in half.weights)
    assert half.reconstruct(images).dtype == np.float32
    np.testing.assert_allclose(half.reconstruct(images), model.reconstruct(images), atol=0.05)
    half.compile(optimizer="adam", loss="mse")
    history = half.fit(ReconstructionBatches(images, batch_size=20), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


def test_the_configuration_covers_every_constructor_argument(model: zscape.Autoencoder) -> None:
    config = keras.saving.serialize_keras_object(model)
    again = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))

    again.set_weights(model.get_weights())
    images = random_images((2, *SHAPE))
    np.testing.assert_array_equal(again.reconstruct(images), model.reconstruct(images))
    parts = ("encoder", "bottleneck", "decoder", "name", "trainable", "dtype")
    assert set(parts) <= set(model.get_config())
    assert [getattr(again, part).name for part in parts[:3]] == list(parts[:3])


def test_codes_are_drawn_where_the_bottleneck_has_a_distribution() -> None:
    images = random_images((6, 8, 8, 1))
    network = zscape.NetworkConfig(latent_dim=2)
    gaussian = zscape.BottleneckConfig(name="gaussian")
    model = zscape.build_autoencoder((8, 8, 1), network, gaussian)
    codes = model.encode(images)
    drawn, again, other = (model.encode(images, sample=True, seed=seed) for seed in (0, 0, 1))
    assert codes.shape == drawn.shape == (6, 2)
    np.testing.assert_array_equal(drawn, again)
    assert not np.array_equal(drawn, other)
    assert not np.array_equal(drawn, codes)
    plain = zscape.build_autoencoder((8, 8, 1), network)
    np.testing.assert_array_equal(plain.encode(images, sample=True), plain.encode(images))


def test_training_cuts_batches_into_shards_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    network = zscape.NetworkConfig(latent_dim=4)
    model = zscape.build_autoencoder(SHAPE, network)
    model.n_shards = 3
    seen: list[int] = []
    layer = model.encoder.get_layer("conv1")
    call = layer.call

    def record(inputs: Any) -> Any:
        seen.append(inputs.shape[0])
        return call(inputs)

    monkeypatch.setattr(layer, "call", record)
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    images = random_images((9, *SHAPE))
    model.fit(ReconstructionBatches(images, batch_size=8), shuffle=False, verbose=0)
    assert seen == [3, 3, 3, 1, 1, 1]  # of 8 images and of 1, filled up


@pytest.mark.slow
def test_shards_change_nothing_but_the_speed() -> None:
    # 25 images in batches of 8: the last batch is one image, less than there are shards.
    images = np.random.default_rng(0).integers(0, 256, (25, *SHAPE), dtype=np.uint8)
    losses, codes = [], []
    for n_shards in (1, 3):
        network = zscape.NetworkConfig(latent_dim=4)
        model = zscape.build_autoencoder(SHAPE, network, seed=1)
        model.n_shards = n_shards
        model.compile(optimizer=keras.optimizers.SGD(0.5), loss="mse")
        batches = ReconstructionBatches(images, batch_size=8, shuffle_seed=0)
        losses.append(model.fit(batches, epochs=2, shuffle=False, verbose=0).history["loss"])
        codes.append(model.encode(images))

    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    np.testing.assert_allclose(codes[1], codes[0], atol=1e-5)
