"""Training steps on one core: `python -m benchmarks.workers.step_time PRESET SIDE BATCH`.

Keras on JAX, the optimizer of the preset, random images of SIDE x SIDE pixels. Prints how long a
core works for one step, the least of several, and the number of trainable parameters.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

MOST_STEPS, MOST_SECONDS = 12, 40.0


def main() -> None:
    """Measure one network with one batch size."""
    preset, side, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
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
    images = np.random.default_rng(0).random((batch, side, side, 1), np.float32)
    model.train_on_batch(images, images)  # compiles
    seconds: list[float] = []
    started = time.perf_counter()
    while len(seconds) < MOST_STEPS and time.perf_counter() - started < MOST_SECONDS:
        # Of the processor, not of the clock: others may use the machine.
        before = time.process_time()
        model.train_on_batch(images, images)
        seconds.append(time.process_time() - before)
    parameters = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    print(json.dumps({"seconds": min(seconds), "steps": len(seconds), "parameters": parameters}))


if __name__ == "__main__":
    main()
