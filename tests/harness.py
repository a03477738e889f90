"""What every component of a network must do, checked in one place."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

import zscape
from zscape.hardware import has_bfloat16
from zscape.model import Autoencoder
from zscape.nn.bottlenecks import build_bottleneck
from zscape.nn.presets import make_preset

PATIENCE = 200  # seconds for a process; a busy machine is slow

Shape = tuple[int, ...]

# What the processor can compute in; in bfloat16 only where it has the arithmetic.
PRECISIONS = ("float32", "mixed_bfloat16") if has_bfloat16() else ("float32",)


def autoencoder_from_elsewhere(
    shape: tuple[int, int, int], network: zscape.NetworkConfig, precision: str
) -> Autoencoder:
    """Build a model as any processor can, in a precision that this one need not have."""
    return Autoencoder(
        build_encoder(shape, network, dtype=precision),
        build_bottleneck("plain"),
        build_decoder(shape, network, dtype=precision),
    )


def build_encoder(shape: tuple[int, int, int], network: Any, **more: Any) -> keras.Model:
    return make_preset(shape, network, **more).build_encoder()


def build_decoder(shape: tuple[int, int, int], network: Any, **more: Any) -> keras.Model:
    return make_preset(shape, network, **more).build_decoder()


def random_images(shape: Shape, seed: int = 0) -> np.ndarray:
    """Return float32 values in [0, 1]."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def numpy_of(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def check_component(
    make: Callable[[], keras.layers.Layer], inputs: np.ndarray, output_shape: Shape, folder: Path
) -> None:
    """Check shapes, determinism, the configuration, and saving and loading of a component.

    Args:
        make: builds the component, with the same weights every time.
        inputs: one batch for it.
        output_shape: what must come out, the batch axis included.
        folder: an empty folder.
    """
    component = make()
    outputs = numpy_of(component(inputs))

    # shapes
    assert outputs.shape == output_shape
    assert tuple(component.compute_output_shape(inputs.shape)) == output_shape
    symbolic = component(keras.Input(inputs.shape[1:], dtype=str(inputs.dtype)))
    assert symbolic.shape == (None, *output_shape[1:])
    assert keras.backend.standardize_dtype(symbolic.dtype) == str(outputs.dtype)

    # determinism
    np.testing.assert_array_equal(numpy_of(component(inputs)), outputs)
    np.testing.assert_array_equal(numpy_of(make()(inputs)), outputs)

    # configuration: plain JSON, and all there is besides the weights
    config = json.dumps(keras.saving.serialize_keras_object(component))
    again = keras.saving.deserialize_keras_object(json.loads(config))
    again.set_weights(component.get_weights())
    assert json.dumps(keras.saving.serialize_keras_object(again)) == config
    np.testing.assert_array_equal(numpy_of(again(inputs)), outputs)

    # save and load
    images = keras.Input(inputs.shape[1:], dtype=str(inputs.dtype))
    keras.Model(images, component(images)).save(folder / "component.keras")
    loaded = keras.saving.load_model(folder / "component.keras")
    np.testing.assert_array_equal(numpy_of(loaded(inputs)), outputs)


def heed_ctrl_c() -> None:
    """Called in a new process: what a shell runs in the background ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_python(code: str, *arguments: object, **environment: str) -> str:
    """Run code in a fresh interpreter and return what it printed; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
