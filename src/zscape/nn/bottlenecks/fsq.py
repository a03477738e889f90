"""Finite scalar quantisation: every number of the code is one of a few levels."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zscape.nn.bottlenecks import Bottleneck, register_bottleneck
from zscape.registry import check_number


@register_bottleneck("fsq")
@keras.saving.register_keras_serializable("zscape")
class ScalarQuantizedBottleneck(Bottleneck):
    """Every number of the code is one of a few levels, evenly spaced from -1 to 1.

    Args:
        levels: levels of a number, 2 or more; a code then has d log2(levels) bits.

    References:
        Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, ICLR 2024.
    """

    prior = "autoregressive"
    default_density = "prior"
    discrete = True

    def __init__(self, levels: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.levels = check_number("levels", levels, low=2, whole=True)
        self.steps = (self.levels - 1) / 2  # from -1 to 0

    def encode(self, features: Any) -> Any:
        return self._rounded(ops.tanh(features))

    def project(self, codes: Any) -> Any:
        return self._rounded(ops.clip(codes, -1.0, 1.0))

    def code_indices(self, codes: Any) -> Any:
        """Return the number of the level (N, d) of every number of a code, from 0."""
        return ops.cast(ops.round((self.project(codes) + 1.0) * self.steps), "int32")

    def codes_from_indices(self, indices: Any) -> Any:
        """Return codes (N, d) with levels of these numbers."""
        return ops.cast(indices, "float32") / self.steps - 1.0

    def _rounded(self, values: Any) -> Any:
        scaled = ops.multiply(ops.add(values, 1.0), self.steps)  # in [0, levels - 1]
        rounded = scaled + ops.stop_gradient(ops.round(scaled) - scaled)
        return ops.subtract(ops.divide(rounded, self.steps), 1.0)
