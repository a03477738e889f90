"""Training speed and memory as images, channels, codes or data sets grow.

`python -m benchmarks.workers.growth SIZE CHANNELS LATENT_DIM N_IMAGES SECONDS` measures one point
in a fresh process, since the peak of a process' memory never goes down again.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time

import numpy as np

from benchmarks.workers.contenders import zscape_training

BATCH_SIZE = 64
FIRST_STEPS = 3  # with the compilation; not timed
MEBIBYTE = 2**20

# (side of the image, channels, latent dimensions, images): one thing at a time from the first.
BASE = (28, 1, 10, 10_000)
POINTS = (
    BASE,
    *((side, *BASE[1:]) for side in (64, 128, 256)),
    *((28, channels, 10, 10_000) for channels in (3, 8)),
    *((28, 1, latent_dim, 10_000) for latent_dim in (2, 64)),
    *((28, 1, 10, n_images) for n_images in (1_000, 60_000)),
)


def peak_mib() -> float:
    """Return the most memory this process has had, in MiB.

    Linux counts from what the starting process had, which must therefore be small.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MEBIBYTE


def measure_point(
    side: int, channels: int, latent_dim: int, n_images: int, seconds: float
) -> dict[str, float]:
    """Train on random images for some seconds; return images/s and memory.

    Args:
        side: height and width of an image.
        channels: channels of an image.
        latent_dim: length of a code.
        n_images: images in the data set.
        seconds: how long to train at least, and twice as long at most.
    """
    # isort: split  # as users are told to: zscape first
    import zscape  # noqa: F401

    # isort: split
    import keras

    keras.ops.zeros(1)  # TensorFlow takes its first memory with its first array
    imported = peak_mib()
    shape = (side, side, channels)
    images = np.random.default_rng(0).integers(0, 256, (n_images, *shape), dtype=np.uint8)
    # Whole batches only: another size of the last one would be compiled while the clock runs.
    in_epoch = n_images // BATCH_SIZE
    model, batches = zscape_training(images[: in_epoch * BATCH_SIZE], latent_dim, BATCH_SIZE)

    def train(steps: int) -> float:
        # Keras counts steps over one pass through the data only.
        epochs, steps_per_epoch = (1, steps) if steps < in_epoch else (steps // in_epoch, None)
        data = batches.for_fit()
        started = time.perf_counter()
        model.fit(data, epochs=epochs, steps_per_epoch=steps_per_epoch, shuffle=False, verbose=0)
        return time.perf_counter() - started

    steps = FIRST_STEPS
    train(steps)
    taken = 0.0
    while taken < seconds:
        steps *= 2
        steps -= steps % in_epoch if steps > in_epoch else 0
        taken = train(steps)
    return {
        "images_per_second": round(steps * BATCH_SIZE / taken, 1),
        "seconds": round(taken, 1),
        "data_mib": round(n_images * math.prod(shape) / MEBIBYTE, 1),
        "peak_mib": round(peak_mib(), 1),
        "peak_above_import_mib": round(peak_mib() - imported, 1),
        "parameters": model.count_params(),
    }


def main() -> None:
    """Measure the point on the command line and print it as JSON."""
    *point, seconds = sys.argv[1:]
    side, channels, latent_dim, n_images = (int(value) for value in point)
    print(json.dumps(measure_point(side, channels, latent_dim, n_images, float(seconds))))


if __name__ == "__main__":
    main()
