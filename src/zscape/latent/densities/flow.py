"""A normalising flow: an invertible network between codes and the standard normal distribution."""

from __future__ import annotations

import math
from typing import Any, Self

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from zscape.errors import ConfigError
from zscape.latent.densities import matching_codes, moments, positive_count, register_density
from zscape.latent.densities._network import NetworkDensity
from zscape.latent.paths import finite_codes
from zscape.nn.layers import seeded_initializers

N_COUPLINGS = 8
WIDTH = 64
N_STEPS = 2000
BATCH_SIZE = 512
LEARNING_RATE = 2e-3
MAX_LOG_SCALE = 2.0  # of one coupling: none may stretch codes without bounds


@register_density("flow")
class Flow(NetworkDensity):
    """Affine couplings: half of the dimensions stay and say how the other half is scaled and moved.

    References:
        Dinh, Sohl-Dickstein and Bengio, Density Estimation Using Real NVP, ICLR 2017.
    """

    learned = ("shift", "scale")

    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        """Learn from codes (N, d), d at least 2, by maximum likelihood."""
        codes = finite_codes(codes)
        if codes.shape[1] < 2:
            raise ConfigError(
                "a flow needs codes of 2 dimensions or more; choose normal, gmm or kde."
            )
        self.shift, self.scale = moments(codes)
        round_codes = ((codes - self.shift) / self.scale).astype(np.float32)
        self.network = self.build_network(seed)
        rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, N_STEPS)
        optimizer = keras.optimizers.Adam(rate, global_clipnorm=10.0)
        self.network.compile(
            optimizer, _negative_log_likelihood, jit_compile=keras.backend.backend() == "jax"
        )
        rng = np.random.default_rng(seed)
        nothing = np.zeros((BATCH_SIZE, 1), np.float32)  # Keras wants targets
        for _ in range(N_STEPS):
            batch = round_codes[rng.integers(len(codes), size=BATCH_SIZE)]
            self.network.train_on_batch(batch, nothing)
        return self

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        draws = np.random.default_rng(seed).standard_normal((positive_count(n), len(self.shift)))
        codes = ops.convert_to_numpy(self.network.invert(draws.astype(np.float32)))
        return (codes * self.scale + self.shift).astype(np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        centred = matching_codes(codes, len(self.shift)) - self.shift
        scaled = (centred / self.scale).astype(np.float32)
        values = ops.convert_to_numpy(self.network(scaled))[:, 0]
        return values.astype(np.float64) - np.log(self.scale).sum()

    def build_network(self, seed: int = 0) -> keras.Model:
        """Return the couplings, which are not learned yet."""
        return _Couplings(len(self.shift), seed)


class _Couplings(keras.Model):
    """From codes (N, d) to their log density (N, 1), and from normal draws back to codes."""

    def __init__(self, n_dims: int, seed: int) -> None:
        super().__init__(name="flow")
        initializers = seeded_initializers(seed, part=2)
        # The same halves after loading, whatever the seed was: they are no weights.
        rng = np.random.default_rng(n_dims)
        order = np.arange(n_dims)
        self.stays: list[np.ndarray] = []
        self.networks = []
        for index in range(N_COUPLINGS):
            if index % 2 == 0:
                order = rng.permutation(n_dims)
            half = order[: n_dims // 2] if index % 2 == 0 else order[n_dims // 2 :]
            self.stays.append(np.isin(np.arange(n_dims), half).astype(np.float32))
            hidden = [
                keras.layers.Dense(WIDTH, "silu", kernel_initializer=next(initializers))
                for _ in range(2)
            ]
            # Zeros: the flow starts as the identity.
            last = keras.layers.Dense(2 * n_dims, kernel_initializer="zeros")
            self.networks.append(keras.Sequential([keras.Input((n_dims,)), *hidden, last]))
        self.build((None, n_dims))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Everything is built already."""
        self.built = True

    def call(self, codes: Any) -> Any:
        """Return the log density (N, 1) in nats."""
        log_volume: Any = 0.0
        for stays, network in zip(self.stays, self.networks, strict=True):
            log_scale, move = _affine(network, codes, stays)
            codes = codes * ops.exp(log_scale) + move
            log_volume = log_volume + ops.sum(log_scale, axis=-1, keepdims=True)
        squares = ops.sum(ops.square(codes), axis=-1, keepdims=True)
        return log_volume - 0.5 * (squares + codes.shape[-1] * math.log(2 * math.pi))

    def invert(self, draws: Any) -> Any:
        """Return the codes (N, d) that become `draws`."""
        for stays, network in zip(self.stays[::-1], self.networks[::-1], strict=True):
            log_scale, move = _affine(network, draws, stays)
            draws = (draws - move) * ops.exp(-log_scale)
        return draws


def _affine(network: keras.Model, codes: Any, stays: np.ndarray) -> tuple[Any, Any]:
    """Return log scale and shift, each (N, d), of the dimensions that change; 0 for the others."""
    log_scale, move = ops.split(network(codes * stays), 2, axis=-1)
    bounded = MAX_LOG_SCALE * ops.tanh(log_scale / MAX_LOG_SCALE)
    return bounded * (1 - stays), move * (1 - stays)


def _negative_log_likelihood(_: Any, log_density: Any) -> Any:
    return -ops.mean(log_density)
