"""Layers that Keras does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import keras
import numpy as np
from keras import KerasTensor, ops

DATA_FORMAT = "channels_last"  # of every layer here, whatever Keras' own setting is


class _Convolution(keras.layers.Layer):
    """What the layers below share: kernel and bias of a convolution, and the activation.

    They take what `keras.layers.Conv2D` takes, but no sizes, strides or padding.
    """

    scale: ClassVar[int] = 2  # height and width of the output, in those of the input

    def __init__(
        self,
        filters: int,
        *,
        activation: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the kernel and the bias for the channels of the input."""
        shape = self._kernel_shape(input_shape[-1])
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=self.kernel_initializer
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer=self.bias_initializer
        )

    def _kernel_shape(self, n_channels: int | None) -> tuple[int | None, ...]:
        return 3, 3, n_channels, self.filters

    def call(self, inputs: Any) -> Any:
        """Return the convolved images (N, H, W, filters), or (N, 2 H, 2 W, filters)."""
        kernel = ops.convert_to_tensor(self.kernel)  # in the compute dtype; JAX needs an array
        return self.activation(ops.add(self._convolve(inputs, kernel), self.bias))

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        raise NotImplementedError

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (N, H, W, filters), or (N, 2 H, 2 W, filters), for (N, H, W, C)."""
        n, *sizes, _ = input_shape
        return n, *(size and size * self.scale for size in sizes), self.filters

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


@keras.saving.register_keras_serializable("zscape")
class UpsampleConv2D(_Convolution):
    """Nearest upsampling by two, then a 3x3 convolution, as one operation.

    Repeating every pixel twice in both directions and convolving with a 3x3 kernel is a
    linear map in which several taps always see the same pixel. Their sums form the 4x4 kernel
    of a transposed convolution with stride 2, which gives the same result without making the
    four times larger image, and with 16 multiplications for every 36.

    The layer holds the ordinary 3x3 kernel, so that its weights are those of
    `UpSampling2D(2)` followed by `Conv2D(filters, 3, padding="same")`, in both directions.

    It maps (N, H, W, C) to (N, 2 H, 2 W, filters) with a kernel (3, 3, C, filters).

    References:
        Odena, Dumoulin and Olah, Deconvolution and Checkerboard Artifacts, Distill 2016
        (why to interpolate before a convolution).

    Example:
        >>> tuple(UpsampleConv2D(32, activation="relu")(keras.ops.ones((1, 7, 7, 64))).shape)
        (1, 14, 14, 32)
    """

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        # Each output pixel of a phase sees two input pixels in a direction: the first tap
        # alone and the sum of the other two, or the reverse.
        if keras.backend.backend() == "jax":
            return _in_phases(inputs, kernel)
        # A transposed convolution wants them back to front, and its channels as (out, in).
        kernel = _sum_shared_taps(_sum_shared_taps(kernel, axis=0), axis=1)
        kernel = ops.transpose(kernel, (0, 1, 3, 2))  # (4, 4, filters, C)
        return ops.conv_transpose(inputs, kernel, 2, "same", data_format=DATA_FORMAT)


@keras.saving.register_keras_serializable("zscape")
class SubpixelConv2DTranspose(_Convolution):
    """A 6x6 transposed convolution with stride 2, as a 3x3 convolution to four sub-pixels.

    Each input pixel becomes 2x2 output pixels, and each of those sees 3x3 input pixels through
    every second tap of the kernel in both directions. One ordinary convolution computes the four
    as channels, which are then put in their places. Forwards it is three times as fast as the
    direct form at 32 channels to one, with gradients half as fast again
    (`benchmarks/results/speed.md`), and the result is the same.

    The weights are those of `Conv2DTranspose(filters, 6, strides=2, padding="same")`. It maps
    (N, H, W, C) to (N, 2 H, 2 W, filters) with a kernel (6, 6, filters, C).

    References:
        Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient
        Sub-Pixel Convolutional Neural Network, CVPR 2016; Shi et al., Is the Deconvolution Layer
        the Same as a Convolutional Layer?, arXiv:1609.07009.

    Example:
        >>> tuple(SubpixelConv2DTranspose(1)(keras.ops.ones((1, 14, 14, 32))).shape)
        (1, 28, 28, 1)
    """

    def _kernel_shape(self, n_channels: int | None) -> tuple[int | None, ...]:
        return 6, 6, self.filters, n_channels

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        n_channels = kernel.shape[3]
        # Tap 2a + p belongs to sub-pixel p; a transposed convolution has them back to front.
        kernel = ops.reshape(kernel, (3, 2, 3, 2, self.filters, n_channels))
        kernel = ops.transpose(ops.flip(kernel, (0, 2)), (0, 2, 5, 1, 3, 4))
        kernel = ops.reshape(kernel, (3, 3, n_channels, 4 * self.filters))
        subpixels = ops.conv(inputs, kernel, padding="same", data_format=DATA_FORMAT)
        return ops.depth_to_space(subpixels, 2, data_format=DATA_FORMAT)


@keras.saving.register_keras_serializable("zscape")
class NarrowConv2D(_Convolution):
    """A 3x3 convolution to very few channels, as a product over channels and a sum over taps.

    Processors multiply matrices of many columns; a convolution to one channel has one. Here the
    nine taps are columns of one matrix, so that every pixel is first multiplied with all taps
    at once, and a second convolution with a fixed kernel of zeros and ones puts each of the
    nine maps in its place and adds them up. Twice as fast as the direct form at 32 channels to
    one (`benchmarks/results/speed.md`), and the same result.

    The weights are those of `Conv2D(filters, 3, padding="same")`, in both directions. It maps
    (N, H, W, C) to (N, H, W, filters) with a kernel (3, 3, C, filters).

    Example:
        >>> tuple(NarrowConv2D(1, activation="sigmoid")(keras.ops.ones((1, 28, 28, 32))).shape)
        (1, 28, 28, 1)
    """

    scale = 1

    def _convolve(self, inputs: Any, kernel: Any) -> Any:
        n_channels, n_maps = kernel.shape[2], 9 * self.filters
        taps = ops.transpose(ops.reshape(kernel, (9, n_channels, self.filters)), (1, 0, 2))
        taps = ops.reshape(taps, (1, 1, n_channels, n_maps))
        maps = ops.conv(inputs, taps, padding="same", data_format=DATA_FORMAT)  # (N, H, W, 9 F)
        # Tap t of map (t, f) is one for output f: row t of an identity, once for every f.
        placing = np.einsum("ts,fg->tsfg", np.eye(9), np.eye(self.filters))
        placing = ops.cast(placing.reshape(3, 3, n_maps, self.filters), maps.dtype)
        return ops.conv(maps, placing, padding="same", data_format=DATA_FORMAT)


def _sum_shared_taps(kernel: KerasTensor, axis: int) -> KerasTensor:
    """Turn three taps a, b, c along `axis` into the four c, b+c, a+b, a."""
    first, middle, last = ops.unstack(kernel, 3, axis=axis)
    return ops.stack([last, middle + last, first + middle, first], axis=axis)


def _in_phases(inputs: Any, kernel: Any) -> Any:
    """Compute the four phases of the output by a 2x2 convolution each, and interleave them.

    XLA computes the gradients of a transposed convolution on processors without a matrix product:
    this takes a sixth of the time.
    """
    rows = []
    for p, taps in enumerate(_phase_taps(kernel, axis=0)):
        phases = []
        for q, square in enumerate(_phase_taps(taps, axis=1)):
            padded = ops.pad(inputs, ((0, 0), (1 - p, p), (1 - q, q), (0, 0)))
            phases.append(ops.conv(padded, square, padding="valid", data_format=DATA_FORMAT))
        rows.append(ops.stack(phases, axis=3))
    interleaved = ops.stack(rows, axis=2)  # (N, H, 2, W, 2, filters)
    _, height, _, width, _, filters = interleaved.shape
    return ops.reshape(interleaved, (-1, 2 * height, 2 * width, filters))


def _phase_taps(kernel: Any, axis: int) -> tuple[Any, Any]:
    """Turn three taps a, b, c along `axis` into a, b+c for even pixels and a+b, c for odd ones."""
    first, middle, last = ops.unstack(kernel, 3, axis=axis)
    even = ops.stack([first, middle + last], axis=axis)
    return even, ops.stack([first + middle, last], axis=axis)


def seeded_initializers(seed: int, part: int) -> Iterator[keras.initializers.Initializer]:
    """Yield kernel initializers without end, each with a seed that follows from the two numbers.

    The `part` is a number for the part of the model, so that encoder and decoder differ.

    References:
        Glorot and Bengio, Understanding the Difficulty of Training Deep Feedforward Neural
        Networks, AISTATS 2010.
    """
    rng = np.random.default_rng([seed, part])
    while True:
        yield keras.initializers.GlorotUniform(seed=int(rng.integers(2**31)))
