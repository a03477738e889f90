"""What the JAX backend must be able to do; `test_model.py` runs this in a process of its own."""

import sys
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np

import zscape
from zscape.data.batches import ReconstructionBatches
from zscape.data.images import epoch_order
from zscape.nn.layers import NarrowConv2D, UpsampleConv2D
from zscape.training.optimizer import ConvMuon

print(keras.backend.backend())

rng = np.random.default_rng(0)
inputs = rng.random((2, 5, 4, 3), dtype=np.float32)
upsampling = keras.layers.UpSampling2D(2)
convolution = keras.layers.Conv2D(6, 3, padding="same", activation="tanh")
for plain, ours in (
    (keras.Sequential([upsampling, convolution]), UpsampleConv2D(6, activation="tanh")),
    (keras.Sequential([convolution]), NarrowConv2D(6, activation="tanh")),
):
    plain.build(inputs.shape)
    ours.build(inputs.shape)
    ours.set_weights(plain.get_weights())
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(ours(inputs)),
        keras.ops.convert_to_numpy(plain(inputs)),
        atol=1e-5,
    )

# A model that TensorFlow trained and saved gives the same here.
saved, folder = map(Path, sys.argv[1:])
expected = np.load(saved / "expected.npz")
model = keras.saving.load_model(saved / "model.keras", compile=False)
assert type(model) is zscape.Autoencoder
np.testing.assert_allclose(model.encode(expected["images"]), expected["codes"], atol=1e-5)
np.testing.assert_allclose(model.decode(expected["codes"]), expected["decoded"], atol=1e-5)

images = rng.integers(0, 256, (16, 5, 4, 3), dtype=np.uint8)
model = zscape.build_autoencoder((5, 4, 3), zscape.NetworkConfig(latent_dim=2), seed=1)
model.compile(optimizer=ConvMuon(1e-2), loss="mse")
batches = ReconstructionBatches(images, batch_size=8, shuffle_seed=0)
before = model.evaluate(batches, verbose=0)
model.fit(batches, epochs=1, verbose=0)
assert model.evaluate(batches, verbose=0) < before

# Each epoch has its own batches, in their order.
first_pixels: list[float] = []


class Recorder(keras.Model):
    """Writes down which batches it gets, and changes nothing."""

    def call(self, inputs: Any) -> Any:
        return inputs

    def train_step(self, state: Any, data: Any) -> Any:
        jax.debug.callback(lambda value: first_pixels.append(float(value)), data[0][0, 0, 0, 0])
        return {"loss": 0.0}, state


recorder = Recorder()
recorder.compile(loss="mse")
ordered = ReconstructionBatches(images, batch_size=3, shuffle_seed=0)
recorder.fit(ordered, epochs=3, shuffle=False, verbose=0)
jax.effects_barrier()
expected_pixels = [
    float(images[epoch_order(16, 0, epoch)[start], 0, 0, 0]) / 255
    for epoch in range(3)
    for start in range(0, 16, 3)
]
np.testing.assert_allclose(first_pixels, expected_pixels, atol=1e-6)

# The terms of a bottleneck come out of a step that has no side effects.
for name, term in (("gaussian", "kl_nats"), ("vq", "usage_bits")):
    model_with_terms = zscape.build_autoencoder(
        (5, 4, 3), zscape.NetworkConfig(latent_dim=2), zscape.BottleneckConfig.parse(name)
    )
    model_with_terms.compile(optimizer="adam", loss="mse")
    history = model_with_terms.fit(batches, epochs=1, verbose=0).history
    assert history[term][0] > 0

zscape.save_model(model, folder / "model.keras")
loaded = zscape.load_model(folder / "model.keras")
codes = model.encode(images)
assert codes.shape == (16, 2)
np.testing.assert_allclose(loaded.encode(images), codes, atol=1e-6)
np.testing.assert_allclose(loaded.decode(codes), model.reconstruct(images), atol=1e-5)
print("done")
