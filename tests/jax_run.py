"""What the JAX backend must be able to do; `test_model.py` runs this in a process of its own."""

import sys
from pathlib import Path

import keras
import numpy as np

import zscape
from zscape.data.batches import ReconstructionBatches
from zscape.nn.layers import UpsampleConv2D

print(keras.backend.backend())

rng = np.random.default_rng(0)
inputs = rng.random((2, 5, 4, 3), dtype=np.float32)
plain = keras.Sequential(
    [keras.layers.UpSampling2D(2), keras.layers.Conv2D(6, 3, padding="same", activation="tanh")]
)
plain.build(inputs.shape)
fused = UpsampleConv2D(6, activation="tanh")
fused.build(inputs.shape)
fused.set_weights(plain.get_weights())
np.testing.assert_allclose(
    keras.ops.convert_to_numpy(fused(inputs)),
    keras.ops.convert_to_numpy(plain(inputs)),
    atol=1e-5,
)

images = rng.integers(0, 256, (20, 9, 6, 3), dtype=np.uint8)
model = zscape.build_autoencoder((9, 6, 3), zscape.NetworkConfig(latent_dim=2), seed=1)
model.compile(optimizer="adam", loss="mse")
batches = ReconstructionBatches(images, batch_size=8, shuffle_seed=0)
before = model.evaluate(batches, verbose=0)
model.fit(batches, epochs=1, verbose=0)
assert model.evaluate(batches, verbose=0) < before

path = Path(sys.argv[1]) / "model.keras"
zscape.save_model(model, path)
codes = model.encode(images)
assert codes.shape == (20, 2)
for loaded in (zscape.load_model(path), keras.saving.load_model(path)):
    np.testing.assert_allclose(loaded.encode(images), codes, atol=1e-6)
    np.testing.assert_allclose(loaded.decode(codes), model.decode(codes), atol=1e-6)
    np.testing.assert_allclose(loaded.reconstruct(images), model.decode(codes), atol=1e-5)
print("done")
