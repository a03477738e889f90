"""What densities share that are networks."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import keras
from numpy.typing import NDArray

from zscape.latent.densities import Density


class NetworkDensity(Density):
    """A density with a Keras model in `network`, whose weights are learned too."""

    network: keras.Model

    @abstractmethod
    def build_network(self, seed: int = 0) -> keras.Model:
        """Return a new network, of the size that the learned attributes say."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        weights = enumerate(self.network.get_weights())
        return {**super().arrays(), **{f"weight_{i:03d}": value for i, value in weights}}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        density = super().from_arrays(arrays)
        density.network = density.build_network()
        names = sorted(name for name in arrays if name.startswith("weight_"))
        density.network.set_weights([arrays[name] for name in names])
        return density
