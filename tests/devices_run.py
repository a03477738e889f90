"""Three devices train as one does; `test_training.py` runs this in a process of its own."""

import tempfile
from pathlib import Path

import numpy as np

import zscape
from zscape.data.load import load_dataset
from zscape.settings import CorruptionConfig, TrainConfig
from zscape.training.fit import fit_autoencoder
from zscape.training.processes import current_share, spread

images = np.random.default_rng(0).random((60, 8, 8, 1), dtype=np.float32)
dataset = load_dataset(images, seed=0)
noise = CorruptionConfig.parse("gaussian:sigma=0.2")


def first_epoch(bottleneck: str, corruption: CorruptionConfig) -> dict[str, float]:
    network = zscape.NetworkConfig(preset="classic", latent_dim=2)
    model = zscape.build_autoencoder((8, 8, 1), network, bottleneck)
    # No batch, and not what is left for the last one, can be divided by three.
    config = TrainConfig(epochs=1, batch_size=7, corruption=corruption)
    with tempfile.TemporaryDirectory() as folder:
        (row,) = fit_autoencoder(model, dataset, config, Path(folder)).history
    return row


# Those that look at all images of a batch: their statistics must not see the padding.
for bottleneck, corruption, tolerance in (
    ("tc", noise, 1e-5),
    ("mmd", CorruptionConfig(), 1e-5),
    ("vq:codebook=8", CorruptionConfig(), 2e-2),
):
    alone = first_epoch(bottleneck, corruption)
    with spread():
        assert current_share() == (0, 1, 3)
        together = first_epoch(bottleneck, corruption)
    assert current_share() == (0, 1, 1)
    for name, value in alone.items():
        if name not in ("seconds", "images_per_second"):
            error = abs(together[name] - value)
            assert error <= tolerance * max(1.0, abs(value)), (bottleneck, name, value, error)
print("done")
