"""zscape's models for the generation benchmark, one a process.

`python -m benchmarks.workers.generation_own BOTTLENECK IMAGES.npz SECONDS SEED OUT.npz DENSITY...`
trains with the recipe of the preset for as many epochs as fit into so many seconds of processor
time, and writes reconstructions of the test images and draws of every density.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.training import settings, train_best
from zscape.settings import BottleneckConfig

LATENT_DIM = 16
PRESET: str = "fast"
PILOT_IMAGES = 6400


def main() -> None:
    """Train one model, and write what it makes."""
    text, path, seconds, seed, out, *densities = sys.argv[1:]
    from zscape.data.load import load_dataset

    dataset = load_dataset("mnist", seed=int(seed))
    with np.load(path) as stored:
        assert np.array_equal(stored["train"], dataset.train.images)
    model, facts = _train(dataset, text, float(seconds), int(seed))
    made = {"reconstructions": model.reconstruct(dataset.test.images)}
    codes, fits = model.encode(dataset.train.images), {}
    for density in densities:
        started = time.process_time()
        made[density] = _draw(model, codes, density, int(seed), len(dataset.test))
        fits[density] = round(time.process_time() - started, 1)
    np.savez(
        out, **{key: np.rint(255 * np.clip(a, 0, 1)).astype(np.uint8) for key, a in made.items()}
    )
    print(json.dumps({**facts, "sampler_seconds": fits}))


def _train(dataset: Any, text: str, seconds: float, seed: int) -> tuple[Any, dict[str, float]]:
    """Train for as many epochs as fit into the time; return the best model."""
    import keras

    from zscape.data.images import Dataset

    def train(images: Any, epochs: int) -> tuple[Any, list[float]]:
        config = settings(PRESET, images, seed, epochs=epochs, patience=epochs)
        times = [time.process_time()]
        clock = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: times.append(time.process_time())
        )
        bottleneck = BottleneckConfig.parse(text)
        trained = train_best(
            images, PRESET, LATENT_DIM, config, bottleneck=bottleneck, callbacks=[clock]
        )
        return trained.model, times

    few = Dataset(
        name=dataset.name,
        train=dataset.train.take(np.arange(PILOT_IMAGES)),
        validation=dataset.validation.take(np.arange(500)),
        test=dataset.test,
        fingerprint=dataset.fingerprint,
    )
    _, (start, first, second) = train(few, 2)
    # The first epoch also builds the graph.
    overhead = first - start - (second - first)
    an_epoch = (second - first) * len(dataset.train) / PILOT_IMAGES
    epochs = max(1, int((seconds - overhead) / an_epoch))
    model, times = train(dataset, epochs)
    return model, {"epochs": epochs, "seconds": round(times[-1] - times[0], 1)}


def _draw(model: Any, codes: Any, density: str, seed: int, n: int) -> Any:
    from zscape.latent.densities import density_class

    kind = density_class(density, model.bottleneck.prior)
    known = model.code_indices(codes) if kind.of_indices else codes
    drawn = kind().fit(known, seed).sample(n, seed)
    back = model.codes_from_indices if kind.of_indices else model.project
    return model.decode(back(drawn))


if __name__ == "__main__":
    main()
