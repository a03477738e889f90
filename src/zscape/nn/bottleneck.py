"""Bottlenecks: what happens to the code between encoder and decoder.

    features (N,f) -> codes z (N,d), with f = d but for those that also predict a spread
    features (N,h,w,d) -> codes z (N,h,w,d) where codes are spatial

Each says what its loss adds to the mean squared error, under a name that ends in its unit:
`nats` and `sq` are per image. In the published losses such terms stand beside half the *sum* of
squared errors of an image, which is the likelihood of its D = H W C values under a unit variance.
zscape's loss is the *mean* over those values, so here the terms are divided by D / 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops


class Bottleneck(keras.layers.Layer):
    """What all bottlenecks share.

    Args:
        n_values: H W C of an image; see the top of this module.
        seed: seeds what is random in training.
        **kwargs: what every Keras layer takes, such as `name` and `dtype`.

    Attributes:
        latest: the terms of the last batch, a variable each.
        terms: names of the terms of the loss beside the reconstruction's.
        prior: where codes shall lie: `normal` (standard normal), `sphere` (uniform on the sphere
            of radius sqrt(d)), `autoregressive` (choices from a list, learned after the training)
            or None for anywhere.
        spatial: whether codes keep height and width, as (N, h, w, d).
        n_features_per_code: how many features the encoder gives for every number of the code.
    """

    terms: tuple[str, ...] = ()
    prior: ClassVar[str | None] = None
    spatial: ClassVar[bool] = False
    n_features_per_code: ClassVar[int] = 1

    def __init__(self, n_values: int = 1, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_values = n_values
        self.seed = seed
        self.latest: dict[str, keras.Variable] = {}

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make a variable for each term."""
        # Variables and not metrics: on JAX only the state of layers comes out of a training step.
        self.latest = {
            name: self.add_weight(name=name, shape=(), initializer="zeros", trainable=False)
            for name in self.terms
        }

    def encode(self, features: Any) -> Any:
        """Return the codes (N, d) of features; always the same for the same features."""
        return features

    def sample(self, features: Any, seed: int) -> Any:
        """Return codes (N, d) drawn from what the features allow; here there is one only."""
        return self.encode(features)

    def nearest(self, codes: Any) -> Any:
        """Return the nearest codes (N, d) that an image can have; here any."""
        return codes

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the codes (N, d) for the decoder, and report the terms of the loss."""
        return self.encode(features)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (N, d) for features, or (N, h, w, d)."""
        *others, n_features = input_shape
        n_dims = None if n_features is None else n_features // self.n_features_per_code
        return *others, n_dims

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        return {**super().get_config(), "n_values": self.n_values, "seed": self.seed}

    def decoder_penalty(self, weights: Sequence[Any]) -> Any:
        """Return what the weights of the decoder add to the loss."""
        return 0.0

    def report(self, name: str, value: Any, weight: Any) -> None:
        """Note a term of the loss, and add it with its weight, per image, to the loss."""
        self.latest[name].assign(value)
        self.charge(value, weight)

    def charge(self, value: Any, weight: Any) -> None:
        """Add a value per image to the loss, with its weight."""
        self.add_loss(ops.multiply(value, 2.0 * weight / self.n_values))


@keras.saving.register_keras_serializable("zscape")
class PlainBottleneck(Bottleneck):
    """The features are the code: an ordinary autoencoder, with no prior and no penalty.

    Input shape:
        features (N, d).

    Output shape:
        codes z (N, d).

    References:
        Hinton and Salakhutdinov, Reducing the Dimensionality of Data with Neural Networks,
        Science 313, 2006.
    """


