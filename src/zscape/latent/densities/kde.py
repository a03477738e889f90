"""A kernel at every code."""

from __future__ import annotations

from typing import Any, Self

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

MAX_KERNELS = 10_000
N_HELD_OUT = 1000
WIDTHS = np.geomspace(0.02, 1.0, 18)  # in standard deviations


@register_density("kde")
class Kernels(Density):
    """A small round normal distribution at every code, after the codes were made round.

    The width is the one under which held-out codes are likeliest.

    References:
        Rosenblatt, Remarks on Some Nonparametric Estimates of a Density Function, 1956;
        Duin, On the Choice of Smoothing Parameters for Parzen Estimators, 1976 (held-out codes).
    """

    learned = ("codes", "width", "shift", "factor")

    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        """Learn from codes (N, d); at most 10,000 of them are kept."""
        from sklearn.neighbors import KernelDensity

        codes = finite_codes(codes)
        order = np.random.default_rng(seed).permutation(len(codes))
        self.shift = codes.mean(axis=0)
        self.factor = _spread(codes)  # (d, d): round codes times it are as wide as the codes
        round_codes = self._rounded(codes)
        n_held_out = min(N_HELD_OUT, len(codes) // 5)
        held_out = round_codes[order[:n_held_out]]
        self.codes = round_codes[order[n_held_out:][:MAX_KERNELS]]
        likelihoods = [
            KernelDensity(bandwidth=width).fit(self.codes).score(held_out) if n_held_out else 0.0
            for width in WIDTHS
        ]
        self.width = float(WIDTHS[int(np.argmax(likelihoods))])
        return self

    def shapes(self) -> dict[str, tuple[int, ...]]:
        d = len(self.shift)
        return {"codes": (len(self.codes), d), "width": (), "shift": (d,), "factor": (d, d)}

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        centres = self.codes[rng.integers(len(self.codes), size=positive_count(n))]
        draws = centres + rng.normal(scale=self.width, size=centres.shape)
        return np.asarray(draws @ self.factor.T + self.shift, dtype=np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        from sklearn.neighbors import KernelDensity

        round_codes = self._rounded(matching_codes(codes, len(self.shift)))
        kernels = KernelDensity(bandwidth=self.width).fit(self.codes)
        values: NDArray[np.float64] = kernels.score_samples(round_codes)
        return values - float(np.linalg.slogdet(self.factor)[1])

    def _rounded(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.linalg.solve(self.factor, (codes - self.shift).T).T


def _spread(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a matrix L (d, d) with L L^T the covariance of codes, never singular."""
    _, scale = moments(codes)
    covariance = np.cov(codes, rowvar=False).reshape(len(scale), -1) if len(codes) > 1 else 0.0
    return np.linalg.cholesky(covariance + 1e-6 * np.diag(scale**2)).astype(np.float64)
