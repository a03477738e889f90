"""Models in ONNX give what Keras gives, for every preset and any number of images."""

from __future__ import annotations

import sys

import keras
import numpy as np
import onnxruntime
import pytest

from tests.harness import autoencoder_from_elsewhere, random_images
from zscape.errors import ConfigError
from zscape.export import OPSET, export_onnx
from zscape.model import build_autoencoder
from zscape.settings import BottleneckConfig, NetworkConfig


def run_onnx(content: bytes, inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(content)
    (given,) = session.get_inputs()
    assert given.shape[1:] == list(inputs.shape[1:])
    return np.asarray(session.run(None, {given.name: inputs})[0])


@pytest.mark.parametrize(
    ("network", "bottleneck", "shape"),
    [
        (NetworkConfig(preset="fast", latent_dim=3), "plain", (8, 8, 1)),
        pytest.param(
            NetworkConfig(preset="quality", latent_dim=2),
            "gaussian",
            (9, 6, 3),
            marks=pytest.mark.slow,
        ),
        (NetworkConfig(preset="classic", latent_dim=4), "sphere", (8, 8, 1)),
        (NetworkConfig(preset="classic", latent_dim=4, upsampling="bilinear"), "fsq", (8, 8, 5)),
        (
            NetworkConfig(preset="classic", downsampling="maxpool", upsampling="transposed"),
            "plain",
            (7, 8, 1),
        ),
    ],
)
def test_onnx_gives_the_codes_and_images_of_keras(
    network: NetworkConfig, bottleneck: str, shape: tuple[int, int, int]
) -> None:
    model = build_autoencoder(shape, network, BottleneckConfig.parse(bottleneck), seed=1)
    made = export_onnx(model)
    images = random_images((5, *shape))
    codes = model.encode(images)
    np.testing.assert_allclose(run_onnx(made.encoder, images), codes, atol=1e-5)
    for n in (1, 5):
        np.testing.assert_allclose(
            run_onnx(made.decoder, codes[:n]), model.decode(codes[:n]), atol=1e-5
        )


def test_a_code_that_no_image_has_is_taken_to_the_nearest() -> None:
    model = build_autoencoder(
        (8, 8, 1), NetworkConfig(preset="classic", latent_dim=2), BottleneckConfig.parse("sphere")
    )
    decoder = export_onnx(model).decoder
    far = np.array([[30.0, 40.0]], np.float32)
    near = np.asarray(model.bottleneck.project(far))
    assert np.linalg.norm(near) == pytest.approx(np.sqrt(2))
    np.testing.assert_allclose(run_onnx(decoder, far), model.decode(near), atol=1e-5)


@pytest.mark.slow
def test_a_model_in_bfloat16_is_exported_in_float32() -> None:
    network = NetworkConfig(preset="fast", latent_dim=3)
    model = autoencoder_from_elsewhere((8, 8, 1), network, "mixed_bfloat16")
    exact = build_autoencoder((8, 8, 1), network, seed=2)
    exact.set_weights(model.get_weights())
    images = random_images((4, 8, 8, 1))
    made = export_onnx(model)
    np.testing.assert_allclose(run_onnx(made.encoder, images), exact.encode(images), atol=1e-5)
    assert f"version: {OPSET}" in str(_opsets(made.decoder))


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_autoencoder((8, 8, 1), NetworkConfig(latent_dim=2))
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "tf2onnx", None)
        with pytest.raises(ConfigError, match=r'tf2onnx is not .*pip install "zscape\[explore\]"'):
            export_onnx(model)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ConfigError, match="KERAS_BACKEND=tensorflow"):
        export_onnx(model)


def _opsets(content: bytes) -> object:
    import onnx

    return onnx.load_from_string(content).opset_import
