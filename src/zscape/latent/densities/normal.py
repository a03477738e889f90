"""One normal distribution."""

from __future__ import annotations

from zscape.latent.densities import register_density
from zscape.latent.densities.gmm import Mixture


@register_density("normal")
class Normal(Mixture):
    """One normal distribution with a full covariance."""

    def __init__(self) -> None:
        super().__init__(n_components=1)
