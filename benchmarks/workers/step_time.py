"""What a worker of one core does: `python -m benchmarks.workers.step_time PRESET SIDE BATCH`.

Keras on JAX, the optimizer of the preset, random images of SIDE x SIDE pixels. Prints, in seconds
of a core, the least of several training steps, and of drawing noise for one image; and the number
of trainable parameters. With `results` as only word: the results of a run on MNIST.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

MOST_STEPS, MOST_SECONDS = 12, 40.0
N_NOISY = 64


def least(work: Callable[[], object]) -> float:
    """Return how long a core works for something, the least of several times.

    Of the processor, not of the clock: others may use the machine.
    """
    seconds: list[float] = []
    started = time.perf_counter()
    while len(seconds) < MOST_STEPS and time.perf_counter() - started < MOST_SECONDS:
        before = time.process_time()
        work()
        seconds.append(time.process_time() - before)
    return min(seconds)


def steps(preset: str, side: int, batch: int) -> dict[str, float]:
    """Measure one network with one batch size."""
    from zscape.jobs.plan import plan_training
    from zscape.model import build_autoencoder
    from zscape.training.optimizer import build_optimizer

    plan = plan_training({"preset": preset, "latent_dim": 16})
    model = build_autoencoder((side, side, 1), plan.network, seed=0)
    model.compile(
        optimizer=build_optimizer(plan.training, 1000),
        loss="mean_squared_error",
        jit_compile=model.jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(0)
    images = rng.random((batch, side, side, 1), np.float32)
    model.train_on_batch(images, images)  # compiles
    shape = (N_NOISY, side, side, 1)
    return {
        "seconds": least(lambda: model.train_on_batch(images, images)),
        "noise": least(lambda: rng.standard_normal(shape, np.float32)) / N_NOISY,
        "parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables),
    }


def results() -> dict[str, float]:
    """Measure what the first process does alone at the end."""
    from zscape.jobs.evaluate import write_results
    from zscape.jobs.train import train

    with tempfile.TemporaryDirectory() as folder:
        run = train("mnist", out=f"{folder}/run", latent_dim=10, epochs=1, limit=10_000)
        before = time.process_time()
        write_results(run)
        return {"results": time.process_time() - before}


if __name__ == "__main__":
    words = sys.argv[1:]
    found = results() if words == ["results"] else steps(words[0], int(words[1]), int(words[2]))
    print(json.dumps(found))
