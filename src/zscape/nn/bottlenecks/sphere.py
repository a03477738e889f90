"""A bottleneck with codes on a sphere."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zscape.nn.bottlenecks import Bottleneck, register_bottleneck
from zscape.registry import check_number


@register_bottleneck("sphere")
@keras.saving.register_keras_serializable("zscape")
class SphereBottleneck(Bottleneck):
    """Codes lie on the sphere of radius sqrt(d), where all of them are equally far from 0.

    On that sphere each coordinate has the mean square of a standard normal one.

    Args:
        noise: standard deviation of the normal noise that is added in training before a code is
            put back on the sphere.

    References:
        Zhao, Zhu and Zhang, Latent Variables on Spheres for Autoencoders in High Dimensions,
        2019; Davidson et al., Hyperspherical Variational Auto-Encoders, UAI 2018.
    """

    prior = "sphere"
    unit_scale = True

    def __init__(self, noise: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.noise = check_number("noise", noise)
        self.random = keras.random.SeedGenerator(self.seed)

    def encode(self, features: Any) -> Any:
        squares = ops.mean(ops.square(features), axis=-1, keepdims=True)
        return ops.multiply(features, ops.rsqrt(squares + 1e-12))

    def project(self, codes: Any) -> Any:
        return self.encode(codes)

    def sample(self, features: Any, seed: int) -> Any:
        return self._noisy(self.encode(features), seed)

    def call(self, features: Any, training: bool | None = None) -> Any:
        codes = self.encode(features)
        return self._noisy(codes, self.random) if training and self.noise else codes

    def _noisy(self, codes: Any, seed: Any) -> Any:
        noise = keras.random.normal(ops.shape(codes), stddev=self.noise, seed=seed)
        return self.encode(ops.add(codes, noise))
