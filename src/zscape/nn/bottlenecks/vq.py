"""Vector quantisation: codes made of vectors from a learned codebook."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from zscape.nn.bottlenecks import Bottleneck, register_bottleneck
from zscape.registry import check_number

# Below this share of an even use a vector is dead. With a decay of 0.99 one that is never the
# nearest comes to it after 230 steps.
DEAD_SHARE = 0.1


@register_bottleneck("vq")
@keras.saving.register_keras_serializable("zscape")
class VectorQuantizedBottleneck(Bottleneck):
    """Every place of the innermost feature map (N, h, w, d) shows one vector of a codebook.

    The codebook is learned without gradients: every vector moves to the mean of the features for
    which it is the nearest, a step of k-means at a time. A vector that is hardly ever the nearest
    is put where features are badly served. Features and codes are (N, h, w, d).

    Args:
        codebook: how many vectors there are to choose from, 2 or more.
        commitment: weight of the squared distance from features to their vectors, which keeps
            the encoder from running away from its codebook.
        decay: how much of the running means a step keeps, below 1.

    References:
        van den Oord, Vinyals and Kavukcuoglu, Neural Discrete Representation Learning, NeurIPS
        2017 (VQ-VAE, appendix A.1 for the running means); Dhariwal et al., Jukebox, 2020 (the
        revival of dead vectors); Arthur and Vassilvitskii, k-means++, SODA 2007 (where to).
    """

    terms = ("commitment_sq", "usage_bits")
    prior = "autoregressive"
    default_density = "prior"
    spatial = True
    discrete = True

    def __init__(
        self, codebook: int = 512, commitment: float = 0.25, decay: float = 0.99, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.codebook = check_number("codebook", codebook, low=2, whole=True)
        self.commitment = check_number("commitment", commitment)
        self.decay = check_number("decay", decay, high=1, below=True)
        self.random = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        super().build(input_shape)
        shape = (self.codebook, input_shape[-1])
        start = keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
        self.vectors = self.add_weight(shape, start, trainable=False, name="vectors")
        self.sums = self.add_weight(shape, "zeros", trainable=False, name="sums")
        # No vector has been used yet: the first step of training puts them all among features.
        self.counts = self.add_weight(shape[:1], "zeros", trainable=False, name="counts")

    def encode(self, features: Any) -> Any:
        return self.codes_from_indices(self.code_indices(features))

    def project(self, codes: Any) -> Any:
        return self.encode(codes)

    def code_indices(self, codes: Any) -> Any:
        """Return the numbers (N, h, w) of the nearest vectors."""
        vectors = ops.convert_to_tensor(self.vectors)
        # |z - e|^2 without |z|^2, which is the same for all e
        products = ops.matmul(codes, ops.transpose(vectors))  # (N, h, w, codebook)
        return ops.argmin(ops.sum(ops.square(vectors), axis=1) - 2 * products, axis=-1)

    def codes_from_indices(self, indices: Any) -> Any:
        """Return the vectors (N, h, w, d) with these numbers."""
        return ops.take(ops.convert_to_tensor(self.vectors), indices, axis=0)

    def call(self, features: Any, training: bool | None = None) -> Any:
        """Return the codes (N, h, w, d); in training the codebook then moves a step."""
        indices = self.code_indices(ops.stop_gradient(features))
        codes = ops.stop_gradient(self.codes_from_indices(indices))
        distances = ops.sum(ops.square(features - codes), axis=-1)  # (N, h, w)
        self.report("commitment_sq", ops.mean(ops.sum(distances, axis=(1, 2))), self.commitment)
        flat = ops.reshape(ops.stop_gradient(features), (-1, features.shape[-1]))
        chosen = ops.reshape(indices, (-1,))
        counts = ops.segment_sum(ops.ones_like(flat[:, 0]), chosen, self.codebook)
        shares = counts / ops.sum(counts)
        self.latest["usage_bits"].assign(-ops.sum(shares * ops.log2(ops.maximum(shares, 1e-12))))
        if training:
            self._move_vectors(flat, chosen, counts, ops.reshape(distances, (-1,)))
        return codes + (features - ops.stop_gradient(features))  # exactly the codes

    def _move_vectors(self, features: Any, chosen: Any, counts: Any, distances: Any) -> None:
        """Move every vector to the running mean of its features (M, d), or revive it."""
        keep, new = self.decay, 1.0 - self.decay
        sums = ops.segment_sum(features, chosen, self.codebook)
        counts = keep * self.counts + new * counts
        sums = keep * self.sums + new * sums
        even = ops.sum(counts) / self.codebook
        dead = counts <= DEAD_SHARE * even
        # A vector that starts again counts as used evenly, so that it has time to be found.
        revived = self._badly_served(features, ops.stop_gradient(distances))
        counts = ops.where(dead, even, counts)
        sums = ops.where(dead[:, None], even * revived, sums)
        self.counts.assign(counts)
        self.sums.assign(sums)
        self.vectors.assign(sums / counts[:, None])

    def _badly_served(self, features: Any, distances: Any) -> Any:
        """Draw features (codebook, d), each with a chance that grows with its squared distance."""
        until = ops.cumsum(distances + 1e-12)
        draws = keras.random.uniform((self.codebook,), seed=self.random) * until[-1]
        last = ops.shape(features)[0] - 1
        return ops.take(features, ops.minimum(ops.searchsorted(until, draws), last), axis=0)
