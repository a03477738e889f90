"""The hot layers of the decoders in several forms: `python -m benchmarks.layer_forms`.

All forms of a layer are the same function of input, kernel and bias; that their values and
gradients agree is checked first. Then each in turn computes values and gradients of a shard, with
one thread per operation, as in training. Those that lost stay here, so that nobody needs to try
them again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

# isort: split  # as users are told to: zscape first
import keras
import numpy as np
import tensorflow as tf

from zscape.nn.layers import NarrowConv2D, SubpixelConv2DTranspose, UpsampleConv2D

BATCH_SIZE = 32  # a shard, on two cores, of the usual batch
CALLS = 10  # of one form in one round
TOLERANCE = 1e-4

Form = Callable[[Any, Any, Any], Any]  # (N, H, W, C), kernel, bias -> (N, ?, ?, F)


# --- nearest upsampling by two, 3x3 convolution, ReLU ---


def plain_pair(x: Any, kernel: Any, bias: Any) -> Any:
    """As written: the image four times as large, then the convolution."""
    x = tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)  # (N, 2 H, 2 W, C)
    return tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)


def transposed(x: Any, kernel: Any, bias: Any) -> Any:
    """Our layer: one transposed convolution with a 4x4 kernel."""
    return _layer_form(UpsampleConv2D(kernel.shape[3], activation="relu"), x, kernel, bias)


def four_phases(x: Any, kernel: Any, bias: Any) -> Any:
    """Each of the four pixels that come from one as a 2x2 convolution, all in one kernel."""
    phases = [tap for rows in _phases(kernel, 0) for tap in _phases(rows, 1)]
    x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    x = tf.nn.conv2d(x, tf.concat(phases, 3), 1, "VALID")  # (N, H + 1, W + 1, 4 F)
    x = tf.nn.relu(x + tf.tile(bias, [4]))
    return tf.nn.depth_to_space(x, 2)[:, 1:-1, 1:-1]  # (N, 2 H, 2 W, F)


def _phases(kernel: Any, axis: int) -> tuple[Any, Any]:
    """Turn taps a, b, c along `axis` into a+b, c (odd pixels) and a, b+c (even pixels)."""
    first, middle, last = tf.unstack(kernel, 3, axis=axis)
    return tf.stack([first + middle, last], axis), tf.stack([first, middle + last], axis)


def nine_products(x: Any, kernel: Any, bias: Any) -> Any:
    """Nine products for four pixels instead of sixteen, after differences of neighbours.

    In one direction the two pixels that come from x[i] are a x[i-1] + (b+c) x[i] and
    (a+b) x[i] + c x[i+1]. Both are (a+b+c) x[i] plus a tap times a difference of neighbours, and
    two pixels share a difference: three products for two pixels, nine in two directions.
    """
    kernel = _difference_taps(_difference_taps(kernel, 0), 1)
    down = _differences(x, 1)  # (N, H + 1, W, C)
    plain = _multiply(x, [kernel[0, 0]])[0]  # (N, H, W, F)
    rows = _multiply(down, [kernel[1, 0], kernel[2, 0]])
    columns = _multiply(_differences(x, 2), [kernel[0, 1], kernel[0, 2]])
    corners = _multiply(_differences(down, 2), [kernel[i, j] for i in (1, 2) for j in (1, 2)])
    before, after = slice(None, -1), slice(1, None)
    sides = (before, after)  # the even pixel needs the difference before it, the odd one after

    def pixel(i: int, j: int) -> Any:
        corner = corners[2 * i + j][:, sides[i], sides[j]]
        return plain + rows[i][:, sides[i]] + columns[j][:, :, sides[j]] + corner

    outputs = tf.stack([tf.stack([pixel(i, j) for j in (0, 1)], 3) for i in (0, 1)], 2)
    n, height, width, _ = x.shape  # outputs (N, H, 2, W, 2, F)
    outputs = tf.reshape(outputs, (n, 2 * height, 2 * width, bias.shape[0]))
    return tf.nn.relu(outputs + bias)


def _difference_taps(kernel: Any, axis: int) -> Any:
    """Turn taps a, b, c along `axis` into a+b+c, -a, c."""
    first, middle, last = tf.unstack(kernel, 3, axis=axis)
    return tf.stack([first + middle + last, -first, last], axis)


def _differences(x: Any, axis: int) -> Any:
    """Return x[i] - x[i-1] along `axis`, zero outside the image: one more than x has."""
    if axis == 1:
        x = tf.pad(x, [[0, 0], [1, 1], [0, 0], [0, 0]])
        return x[:, 1:] - x[:, :-1]
    x = tf.pad(x, [[0, 0], [0, 0], [1, 1], [0, 0]])
    return x[:, :, 1:] - x[:, :, :-1]


def _multiply(x: Any, kernels: list[Any]) -> list[Any]:
    """Multiply the channels of x with several matrices (C, F) in one product."""
    return tf.split(_product(x, tf.concat(kernels, 1)), len(kernels), axis=3)


def _product(x: Any, matrix: Any) -> Any:
    """Multiply the channels of x (N, H, W, C) with a matrix (C, F)."""
    # One large product: TensorFlow would take many small ones for an x of four dimensions.
    n_in, n_out = matrix.shape
    return tf.reshape(tf.matmul(tf.reshape(x, (-1, n_in)), matrix), (*x.shape[:3], n_out))


# --- 3x3 convolution to one channel, sigmoid ---


def direct(x: Any, kernel: Any, bias: Any) -> Any:
    """As written."""
    return tf.sigmoid(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)


def narrow(x: Any, kernel: Any, bias: Any) -> Any:
    """Our layer: one map for each tap, put in place by a fixed convolution."""
    return _layer_form(NarrowConv2D(kernel.shape[3], activation="sigmoid"), x, kernel, bias)


def shifted_sums(x: Any, kernel: Any, bias: Any) -> Any:
    """One map for each tap, put in place by shifting and adding; for one output channel."""
    _, height, width, n_channels = x.shape
    taps = tf.transpose(tf.reshape(kernel, (9, n_channels)))  # (C, 9)
    maps = tf.pad(_product(x, taps), [[0, 0], [1, 1], [1, 1], [0, 0]])
    shifted = [
        maps[:, i : i + height, j : j + width, 3 * i + j] for i in range(3) for j in range(3)
    ]
    return tf.sigmoid(tf.add_n(shifted)[..., None] + bias)


def _layer_form(layer: keras.Layer, x: Any, kernel: Any, bias: Any) -> Any:
    # Instead of weights of its own, which cannot be made while TensorFlow compiles.
    layer.kernel, layer.bias = kernel, bias
    return layer.call(x)


# --- 6x6 transposed convolution with stride 2; kernel (6, 6, F, C) ---


def direct_transposed(x: Any, kernel: Any, bias: Any) -> Any:
    """As written."""
    n, height, width, _ = x.shape
    shape = (n, 2 * height, 2 * width, kernel.shape[2])
    return tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME") + bias


def subpixels(x: Any, kernel: Any, bias: Any) -> Any:
    """Our layer: a 3x3 convolution to four sub-pixels, which are put in their places."""
    return _layer_form(SubpixelConv2DTranspose(kernel.shape[2]), x, kernel, bias)


def placed_maps(x: Any, kernel: Any, bias: Any) -> Any:
    """One map for each of 36 taps, put in place by a fixed convolution; for one output channel."""
    taps = tf.transpose(tf.reshape(kernel, (36, kernel.shape[3])))  # (C, 36)
    placing = np.zeros((3, 3, 36, 4), np.float32)
    for row, column in np.ndindex(6, 6):
        place = 2 - row // 2, 2 - column // 2
        placing[(*place, 6 * row + column, 2 * (row % 2) + column % 2)] = 1
    maps = tf.nn.conv2d(x, taps[None, None], 1, "SAME")
    return tf.nn.depth_to_space(tf.nn.conv2d(maps, placing, 1, "SAME"), 2) + bias


# --- what is measured ---

# The forms of a layer, and whether XLA compiles them. The first is what the others are checked
# against.
UPSAMPLING: dict[str, tuple[Form, bool]] = {
    "upsampling, then convolution": (plain_pair, False),
    "transposed convolution 4x4 (ours)": (transposed, False),
    "transposed convolution 4x4, XLA": (transposed, True),
    "2x2 convolution to four phases, depth to space": (four_phases, False),
    "nine products of differences": (nine_products, False),
}
LAST: dict[str, tuple[Form, bool]] = {
    "convolution": (direct, False),
    "a map for each tap, fixed convolution (ours)": (narrow, False),
    "a map for each tap, shifted sums": (shifted_sums, False),
    "a map for each tap, shifted sums, XLA": (shifted_sums, True),
}
PATCHES: dict[str, tuple[Form, bool]] = {
    "transposed convolution": (direct_transposed, False),
    "3x3 convolution to sub-pixels (ours)": (subpixels, False),
    "a map for each tap, fixed convolution": (placed_maps, False),
}
# Of an input and of the kernel, and the number of output channels.
Shapes = tuple[tuple[int, int, int], tuple[int, ...], int]
LAYERS: dict[str, tuple[Shapes, dict[str, tuple[Form, bool]]]] = {
    "classic, doubling 14x14, 32 channels to 32": (((14, 14, 32), (3, 3, 32, 32), 32), UPSAMPLING),
    "classic, doubling 7x7, 64 channels to 32": (((7, 7, 64), (3, 3, 64, 32), 32), UPSAMPLING),
    "classic, last convolution 28x28, 32 channels to 1": (((28, 28, 32), (3, 3, 32, 1), 1), LAST),
    "fast, overlapping patches 14x14, 32 channels to 1": (
        ((14, 14, 32), (6, 6, 1, 32), 1),
        PATCHES,
    ),
}


class Measured:
    """Values and gradients of one form at fixed inputs."""

    def __init__(self, form: Form, shapes: Shapes, *, xla: bool) -> None:
        image, kernel_shape, n_out = shapes
        rng = np.random.default_rng(0)
        # Small numbers, as in a network: sums over 64 images then keep their digits.
        x, kernel, bias = (
            tf.constant(rng.normal(scale=0.1, size=shape), tf.float32)
            for shape in ((BATCH_SIZE, *image), kernel_shape, (n_out,))
        )

        @tf.function(jit_compile=xla)
        def values_and_gradients() -> list[Any]:
            with tf.GradientTape() as tape:
                tape.watch((x, kernel, bias))
                outputs = form(x, kernel, bias)
            arriving = np.random.default_rng(1).normal(size=outputs.shape).astype(np.float32)
            return [outputs, *tape.gradient(outputs, (x, kernel, bias), tf.constant(arriving))]

        self.run = values_and_gradients

    def milliseconds(self) -> float:
        """Return the time of one call, mean of several."""
        started = time.perf_counter()
        for _ in range(CALLS):
            self.run()
        tf.test.experimental.sync_devices()
        return (time.perf_counter() - started) / CALLS * 1e3


def check_agreement(forms: dict[str, Measured]) -> None:
    """Raise RuntimeError unless all forms have the values and gradients of the first."""
    names = list(forms)
    expected = [array.numpy() for array in forms[names[0]].run()]
    for name in names[1:]:
        for wanted, found in zip(expected, forms[name].run(), strict=True):
            scale = max(1.0, np.abs(wanted).max())
            difference = np.abs(found.numpy() - wanted).max() / scale
            if not difference < TOLERANCE:
                raise RuntimeError(f"{name} differs from {names[0]} by {difference:.1e}")


def main() -> None:
    """Print milliseconds of every layer, form and round as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {}
    for layer, (shapes, forms) in LAYERS.items():
        measured = {name: Measured(form, shapes, xla=xla) for name, (form, xla) in forms.items()}
        check_agreement(measured)
        found[layer] = {name: [] for name in measured}
        for number in range(arguments.rounds + 1):
            for name, form in measured.items():
                milliseconds = form.milliseconds()
                if number:  # the first round is the warm-up
                    found[layer][name].append(round(milliseconds, 3))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
