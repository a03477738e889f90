"""The Muon optimizer for networks with convolutions."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("zscape")
class ConvMuon(keras.optimizers.Muon):
    """Muon, also for the kernels of convolutions; biases and scales go by Adam.

    Muon replaces the gradient of a matrix by the nearest matrix whose singular values are all
    one, so that rare directions move as fast as common ones. Keras' own does so for matrices
    only, and leaves convolutions to Adam. A kernel (kh, kw, in, out) is a matrix (kh kw in, out)
    just as well: the convolution multiplies every patch of the image with it.

    References:
        Jordan et al., Muon: An Optimizer for Hidden Layers in Neural Networks, 2024;
        Liu et al., Muon is Scalable for LLM Training, arXiv:2502.16982 (the step size, which
        makes learning rates those of Adam).
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) < 2 or min(_matrix_shape(variable)) < 2

    def _muon_update_step(
        self, gradient: Any, variable: keras.Variable, lr: Any, m: keras.Variable
    ) -> None:
        self.assign_add(m, ops.multiply(ops.subtract(gradient, m), 1 - self.momentum))
        ahead = ops.add(ops.multiply(gradient, 1 - self.momentum), ops.multiply(m, self.momentum))
        matrix = ops.reshape(ahead, _matrix_shape(variable))
        step = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        step = ops.reshape(ops.multiply(step, ops.cast(lr, step.dtype)), variable.shape)
        self.assign_sub(variable, step)


def _matrix_shape(variable: keras.Variable) -> tuple[int, int]:
    *rows, columns = variable.shape
    n_rows = 1
    for size in rows:
        n_rows *= size
    return n_rows, columns
