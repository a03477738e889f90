"""The prior of the bottleneck `sphere`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zscape.latent.densities import matching_codes, register_density
from zscape.latent.densities.standard_normal import StandardNormal


@register_density("sphere")
class Sphere(StandardNormal):
    """The uniform distribution on the sphere of radius sqrt(d)."""

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        draws = super().sample(n, seed)
        lengths = np.linalg.norm(draws, axis=1, keepdims=True)
        return np.asarray(draws / lengths * math.sqrt(self.n_dims), dtype=np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Return the log density on the sphere; where a code is off it does not matter."""
        d, n = self.n_dims, len(matching_codes(codes, self.n_dims))
        log_area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
        return np.full(n, -log_area - (d - 1) / 2 * math.log(d))
