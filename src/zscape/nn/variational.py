"""Bottlenecks with a normal distribution of codes for every image.

`zscape.nn.bottleneck` says how their terms stand beside the mean squared error.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from zscape.nn.bottleneck import Bottleneck

MAX_LOG_VARIANCE = 8.0  # beyond it exp() only makes numbers that train nothing


@keras.saving.register_keras_serializable("zscape")
class GaussianBottleneck(Bottleneck):
    """Every image has a normal distribution of codes, held near the standard normal.

    In training the decoder sees a draw, so that nearby codes must mean similar images; otherwise
    it sees the mean. The loss adds `beta` times the Kullback-Leibler divergence
    KL(N(m, s^2) || N(0, 1)), summed over dimensions, in nats per image.

    Args:
        beta: weight of the divergence; 1 gives the evidence lower bound of pixels with unit
            variance, more gives tidier codes and blurrier images, less the reverse.
        warmup: optimizer steps over which the weight grows from 0 to `beta`.
        free_bits: nats that every dimension may have without a cost, in the mean over a batch.
        **kwargs: what every bottleneck takes.

    Input shape:
        features (N, 2 d): means, then logarithms of variances.

    Output shape:
        codes z (N, d).

    References:
        Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014; Higgins et al.,
        beta-VAE, ICLR 2017; Kingma et al., Improved Variational Inference with Inverse
        Autoregressive Flow, NeurIPS 2016 (free bits).
    """

    terms: tuple[str, ...] = ("kl_nats",)
    prior = "normal"
    n_features_per_code = 2

    def __init__(
        self, beta: float = 1.0, warmup: int = 0, free_bits: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.beta = beta
        self.warmup = warmup
        self.free_bits = free_bits
        self.random = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the counter of training steps, and a variable for each term."""
        super().build(input_shape)
        self.step = self.add_weight(
            name="step", shape=(), initializer="zeros", dtype="float32", trainable=False
        )

    def encode(self, features: Any) -> Any:
        """Return the means (N, d)."""
        return _moments(features)[0]

    def sample(self, features: Any, seed: int) -> Any:
        """Return a draw (N, d) for every image."""
        mean, log_variance = _moments(features)
        return _draw(mean, log_variance, seed)

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return draws (N, d) in training, else the means."""
        mean, log_variance = _moments(features)
        divergences = ops.mean(kl_from_standard_normal(mean, log_variance), axis=0)  # (d,)
        weight = self._weight(training)
        self.latest["kl_nats"].assign(ops.sum(divergences))
        self.charge(ops.sum(ops.maximum(divergences, self.free_bits)), weight)
        return _draw(mean, log_variance, self.random) if training else mean

    def _weight(self, training: bool | None) -> Any:
        """Return `beta`, or in the first training steps a growing part of it."""
        if not training or not self.warmup:
            return self.beta
        self.step.assign_add(1.0)
        return self.beta * ops.minimum(self.step / self.warmup, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        own = {"beta": self.beta, "warmup": self.warmup, "free_bits": self.free_bits}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("zscape")
class TotalCorrelationBottleneck(GaussianBottleneck):
    """A `GaussianBottleneck` that charges most for dimensions that know of each other.

    The divergence from the prior, averaged over images, falls into three parts: the information
    that the code has on which image it is, the total correlation of its dimensions, and each
    dimension's own divergence from the standard normal. Only the second is weighted by `beta`.
    The density of codes over all images is estimated by the mean over those of the batch, so the
    first part cannot be seen above the logarithm of the batch size.

    Args:
        beta: weight of the total correlation.
        warmup: optimizer steps over which all three weights grow from 0.
        **kwargs: what every bottleneck takes.

    References:
        Chen et al., Isolating Sources of Disentanglement in Variational Autoencoders,
        NeurIPS 2018 (beta-TC-VAE).
    """

    terms = ("information_nats", "total_correlation_nats", "dimensions_kl_nats")

    def __init__(self, beta: float = 6.0, warmup: int = 0, **kwargs: Any) -> None:
        kwargs.pop("free_bits", None)  # of the parent; it has no place among three parts
        super().__init__(beta=beta, warmup=warmup, **kwargs)

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return draws (N, d) in training, else the means."""
        mean, log_variance = _moments(features)
        codes = _draw(mean, log_variance, self.random)
        parts = kl_parts(codes, mean, log_variance)
        growth = self._weight(training) / self.beta
        weights = (growth, growth * self.beta, growth)
        for name, part, weight in zip(self.terms, parts, weights, strict=True):
            self.report(name, part, weight)
        return codes if training else mean


# --- distributions ---


def kl_from_standard_normal(mean: Any, log_variance: Any) -> Any:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) in nats, of each number by itself."""
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)


def kl_parts(codes: Any, mean: Any, log_variance: Any) -> tuple[Any, Any, Any]:
    """Return information, total correlation and the dimensions' own divergence, in nats.

    Args:
        codes: (N, d), one drawn for each image.
        mean: (N, d) of the images' distributions.
        log_variance: (N, d).

    Returns:
        Three scalars, whose sum is the mean divergence from the standard normal, estimated with
        the images of the batch as all images there are.
    """
    # log q(z_i | image j) in each dimension: (N, N, d)
    each = log_normal(codes[:, None], mean[None], log_variance[None])
    own = ops.sum(log_normal(codes, mean, log_variance), axis=-1)  # (N,)
    log_n = ops.log(ops.cast(ops.shape(codes)[0], codes.dtype))
    joint = ops.logsumexp(ops.sum(each, axis=-1), axis=1) - log_n  # (N,)
    product = ops.sum(ops.logsumexp(each, axis=1) - log_n, axis=-1)  # (N,)
    prior = ops.sum(log_normal(codes, 0.0, ops.zeros_like(codes)), axis=-1)  # (N,)
    return ops.mean(own - joint), ops.mean(joint - product), ops.mean(product - prior)


def log_normal(x: Any, mean: Any, log_variance: Any) -> Any:
    """Return the log density of a normal distribution, of each number by itself."""
    squares = ops.square(x - mean) * ops.exp(-log_variance)
    return -0.5 * (squares + log_variance + math.log(2 * math.pi))


def _moments(features: Any) -> tuple[Any, Any]:
    """Return mean and log variance, each (N, d)."""
    mean, log_variance = ops.split(features, 2, axis=-1)
    return mean, ops.clip(log_variance, -MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)


def _draw(mean: Any, log_variance: Any, seed: Any) -> Any:
    noise = keras.random.normal(ops.shape(mean), seed=seed)
    return ops.add(mean, ops.multiply(ops.exp(log_variance / 2), noise))
