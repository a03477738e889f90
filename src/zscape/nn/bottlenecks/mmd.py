"""The bottleneck of a Wasserstein autoencoder (InfoVAE): a penalty on the codes of a batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zscape.nn.bottlenecks import Bottleneck, register_bottleneck
from zscape.registry import check_number


@register_bottleneck("mmd")
@keras.saving.register_keras_serializable("zscape")
class MmdBottleneck(Bottleneck):
    """Codes are not random, but all of them together shall look like the standard normal.

    The loss adds `weight` times the squared maximum mean discrepancy between the codes of a batch
    and as many draws from the prior, under a sum of inverse multiquadric kernels.

    Args:
        weight: weight of the discrepancy.

    References:
        Tolstikhin et al., Wasserstein Auto-Encoders, ICLR 2018; Zhao et al., InfoVAE, AAAI 2019.
    """

    terms = ("mmd",)
    prior = "standard_normal"
    unit_scale = True

    def __init__(self, weight: float = 100.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = check_number("weight", weight)
        self.random = keras.random.SeedGenerator(self.seed)

    def call(self, features: Any, training: bool | None = None) -> Any:
        prior = keras.random.normal(ops.shape(features), seed=self.random)
        self.report("mmd", squared_mmd(features, prior), self.weight)
        return features


KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def squared_mmd(codes: Any, prior: Any) -> Any:
    """Return the unbiased squared maximum mean discrepancy of two samples (N, d), a scalar.

    The kernel is the sum over scales s of C / (C + |x - y|^2) with C = 2 d s. An estimate without
    bias is below 0 now and then. Two samples of one each have none: 0.
    """
    n = ops.cast(ops.shape(codes)[0], codes.dtype)
    n_pairs = ops.maximum(n * (n - 1), 1.0)
    widths = [2 * codes.shape[-1] * scale for scale in KERNEL_SCALES]

    def kernel_sum(a: Any, b: Any) -> Any:
        distances = ops.sum(ops.square(a[:, None] - b[None]), axis=-1)  # (N, N)
        return sum(ops.sum(width / (width + distances)) for width in widths)

    diagonal = n * len(KERNEL_SCALES)  # every point is at distance 0 from itself
    within = kernel_sum(codes, codes) + kernel_sum(prior, prior) - 2 * diagonal
    return ops.where(n > 1, within / n_pairs - 2 * kernel_sum(codes, prior) / (n * n), 0.0)
