"""Towers: a batch cut into parts that the processor's cores work on side by side.

TensorFlow normally spreads every single operation over all cores. Those of a small network are
too short for that: the cores spend much of their time waiting for each other. When each operation
keeps to one core and every core has a part of the batch to itself, training is about a quarter
faster, and nearly twice as fast in bfloat16 (`benchmarks/results/speed.md`). The arithmetic is the
same but for the order in which the gradients of the parts are added up.
"""

from __future__ import annotations

import functools
import os

_THREADS = "TF_NUM_INTRAOP_THREADS"  # TensorFlow reads it once, when it starts
_MAX_TOWERS = 8  # each is another copy of the graph


def use_towers() -> None:
    """Ask for towers; only before TensorFlow is imported, and a choice of the user's stays."""
    os.environ.setdefault(_THREADS, "1")


@functools.cache
def n_towers() -> int:
    """Return the number of parts to cut a batch into: 1 unless operations keep to one core."""
    import keras

    if keras.backend.backend() != "tensorflow" or os.environ.get(_THREADS) != "1":
        return 1
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        return 1
    return min(len(os.sched_getaffinity(0)), _MAX_TOWERS)
