"""Bottlenecks: what happens to the code between encoder and decoder.

    features (N,f) -> codes z (N,d), with f = d but for those that also predict a spread

Each says what its loss adds to the mean squared error, under a name that ends in its unit:
`nats` and `sq` are per image. In the published losses such terms stand beside half the *sum* of
squared errors of an image, which is the likelihood of its D = H W C values under a unit variance.
zscape's loss is the *mean* over those values, so here the terms are divided by D / 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
from keras import ops

from zscape.config import BottleneckConfig

MAX_LOG_VARIANCE = 8.0  # beyond it exp() only makes numbers that train nothing


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
            of radius sqrt(d)) or None for anywhere.
        n_features_per_code: how many features the encoder gives for every number of the code.
    """

    terms: ClassVar[tuple[str, ...]] = ()
    prior: ClassVar[str | None] = None
    n_features_per_code: ClassVar[int] = 1

    def __init__(self, n_values: int = 1, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_values = n_values
        self.seed = seed
        self.random = keras.random.SeedGenerator(seed)
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
        """Return (N, d) for features."""
        n, n_features = input_shape
        return n, None if n_features is None else n_features // self.n_features_per_code

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

    terms: ClassVar[tuple[str, ...]] = ("kl_nats",)
    prior = "normal"
    n_features_per_code = 2

    def __init__(
        self, beta: float = 1.0, warmup: int = 0, free_bits: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.beta = beta
        self.warmup = warmup
        self.free_bits = free_bits

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
        **kwargs: what every bottleneck takes.

    References:
        Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020 (RAE-L2).
    """

    terms = ("code_sq", "decoder_sq")

    def __init__(self, code: float = 0.1, decoder: float = 0.001, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.code = code
        self.decoder = decoder

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the features (N, d)."""
        self.report("code_sq", ops.mean(ops.sum(ops.square(features), axis=-1)) / 2, self.code)
        return features

    def decoder_penalty(self, weights: Sequence[Any]) -> Any:
        """Return what the kernels of the decoder, not its biases and scales, add to the loss."""
        kernels = [weight for weight in weights if len(weight.shape) > 1]
        squares = sum(ops.sum(ops.square(ops.convert_to_tensor(k))) for k in kernels) / 2
        self.latest["decoder_sq"].assign(squares)
        return ops.multiply(squares, 2.0 * self.decoder / self.n_values)

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        return {**super().get_config(), "code": self.code, "decoder": self.decoder}


@keras.saving.register_keras_serializable("zscape")
class ScalarQuantizedBottleneck(Bottleneck):
    """Every number of the code is one of a few levels, evenly spaced from -1 to 1.

    The gradient goes through the rounding as if it were not there.

    Args:
        levels: levels of a number, 2 or more; a code then has d log2(levels) bits.
        **kwargs: what every bottleneck takes.

    References:
        Mentzer et al., Finite Scalar Quantization: VQ-VAE Made Simple, ICLR 2024.
    """

    def __init__(self, levels: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.levels = levels

    def encode(self, features: Any) -> Any:
        """Return the nearest levels (N, d)."""
        return self._rounded(ops.tanh(features))

    def nearest(self, codes: Any) -> Any:
        """Return the nearest levels (N, d)."""
        return self._rounded(ops.clip(codes, -1.0, 1.0))

    def _rounded(self, values: Any) -> Any:
        steps = (self.levels - 1) / 2  # from -1 to 0
        scaled = ops.multiply(ops.add(values, 1.0), steps)  # in [0, levels - 1]
        rounded = scaled + ops.stop_gradient(ops.round(scaled) - scaled)
        return ops.subtract(ops.divide(rounded, steps), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        return {**super().get_config(), "levels": self.levels}


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


def _moments(features: Any) -> tuple[Any, Any]:
    """Return mean and log variance, each (N, d)."""
    mean, log_variance = ops.split(features, 2, axis=-1)
    return mean, ops.clip(log_variance, -MAX_LOG_VARIANCE, MAX_LOG_VARIANCE)


def _draw(mean: Any, log_variance: Any, seed: Any) -> Any:
    noise = keras.random.normal(ops.shape(mean), seed=seed)
    return ops.add(mean, ops.multiply(ops.exp(log_variance / 2), noise))


CLASSES: dict[str, type[Bottleneck]] = {
    "plain": PlainBottleneck,
    "gaussian": GaussianBottleneck,
    "tc": TotalCorrelationBottleneck,
    "mmd": MmdBottleneck,
    "regularized": RegularizedBottleneck,
    "fsq": ScalarQuantizedBottleneck,
    "sphere": SphereBottleneck,
}


def build_bottleneck(config: BottleneckConfig, *, n_values: int = 1, seed: int = 0) -> Bottleneck:
    """Build the bottleneck that `config` names.

    Args:
        config: name and options.
        n_values: H W C of an image.
        seed: seeds what is random in training.
    """
    # Codes stay float32, whatever the global policy is: bfloat16 would keep three digits only.
    return CLASSES[config.name](
        n_values=n_values, seed=seed, name="bottleneck", dtype="float32", **config.options
    )
