"""The embedded classifier, and networks from files to compare images by."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from PIL import Image

from zscape.data.load import load_images
from zscape.errors import ConfigError, DataError, ModelError, ZscapeError
from zscape.evaluation import classifier
from zscape.evaluation.features import class_probabilities, load_features

# ------------------------------------------------------------------ the embedded classifier


def test_the_classifier_knows_digits_as_well_as_its_record_says() -> None:
    record = classifier.classifier_record()
    assert record["test_accuracy"] >= 0.993
    digits = load_images("mnist").take(np.arange(0, 10_000, 5))
    assert digits.labels is not None
    right = class_probabilities(digits.images).argmax(axis=1) == digits.labels
    assert right.mean() == pytest.approx(record["test_accuracy"], abs=4e-3)
    model = classifier.mnist_classifier()
    assert model.count_params() == record["n_parameters"]
    assert model.trainable_weights == []


def test_features_are_those_before_the_last_layer() -> None:
    network = load_features(None, (28, 28, 1))
    assert network.name == "classifier"
    digits = load_images("mnist").images[:600]
    features = network.features(digits)
    assert features.shape == (600, classifier.N_FEATURES)
    assert features.min() >= 0
    last = classifier.mnist_classifier().get_layer("probabilities")
    kernel, bias = (np.asarray(weight) for weight in last.get_weights())
    logits = np.exp(features @ kernel + bias)
    np.testing.assert_allclose(
        logits / logits.sum(axis=1, keepdims=True), class_probabilities(digits), atol=1e-5
    )
    np.testing.assert_allclose(network.features(digits / np.float32(255)), features, atol=1e-5)


def test_weights_that_were_changed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    content = classifier._read(classifier.WEIGHTS_NAME)
    assert hashlib.sha256(content).hexdigest() == classifier.classifier_record()["sha256"]
    parts = {classifier.WEIGHTS_NAME: content[:-1] + b"\1"}
    monkeypatch.setattr(classifier, "_read", lambda name: parts[name])
    with pytest.raises(ModelError, match="SHA-256"):
        classifier.mnist_classifier.__wrapped__()


def test_weights_are_packed_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = classifier.packed_weights(classifier.mnist_classifier())
    assert packed == classifier._read(classifier.WEIGHTS_NAME)


def test_other_images_need_a_network_of_their_own() -> None:
    with pytest.raises(ConfigError, match="`features`"):
        load_features(None, (28, 28, 3))


# ------------------------------------------------------------------ networks from files


def means_network(shape: tuple[int | None, int | None, int]) -> keras.Model:
    """Return a network whose features are the mean of every channel."""
    images = keras.Input(shape)
    return keras.Model(images, keras.layers.GlobalAveragePooling2D()(images))


def onnx_means(path: Path, shape: tuple[Any, ...], axes: list[int]) -> Path:
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node("ReduceMean", ["images", "axes"], ["means"], keepdims=0)
    graph = helper.make_graph(
        [node],
        "means",
        [helper.make_tensor_value_info("images", number, shape)],
        [helper.make_tensor_value_info("means", number, [None, None])],
        [onnx.numpy_helper.from_array(np.array(axes, np.int64), "axes")],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((7, 9, 6, 3), dtype=np.float32)


@pytest.mark.parametrize("kind", ["keras", "onnx", "onnx, channels first"])
def test_a_network_gives_its_outputs_as_features(
    kind: str, images: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / ("means.keras" if kind == "keras" else "means.onnx")
    if kind == "keras":
        means_network((9, 6, 3)).save(path)
    elif kind == "onnx":
        onnx_means(path, ("n", 9, 6, 3), [1, 2])
    else:
        onnx_means(path, ("n", 3, 9, 6), [2, 3])
    network = load_features(path, (9, 6, 3))
    assert network.name == path.name
    assert network.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    features = network.features(images)
    np.testing.assert_allclose(features, images.mean(axis=(1, 2)), atol=1e-6)
    assert features.dtype == np.float32


def test_images_are_brought_to_the_size_and_channels_of_the_network(
    images: np.ndarray, tmp_path: Path
) -> None:
    flat = keras.Sequential([keras.Input((5, 4, 1)), keras.layers.Flatten()])
    flat.save(tmp_path / "flat.keras")
    features = load_features(tmp_path / "flat.keras", (9, 6, 3)).features(images)
    gray = Image.fromarray(images[2].mean(axis=-1))
    expected = np.asarray(gray.resize((4, 5), Image.Resampling.BILINEAR)).ravel()
    np.testing.assert_allclose(features[2], expected, atol=1e-6)
    means_network((None, None, 3)).save(tmp_path / "colour.keras")
    network = load_features(tmp_path / "colour.keras", (9, 6, 1))
    expected = images[..., :1].mean(axis=(1, 2)).repeat(3, axis=1)
    np.testing.assert_allclose(network.features(images[..., :1]), expected, atol=1e-6)
    with pytest.raises(ConfigError, match="4 channels"):
        network.features(np.zeros((2, 9, 6, 4), np.float32))


def test_a_network_of_many_kinds_of_layers_is_accepted(tmp_path: Path) -> None:
    images = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(2.0, -1.0)(images)
    x = keras.layers.Conv2D(
        4, 3, kernel_initializer="he_normal", kernel_regularizer=keras.regularizers.L2(1e-4)
    )(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", activation="relu6")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Concatenate()([x, keras.layers.LeakyReLU()(x)])
    x = keras.layers.AveragePooling2D(2)(keras.layers.Dropout(0.5)(x))
    x = keras.layers.Dense(5)(keras.layers.GlobalMaxPooling2D()(x))
    keras.Model(images, x).save(tmp_path / "net.keras")
    network = load_features(tmp_path / "net.keras", (16, 16, 3))
    assert network.features(np.ones((3, 16, 16, 3), np.float32)).shape == (3, 5)


def test_a_stranger_s_file_runs_no_code(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    images = keras.Input((8, 8, 1))

    def hostile(x: Any) -> Any:
        canary.touch()
        return x

    keras.Model(images, keras.layers.Lambda(hostile)(images)).save(tmp_path / "net.keras")
    canary.unlink(missing_ok=True)
    with pytest.raises(ModelError, match="may run code"):
        load_features(tmp_path / "net.keras", (8, 8, 1))
    assert not canary.exists()


def _two_inputs(path: Path) -> None:
    a, b = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    keras.Model([a, b], keras.layers.Add()([a, b])).save(path)


def _vectors(path: Path) -> None:
    keras.Sequential([keras.Input((8,)), keras.layers.Dense(2)]).save(path)


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("gone.keras", None, "does not exist"),
        ("net.h5", None, "expected such a network"),
        ("empty.keras", lambda path: path.write_bytes(b""), "damaged"),
        ("empty.onnx", lambda path: path.write_bytes(b""), "cannot be loaded"),
        ("text.onnx", lambda path: path.write_bytes(b"no network at all"), "cannot be loaded"),
        ("two.keras", _two_inputs, "one input and one output"),
        ("vectors.keras", _vectors, "expected images"),
        ("vectors.onnx", lambda path: onnx_means(path, ("n", 8), [1]), "expected images"),
        ("one.onnx", lambda path: onnx_means(path, (1, 8, 8, 1), [1, 2]), "1 images at a time"),
        ("folder.keras", lambda path: path.mkdir(), "is not a file"),
    ],
)
def test_files_that_are_no_networks_of_images(
    name: str, make: Any, expected: str, tmp_path: Path
) -> None:
    if make is not None:
        make(tmp_path / name)
    with pytest.raises(ZscapeError, match=expected) as caught:
        load_features(tmp_path / name, (8, 8, 1))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_onnx_without_its_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    (tmp_path / "net.onnx").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"pip install \"zscape\[onnx\]\""):
        load_features(tmp_path / "net.onnx", (8, 8, 1))


def test_a_network_that_mixes_images_up_is_noticed(tmp_path: Path) -> None:
    path = onnx_means(tmp_path / "all.onnx", ("n", 8, 8, 1), [0, 3])
    network = load_features(path, (8, 8, 1))
    with pytest.raises((ModelError, DataError), match="a row for each image"):
        network.features(np.zeros((3, 8, 8, 1), np.float32))