@keras.saving.register_keras_serializable("zscape")
class MmdBottleneck(Bottleneck):
    """Codes are not random, but all of them together shall look like the standard normal.

    The loss adds `weight` times the squared maximum mean discrepancy between the codes of a batch
    and as many draws from the prior, under a sum of inverse multiquadric kernels.

    Args:
        weight: weight of the discrepancy.
        **kwargs: what every bottleneck takes.

    References:
        Tolstikhin et al., Wasserstein Auto-Encoders, ICLR 2018; Zhao et al., InfoVAE, AAAI 2019.
    """

    terms = ("mmd",)
    prior = "normal"

    def __init__(self, weight: float = 100.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.weight = weight
        self.random = keras.random.SeedGenerator(self.seed)

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the features (N, d)."""
        prior = keras.random.normal(ops.shape(features), seed=self.random)
        self.report("mmd", squared_mmd(features, prior), self.weight)
        return features

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable("zscape")
class RegularizedBottleneck(Bottleneck):
    """No chance at all: small codes, and a decoder held smooth by small weights.

    Meant to be followed by a density fitted to the codes, from which new ones are drawn.

    Args:
        code: weight of half the squared length of a code.
        decoder: weight of half the squared length of all kernels of the decoder.
        spectral: weight of half the squared spectral norm of each of these kernels, the most by
            which it can stretch its input.
        **kwargs: what every bottleneck takes.

    References:
        Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020 (RAE-L2, RAE-SN);
        Yoshida and Miyato, Spectral Norm Regularization for Improving the Generalizability of
        Deep Learning, 2017.
    """

    terms: tuple[str, ...] = ("code_sq", "decoder_sq")

    def __init__(
        self, code: float = 0.1, decoder: float = 0.001, spectral: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.code = code
        self.decoder = decoder
        self.spectral = spectral
        if spectral:
            self.terms = (*self.terms, "spectral_sq")

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the features (N, d)."""
        self.report("code_sq", ops.mean(ops.sum(ops.square(features), axis=-1)) / 2, self.code)
        return features

    def decoder_penalty(self, weights: Sequence[Any]) -> Any:
        """Return what the kernels of the decoder, not its biases and scales, add to the loss."""
        kernels = [ops.convert_to_tensor(weight) for weight in weights if len(weight.shape) > 1]
        squares = sum(ops.sum(ops.square(kernel)) for kernel in kernels) / 2
        self.latest["decoder_sq"].assign(squares)
        penalty = ops.multiply(squares, self.decoder)
        if self.spectral:
            norms = sum(squared_spectral_norm(kernel) for kernel in kernels) / 2
            self.latest["spectral_sq"].assign(norms)
            penalty = penalty + ops.multiply(norms, self.spectral)
        return penalty * (2.0 / self.n_values)

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        own = {"code": self.code, "decoder": self.decoder, "spectral": self.spectral}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("zscape")
class SphereBottleneck(Bottleneck):
    """Codes lie on the sphere of radius sqrt(d), where all of them are equally far from 0.

    On that sphere each coordinate has the mean square of a standard normal one.

    Args:
        noise: standard deviation of the normal noise that is added in training before a code is
            put back on the sphere.
        **kwargs: what every bottleneck takes.

    References:
        Zhao, Zhu and Zhang, Latent Variables on Spheres for Autoencoders in High Dimensions,
        2019; Davidson et al., Hyperspherical Variational Auto-Encoders, UAI 2018.
    """

    prior = "sphere"

    def __init__(self, noise: float = 0.1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.noise = noise
        self.random = keras.random.SeedGenerator(self.seed)

    def encode(self, features: Any) -> Any:
        """Return the codes (N, d) on the sphere."""
        squares = ops.mean(ops.square(features), axis=-1, keepdims=True)
        return ops.multiply(features, ops.rsqrt(squares + 1e-12))

    def nearest(self, codes: Any) -> Any:
        """Return the nearest codes (N, d) on the sphere."""
        return self.encode(codes)

    def sample(self, features: Any, seed: int) -> Any:
        """Return codes (N, d) with noise, on the sphere."""
        return self._noisy(self.encode(features), seed)

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the codes (N, d), in training with noise."""
        codes = self.encode(features)
        return self._noisy(codes, self.random) if training and self.noise else codes

    def _noisy(self, codes: Any, seed: Any) -> Any:
        noise = keras.random.normal(ops.shape(codes), stddev=self.noise, seed=seed)
        return self.encode(ops.add(codes, noise))

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        return {**super().get_config(), "noise": self.noise}


KERNEL_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def squared_mmd(codes: Any, prior: Any) -> Any:
    """Return the unbiased squared maximum mean discrepancy of two samples (N, d), a scalar.

    The kernel is the sum over scales s of C / (C + |x - y|^2) with C = 2 d s. An estimate without
    bias is below 0 now and then. Two samples of one each have none: 0.
    """
    n = ops.cast(ops.shape(codes)[0], codes.dtype)
    n_pairs = ops.maximum(n * (n - 1), 1.0)
    n_dims = codes.shape[-1]

    def kernel_sum(a: Any, b: Any) -> Any:
        distances = ops.sum(ops.square(a[:, None] - b[None]), axis=-1)  # (N, N)
        return sum(
            ops.sum(2 * n_dims * scale / (2 * n_dims * scale + distances))
            for scale in KERNEL_SCALES
        )

    diagonal = n * len(KERNEL_SCALES)  # every point is at distance 0 from itself
    within = kernel_sum(codes, codes) + kernel_sum(prior, prior) - 2 * diagonal
    return ops.where(n > 1, within / n_pairs - 2 * kernel_sum(codes, prior) / (n * n), 0.0)


N_POWER_STEPS = 12


def squared_spectral_norm(kernel: Any) -> Any:
    """Return the largest squared singular value of a kernel (..., n_in, n_out), by power iteration.

    The kernel counts as one matrix with `n_out` columns.
    """
    matrix = ops.reshape(kernel, (-1, kernel.shape[-1]))
    square = ops.matmul(ops.transpose(matrix), matrix)  # (n_out, n_out)
    fixed = ops.stop_gradient(square)
    # Any start will do that is not at a right angle to the answer: a row of the matrix, about.
    direction = ops.sum(fixed, axis=1) + ops.diagonal(fixed)
    for _ in range(N_POWER_STEPS):
        direction = ops.matmul(fixed, direction)
        direction = direction * ops.rsqrt(ops.sum(ops.square(direction)) + 1e-30)
    direction = ops.stop_gradient(direction)
    return ops.sum(direction * ops.matmul(square, direction))
