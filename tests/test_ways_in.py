"""Every way into a model takes the same images for the same, and refuses the same ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import zscape
from tests.conftest import Trained, blobs
from tests.harness import numpy_of
from zscape.jobs.anomalies import anomaly_scorer
from zscape.latent.projection import PcaBaseline
from zscape.runs import load_run

SHAPE = (8, 8, 1)


@pytest.fixture(scope="module")
def run(trained: Trained) -> zscape.Run:
    run = load_run(trained.two)
    run.model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mse", metrics=["mse"])
    return run


@pytest.fixture(scope="module")
def ways(run: zscape.Run) -> dict[str, Callable[[Any], Any]]:
    """What takes images (N, H, W, C), by name, and gives numbers."""
    model, batch = run.model, {"batch_size": 4, "verbose": 0}
    detector = zscape.AnomalyDetector()
    detector.scorer_ = anomaly_scorer(run, threshold=0.5)
    detector.offset_ = -detector.scorer_.limit
    pca = PcaBaseline(2).fit(blobs(20)[0])
    return {
        "encode": model.encode,
        "sampled": lambda x: model.encode(x, sample=True),
        "reconstruct": model.reconstruct,
        "call": lambda x: numpy_of(model(x)),
        "predict": lambda x: model.predict(x, **batch),
        "predict_on_batch": lambda x: model.predict_on_batch(x),
        "evaluate": lambda x: model.evaluate(x, x, **batch),
        "test_on_batch": lambda x: model.test_on_batch(x, x),
        "fit": lambda x: [*model.fit(x, x, shuffle=False, **batch).history.values()],
        "validation": lambda x: _validated(model, x),
        "targets": lambda x: model.evaluate(blobs(len(x))[0], x, **batch),
        "score_samples": detector.score_samples,
        "decision_function": detector.decision_function,
        "denoise": lambda x: zscape.denoise(run, x[0]),
        "zscape.evaluate": lambda x: zscape.evaluate(run, x).model["mse"],
        "load_images": lambda x: _floats(zscape.load_images(x)),
        "load_dataset": lambda x: _floats(
            zscape.load_dataset(np.concatenate([x, *[x[1:]] * 3]), seed=0).train
        ),
        "pca": pca.encode,
        "pca.fit": lambda x: PcaBaseline(2).fit(x).mean_,
    }  # fmt: skip


WAYS = (
    "encode", "sampled", "reconstruct", "call", "predict", "predict_on_batch", "evaluate",
    "test_on_batch", "fit", "validation", "targets", "score_samples", "decision_function",
    "denoise", "zscape.evaluate", "load_images", "load_dataset", "pca", "pca.fit",
)  # fmt: skip
LOADERS = ("zscape.evaluate", "load_images", "load_dataset")


def _validated(model: zscape.Autoencoder, images: np.ndarray) -> list[float]:
    good = blobs(8)[0]
    history = model.fit(good, good, validation_data=(images, images), verbose=0).history
    return [history["val_loss"][0], history["val_mse"][0]]


def _floats(images: zscape.Images) -> np.ndarray:
    from zscape.data.images import as_float

    return as_float(images.images)


WHOLE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "uint8": lambda x: x,
    "int64": lambda x: x.astype(np.int64),
    "int32": lambda x: x.astype(np.int32),
    "uint32": lambda x: x.astype(np.uint32),
    "uint16": lambda x: x.astype(np.uint16) * 257,
    "float64": lambda x: x / 255,
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("way", WAYS)
def test_the_same_images_in_any_type_give_the_same(way: str, kind: str, ways: Any) -> None:
    images = blobs(8)[0]
    expected = ways[way](images / np.float32(255))
    np.testing.assert_allclose(ways[way](WHOLE[kind](images)), expected, rtol=1e-4, atol=1e-6)
    other = ways[way](images[::-1, ::-1] // 2 / np.float32(255))
    assert not np.allclose(np.asarray(other), np.asarray(expected), rtol=1e-3)


@pytest.mark.parametrize("way", WAYS)
def test_true_is_white(way: str, ways: Any) -> None:
    images = blobs(8)[0] > 99
    expected = ways[way](images.astype(np.float32))
    np.testing.assert_allclose(ways[way](images), expected, rtol=1e-4, atol=1e-6)


def _with(value: float) -> np.ndarray:
    images = blobs(8)[0] / np.float32(255)
    images[0, 3, 3] = value
    return images


WRONG: dict[str, tuple[Any, str]] = {
    "floats to 255": (blobs(8)[0].astype(np.float32), r"from 0 to 2\d\d; .* divide them by 255\.$"),
    "NaN": (_with(np.nan), "1 NaN or infinite value; expected floats"),
    "infinite": (_with(np.inf), "1 NaN or infinite value; expected floats"),
    "negative": (_with(-0.5), r"values from -0.5 to .*; expected floats in \[0, 1\]"),
    "int64 to 300": (np.full((8, *SHAPE), 300), "whole numbers from 300 to 300; expected 0 to 255"),
    "int64 below 0": (np.full((8, *SHAPE), -1), "whole numbers from -1 to -1; expected 0 to 255"),
    "text": (np.full((8, *SHAPE), "a"), r"values of type <U1; expected uint8, uint16, bool"),
    "flat": (blobs(8)[0].reshape(8, -1), "shape"),
    "empty": (blobs(8)[0][:0], r"shape \(0|no images"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("way", WAYS)
def test_wrong_images_are_refused_by_the_same_check(way: str, what: str, ways: Any) -> None:
    images, message = WRONG[what]
    if way in LOADERS and what == "int64 to 300":  # they would find out that 1023 is white
        images, message = images * 300, "values up to 90,000, beyond the 65,535 of 16 bits"
    if way == "denoise" and what == "empty":
        images = [images.reshape(0, 8, 1)]  # of one image
    with pytest.raises(zscape.DataError, match=message) as caught:
        ways[way](images)
    assert "\n" not in str(caught.value)


def test_generators_and_data_sets_are_scaled_too(run: zscape.Run) -> None:
    import tensorflow as tf

    images = blobs(8)[0]
    expected = run.model.evaluate(images / np.float32(255), images / np.float32(255), verbose=0)
    stream = tf.data.Dataset.from_tensor_slices((images, images)).batch(4)
    np.testing.assert_allclose(run.model.evaluate(stream, verbose=0), expected, rtol=1e-4)
    tensor = tf.constant(images)
    np.testing.assert_allclose(
        run.model.predict(tensor, verbose=0), run.model.reconstruct(images), atol=1e-6
    )
    with pytest.raises(zscape.DataError, match="divide them by 255"):
        run.model.predict(tf.cast(tensor, tf.float32), verbose=0)


# --- which value is white ---


def test_white_is_kept_and_used_everywhere(tmp_path: Path) -> None:
    network = zscape.NetworkConfig(latent_dim=2, preset="classic")
    model = zscape.build_autoencoder(SHAPE, network, white=4095)
    zscape.save_model(model, tmp_path / "model.keras")
    model = zscape.load_model(tmp_path / "model.keras")
    assert model.white == 4095
    floats = (blobs(8)[0] / 255).astype(np.float32)
    deep = np.round(floats * 4095).astype(np.uint16)
    expected = model.reconstruct(deep / np.float32(4095))
    for images in (deep, deep.astype(np.int64)):
        np.testing.assert_allclose(model.reconstruct(images), expected, atol=1e-6)
        np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-6)
        np.testing.assert_allclose(numpy_of(model(images)), expected, atol=1e-6)
    # A type that does not reach so far has its own white.
    np.testing.assert_allclose(model.reconstruct(blobs(8)[0]), expected, atol=1e-3)
    with pytest.raises(zscape.DataError, match=r"from 0 to 4096; .* 4095 is white"):
        model.encode(np.array([4096, 0] * 32, np.uint16).reshape(1, *SHAPE))


def test_masks_of_0_and_1() -> None:
    network = zscape.NetworkConfig(latent_dim=2, preset="classic")
    model = zscape.build_autoencoder(SHAPE, network, white=1)
    masks = (blobs(8)[0] > 99).astype(np.uint8)
    expected = model.encode(masks.astype(np.float32))
    np.testing.assert_array_equal(model.encode(masks), expected)
    np.testing.assert_array_equal(model.encode(masks > 0), expected)
    with pytest.raises(zscape.DataError, match=r"to 255; expected 0 to 1, for 1 is white"):
        model.encode(masks * np.uint8(255))


@pytest.mark.parametrize("white", [0, -1, float("nan"), float("inf")])
def test_odd_white_is_refused(white: float) -> None:
    with pytest.raises(zscape.ConfigError, match=f"white is {white}"):
        zscape.build_autoencoder(SHAPE, zscape.NetworkConfig(latent_dim=2), white=white)


# --- codes ---


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
@pytest.mark.parametrize("way", ["decode", "project"])
def test_codes_that_are_no_numbers_are_refused(run: zscape.Run, way: str, value: float) -> None:
    codes = np.zeros((3, 2))
    codes[1, 0] = value
    with pytest.raises(zscape.DataError, match="1 values that are NaN, infinite or too large"):
        getattr(run.model, way)(codes)


def test_odd_codes_and_indices_of_discrete_codes_are_refused() -> None:
    network = zscape.NetworkConfig(latent_dim=2, preset="classic")
    model = zscape.build_autoencoder(SHAPE, network, "fsq:levels=4")
    with pytest.raises(zscape.DataError, match="NaN"):
        model.code_indices(np.full((1, 2), np.nan))
    with pytest.raises(zscape.DataError, match="float64; expected whole numbers"):
        model.codes_from_indices(np.full((1, 2), np.nan))
    np.testing.assert_array_equal(model.code_indices(np.array([[-1, 1]])), [[0, 3]])
