"""The bottleneck of a beta-TC-VAE: independent latent dimensions."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from zscape.nn.bottlenecks import register_bottleneck
from zscape.nn.bottlenecks.gaussian import GaussianBottleneck, draw, moments
from zscape.registry import check_number


@register_bottleneck("tc")
@keras.saving.register_keras_serializable("zscape")
class TotalCorrelationBottleneck(GaussianBottleneck):
    """A `GaussianBottleneck` that penalises total correlation between latent dimensions.

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
        kwargs.pop("free_bits", None)  # the base class stores it; it means nothing for three parts
        super().__init__(check_number("beta", beta, above=True), warmup, **kwargs)

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return draws (N, d) in training, else the means."""
        mean, log_variance = moments(features)
        codes = draw(mean, log_variance, self.random)
        parts = kl_parts(codes, mean, log_variance)
        growth = self.current_weight(training) / self.beta
        weights = (growth, growth * self.beta, growth)
        for name, part, weight in zip(self.terms, parts, weights, strict=True):
            self.report(name, part, weight)
        return codes if training else mean


def kl_parts(codes: Any, mean: Any, log_variance: Any) -> tuple[Any, Any, Any]:
    """Return information, total correlation and the dimensions' own divergence, in nats.

    Their sum is the mean divergence from the standard normal, estimated with the images of the
    batch as all images there are; codes (N, d), one drawn for each image, and the moments (N, d).
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
