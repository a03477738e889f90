"""A mixture of normal distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from zscape.latent.densities import (
    Density,
    matching_codes,
    moments,
    positive_count,
    register_density,
)
from zscape.latent.paths import finite_codes

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

CODES_PER_COMPONENT = 200  # with fewer, unseen codes become less likely


@register_density("gmm")
class Mixture(Density):
    """A mixture of normal distributions with full covariances, by expectation maximisation.

    Args:
        n_components: how many at most; fewer when there are few codes.
    """

    learned = ("weights", "means", "covariances", "shift", "scale")

    def __init__(self, n_components: int = 256) -> None:
        self.n_components = n_components

    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        from sklearn.mixture import GaussianMixture

        codes = finite_codes(codes)
        n_components = max(1, min(self.n_components, len(codes) // CODES_PER_COMPONENT))
        # In units of the spread of the codes: the floor under variances means the same for all.
        self.shift, self.scale = moments(codes)
        scaled = (codes - self.shift) / self.scale
        # With this `tol`: the last steps take most of the time and change the draws little.
        fitted = GaussianMixture(
            n_components, reg_covar=1e-5, tol=1e-2, max_iter=200, random_state=seed
        ).fit(scaled if len(scaled) > 1 else np.concatenate([scaled, scaled]))  # it wants two
        self.weights, self.means = fitted.weights_, fitted.means_
        self.covariances = fitted.covariances_
        return self

    def shapes(self) -> dict[str, tuple[int, ...]]:
        n, d = len(self.weights), len(self.shift)
        return {"weights": (n,), "means": (n, d), "covariances": (n, d, d), "shift": (d,),
                "scale": (d,)}  # fmt: skip

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        draws, _ = self._mixture(seed).sample(positive_count(n))
        order = np.random.default_rng(seed).permutation(n)  # they come sorted by component
        return np.asarray(draws[order] * self.scale + self.shift, dtype=np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        scaled = (matching_codes(codes, len(self.shift)) - self.shift) / self.scale
        values: NDArray[np.float64] = self._mixture().score_samples(scaled)
        return values - float(np.log(self.scale).sum())

    def _mixture(self, seed: int = 0) -> GaussianMixture:
        from sklearn.mixture import GaussianMixture

        made = GaussianMixture(len(self.weights), random_state=seed)
        made.weights_, made.means_ = self.weights, self.means
        made.covariances_ = self.covariances
        # P with P P^T the inverse of the covariance L L^T is the transposed inverse of L.
        factors = np.linalg.inv(np.linalg.cholesky(self.covariances))
        made.precisions_cholesky_ = factors.swapaxes(1, 2)
        return made
