"""The bottleneck of a regularised autoencoder: small codes and a smooth decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zscape.nn.bottlenecks import Bottleneck, register_bottleneck
from zscape.registry import check_number


@register_bottleneck("regularized")
@keras.saving.register_keras_serializable("zscape")
class RegularizedBottleneck(Bottleneck):
    """No chance at all: small codes, and a decoder held smooth by small weights.

    Meant to be followed by a density fitted to the codes, from which new ones are drawn.

    Args:
        code: weight of half the squared length of a code.
        decoder: weight of half the squared length of all kernels of the decoder.
        spectral: weight of half the squared spectral norm of each of these kernels, the most by
            which it can stretch its input.

    References:
        Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020 (RAE-L2, RAE-SN);
        Yoshida and Miyato, Spectral Norm Regularization for Improving the Generalizability of
        Deep Learning, 2017.
    """

    terms: tuple[str, ...] = ("code_sq", "decoder_sq")

    def __init__(
        self, code: float = 0.1, decoder: float = 0.001, spectral: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.code = check_number("code", code)
        self.decoder = check_number("decoder", decoder)
        self.spectral = check_number("spectral", spectral)
        if spectral:
            self.terms = (*self.terms, "spectral_sq")

    def call(self, features: Any, training: bool | None = None) -> Any:
        self.report("code_sq", ops.mean(ops.sum(ops.square(features), axis=-1)) / 2, self.code)
        return features

    def decoder_penalty(self, weights: Sequence[Any]) -> Any:
        """Return what the kernels of the decoder, not its biases and scales, add to the loss."""
        kernels = [ops.convert_to_tensor(weight) for weight in weights if len(weight.shape) > 1]
        squares = sum(ops.sum(ops.square(kernel)) for kernel in kernels) / 2
        self.latest["decoder_sq"].assign(squares)
        penalty = ops.multiply(squares, self.decoder)
        if self.spectral:
            norms = sum(squared_spectral_norm(kernel) for kernel in kernels) / 2
            self.latest["spectral_sq"].assign(norms)
            penalty = penalty + ops.multiply(norms, self.spectral)
        return penalty * (2.0 / self.n_values)


N_POWER_STEPS = 12


def squared_spectral_norm(kernel: Any) -> Any:
    """Return the largest squared singular value of a kernel (..., n_in, n_out), by power iteration.

    The kernel counts as one matrix with `n_out` columns.
    """
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    square = ops.matmul(ops.transpose(matrix), matrix)  # (n_out, n_out)
    fixed = ops.stop_gradient(square)
    # Any start will do that is not at a right angle to the answer: a row of the matrix, about.
    direction = ops.sum(fixed, axis=1) + ops.diagonal(fixed)
    for _ in range(N_POWER_STEPS):
        direction = ops.matmul(fixed, direction)
        direction = direction * ops.rsqrt(ops.sum(ops.square(direction)) + 1e-30)
    direction = ops.stop_gradient(direction)
    return ops.sum(direction * ops.matmul(square, direction))
