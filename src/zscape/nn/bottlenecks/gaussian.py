"""The bottleneck of a variational autoencoder: a normal distribution of codes for each image."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zscape.nn.bottlenecks import Bottleneck, register_bottleneck
from zscape.registry import check_number

MAX_LOG_VARIANCE = 8.0  # beyond it exp() only makes numbers that train nothing


@register_bottleneck("gaussian")
@keras.saving.register_keras_serializable("zscape")
class GaussianBottleneck(Bottleneck):
    """Every image has a normal distribution of codes, held near the standard normal.

    In training the decoder sees a draw, so that nearby codes must mean similar images; otherwise
    it sees the mean. The loss adds `beta` times the Kullback-Leibler divergence
    KL(N(m, s^2) || N(0, 1)), summed over dimensions, in nats per image. Features (N, 2 d) are the
    means, then the logarithms of the variances.

    Args:
        beta: weight of the divergence; 1 gives the evidence lower bound of pixels with unit
            variance, more gives tidier codes and blurrier images, less the reverse.
        warmup: optimizer steps over which the weight grows from 0 to `beta`.
        free_bits: nats that every dimension may have without a cost, in the mean over a batch.
        **kwargs: what every bottleneck takes.

    References:
        Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014; Higgins et al.,
        beta-VAE, ICLR 2017; Kingma et al., Improved Variational Inference with Inverse
        Autoregressive Flow, NeurIPS 2016 (free bits).
    """

    terms: tuple[str, ...] = ("kl_nats",)
    prior = "standard_normal"
    unit_scale = True
    n_features_per_code = 2

    def __init__(
        self, beta: float = 1.0, warmup: int = 0, free_bits: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.beta = check_number("beta", beta)
        self.warmup = check_number("warmup", warmup, whole=True)
        self.free_bits = check_number("free_bits", free_bits)
        self.random = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the counter of training steps, and a variable for each term."""
        super().build(input_shape)
        self.step = self._state("step", ())

    def encode(self, features: Any) -> Any:
        """Return the means (N, d)."""
        return moments(features)[0]

    def sample(self, features: Any, seed: int) -> Any:
        """Return a draw (N, d) for every image."""
        return draw(*moments(features), seed)

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return draws (N, d) in training, else the means."""
        mean, log_variance = moments(features)
        divergences = ops.mean(kl_from_standard_normal(mean, log_variance), axis=0)  # (d,)
        weight = self.current_weight(training)
        self.latest["kl_nats"].assign(ops.sum(divergences))
        self.charge(ops.sum(ops.maximum(divergences, self.free_bits)), weight)
        return draw(mean, log_variance, self.random) if training else mean

    def current_weight(self, training: bool | None) -> Any:
        """Return `beta`, or in the first training steps a growing part of it."""
        if not training or not self.warmup:
            return self.beta
        self.step.assign_add(1.0)
        return self.beta * ops.minimum(self.step / self.warmup, 1.0)


def kl_from_standard_normal(mean: Any, log_variance: Any) -> Any:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) in nats, of each number by itself."""
    return 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance)


def moments(features: Any) -> tuple[Any, Any]:
    """Return mean and log variance, each (N, d), of features (N, 2 d)."""
    mean, log_variance = ops.split(features, 2, axis=-1)
    return mean, ops.clip(log_variance, -MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)


def draw(mean: Any, log_variance: Any, seed: Any) -> Any:
    """Return a draw (N, d) from each normal distribution."""
    noise = keras.random.normal(ops.shape(mean), seed=seed)
    return ops.add(mean, ops.multiply(ops.exp(log_variance / 2), noise))
