"""What `benchmarks.study` compares: the preset `fast`, with one thing changed.

`build_variant(Variant())` is the preset `fast` itself; every field is something that was tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

# isort: split  # as users are told to: zscape first
import keras
import numpy as np
from keras import layers

from zscape.data.batches import ReconstructionBatches
from zscape.data.images import ImageStore
from zscape.model import Autoencoder
from zscape.nn.bottlenecks.plain import PlainBottleneck
from zscape.nn.layers import UpsampleConv2D, seeded_initializers
from zscape.nn.presets import OUTPUT_LAYER
from zscape.nn.presets._residual import INNER_WIDTH, OUTER_WIDTH

SIDE = 28
INNER_SIDE = SIDE // 4


@dataclass(frozen=True, kw_only=True)
class Variant:
    """What can be changed, one thing at a time.

    Attributes:
        blocks: residual blocks at a quarter of the image's size, in each half of the network.
        outer_blocks: whether there is one at half the size too.
        width: channels at a quarter of the size.
        block: `residual`; `plain`, the same without the way around it; or `convnext`, a 7x7
            convolution of each channel and two products over channels (Liu et al., A ConvNet for
            the 2020s, CVPR 2022).
        norm: by the root mean square of a pixel's channels, by the batch, or none.
        activation: any of Keras'.
        loss: see `LOSSES`.
        optimizer: `muon` or `adam`.
        learning_rate: the peak.
        schedule: `cosine` or `constant`.
        batch_size: images in a step.
        shift: pixels by which a training image is shifted at random, in each direction.
        averaged: whether the weights are the running mean over the last hundred steps or so
            (Polyak and Juditsky, 1992).
    """

    blocks: int = 1
    outer_blocks: bool = True
    width: int = INNER_WIDTH
    block: Literal["residual", "plain", "convnext"] = "residual"
    norm: Literal["rms", "batch", "none"] = "rms"
    activation: str = "silu"
    loss: str = "mse"
    optimizer: Literal["muon", "adam"] = "muon"
    learning_rate: float = 1e-2
    schedule: Literal["cosine", "constant"] = "cosine"
    batch_size: int = 64
    shift: int = 0
    averaged: bool = False


class ShiftedBatches(ReconstructionBatches):
    """Batches of images moved by up to `shift` pixels, black where nothing is left."""

    def __init__(self, images: ImageStore, *, shift: int, seed: int, batch_size: int) -> None:
        super().__init__(images, batch_size=batch_size, shuffle_seed=seed)
        self._shift, self._seed = shift, seed

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return batch `index`, shifted, twice."""
        images, _ = super().__getitem__(index)
        edge = ((0, 0), (self._shift, self._shift), (self._shift, self._shift), (0, 0))
        padded = np.pad(images, edge)
        rng = np.random.default_rng([self._seed, self._epoch, index])
        corners = rng.integers(0, 2 * self._shift + 1, (len(images), 2))
        shifted = np.stack(
            [
                image[y : y + SIDE, x : x + SIDE]
                for image, (y, x) in zip(padded, corners, strict=True)
            ]
        )
        return shifted, shifted


def mse_and_structure(images: Any, reconstructions: Any) -> Any:
    """MSE and a hundredth of 1 - SSIM, in the window of 11 pixels that is usual."""
    import tensorflow as tf

    similarity = tf.image.ssim(images, reconstructions, max_val=1.0)
    return keras.losses.mean_squared_error(images, reconstructions) + 0.01 * (
        1 - tf.reshape(similarity, (-1, 1, 1))
    )


LOSSES: dict[str, str | Callable[[Any, Any], Any]] = {
    "mse": "mean_squared_error",
    "bce": "binary_crossentropy",
    "mae": "mean_absolute_error",
    "mse+ssim": mse_and_structure,
}


def build_variant(variant: Variant, latent_dim: int, seed: int) -> Autoencoder:
    """Build the network for MNIST."""
    parts = _Parts(variant, seed)
    return Autoencoder(parts.encoder(latent_dim), PlainBottleneck(), parts.decoder(latent_dim))


class _Parts:
    """Encoder and decoder of a variant, as `zscape.nn` builds those of `fast`."""

    def __init__(self, variant: Variant, seed: int) -> None:
        self._variant = variant
        self._seed = seed

    def encoder(self, latent_dim: int) -> keras.Model:
        v = self._variant
        self._initializers = seeded_initializers(self._seed, part=0)
        images = keras.Input((SIDE, SIDE, 1))
        x = self._conv(images, OUTER_WIDTH, 3, strides=2)
        if v.outer_blocks:
            x = self._block(x)
        x = self._conv(x, v.width, 2, strides=2)
        for _ in range(v.blocks):
            x = self._block(x)
        x = layers.Flatten()(self._activate(self._normalise(x)))
        codes = layers.Dense(latent_dim, kernel_initializer=next(self._initializers))(x)
        return keras.Model(images, layers.Rescaling(1 / self._scale)(codes))

    def decoder(self, latent_dim: int) -> keras.Model:
        v = self._variant
        self._initializers = seeded_initializers(self._seed, part=1)
        codes = keras.Input((latent_dim,))
        x = layers.Dense(v.width * INNER_SIDE**2, kernel_initializer=next(self._initializers))(
            layers.Rescaling(self._scale)(codes)
        )
        x = layers.Reshape((INNER_SIDE, INNER_SIDE, v.width))(x)
        for _ in range(v.blocks):
            x = self._block(x)
        x = self._activate(self._normalise(x))
        x = UpsampleConv2D(OUTER_WIDTH, kernel_initializer=next(self._initializers))(x)
        if v.outer_blocks:
            x = self._block(x)
        x = layers.Conv2DTranspose(
            1,
            6,
            strides=2,
            padding="same",
            kernel_initializer=next(self._initializers),
            name=OUTPUT_LAYER,
        )(self._activate(self._normalise(x)))
        return keras.Model(codes, layers.Activation("sigmoid")(x))

    @property
    def _scale(self) -> float:
        return float(np.sqrt(self._variant.width * INNER_SIDE**2))

    def _conv(self, x: Any, filters: int, size: int, **options: Any) -> Any:
        return layers.Conv2D(
            filters, size, padding="same", kernel_initializer=next(self._initializers), **options
        )(x)

    def _normalise(self, x: Any) -> Any:
        if self._variant.norm == "none":
            return x
        rms = self._variant.norm == "rms"
        return (layers.RMSNormalization() if rms else layers.BatchNormalization())(x)

    def _activate(self, x: Any) -> Any:
        return layers.Activation(self._variant.activation)(x)

    def _block(self, x: Any) -> Any:
        n_channels = x.shape[-1]
        if self._variant.block == "convnext":
            y = layers.DepthwiseConv2D(
                7, padding="same", depthwise_initializer=next(self._initializers)
            )(x)
            y = self._activate(self._conv(self._normalise(y), 4 * n_channels, 1))
            return layers.Add()([x, self._conv(y, n_channels, 1)])
        y = self._activate(self._conv(self._normalise(x), n_channels, 3))
        y = self._conv(y, n_channels, 3)
        return y if self._variant.block == "plain" else layers.Add()([x, y])
