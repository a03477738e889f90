"""The prior of bottlenecks such as `gaussian`."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zscape.latent.densities import Density, matching_codes, positive_count, register_density
from zscape.latent.paths import finite_codes


@register_density("standard_normal")
class StandardNormal(Density):
    """The standard normal distribution."""

    learned = ("n_dims",)
    needs_codes = False

    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        """Note the number of dimensions of codes (N, d)."""
        self.n_dims = finite_codes(codes).shape[1]
        return self

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        draws = np.random.default_rng(seed).standard_normal((positive_count(n), self.n_dims))
        return draws.astype(np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        squares = np.square(matching_codes(codes, self.n_dims)).sum(axis=1)
        result: NDArray[np.float64] = -0.5 * (squares + self.n_dims * math.log(2 * math.pi))
        return result
