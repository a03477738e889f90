"""The encoder: images to features.

    images (N,H,W,C) -> pad to multiples of 2^k -> body -> flatten -> dense -> features (N,d)

or, for spatial codes, `-> body -> conv 1x1 -> features (N,h,w,d)`.

Images of up to about 40 pixels are halved k = 2 times, larger ones more often, so that the
innermost feature map has about 7 or 8 pixels in each direction (`n_halvings`).

The body of the preset `classic`:

    conv 8, halve -> conv 8 -> conv 8, halve -> conv 8

The body of `fast` and `quality`:

    conv 32, halve -> residual block -> 2x2 patches to 64 -> residual blocks -> normalise

Each further halving comes right before the last stage: `classic` with conv 8, halve -> conv 8, the
others with a residual block -> 2x2 patches to 64.

`zscape.nn.decoder` is its mirror.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import keras
from keras import layers

from zscape.nn.layers import DATA_FORMAT, normalise, residual_block, seeded_initializers
from zscape.settings import NetworkConfig

MIN_HALVINGS = 2
INNER_SIZE = 7.5  # what the longer side of the innermost feature map shall be near to

# The presets with residual blocks: channels at half the size of the image and at a quarter of it,
# and how many blocks there are at a quarter (`benchmarks/results/study.md`).
OUTER_WIDTH = 32
INNER_WIDTH = 64
DEPTH = {"fast": 1, "quality": 3}


def n_halvings(image_shape: tuple[int, int, int]) -> int:
    """Return how often images of a shape are halved: 2 at 28 pixels, 3 at 64, 5 at 256."""
    return max(MIN_HALVINGS, round(math.log2(max(image_shape[:2]) / INNER_SIZE)))


def padded_size(size: int, halvings: int) -> int:
    """Return `size` rounded up to what can be halved so often, as both networks work on it."""
    return -(-size // 2**halvings) * 2**halvings


def inner_size(image_shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return (h, w) of the innermost feature map."""
    halvings = n_halvings(image_shape)
    height, width = (padded_size(size, halvings) >> halvings for size in image_shape[:2])
    return height, width


def code_scale(image_shape: tuple[int, int, int]) -> float:
    """Return what the encoder of a residual preset divides a code by, and the decoder undoes.

    A feature map of n normalised values gives codes of a size of sqrt(n) and more under Muon's
    large steps. Divided by that they lie within a few units of 0, where people look for them.
    """
    return math.sqrt(INNER_WIDTH * math.prod(inner_size(image_shape)))


def build_encoder(
    image_shape: tuple[int, int, int],
    config: NetworkConfig,
    *,
    n_features: int | None = None,
    spatial: bool = False,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """Build the encoder of a preset.

    Args:
        image_shape: (H, W, C) of one image; any size and any number of channels.
        config: preset, latent dimension, code activation, and downsampling of `classic`.
        n_features: features for an image, or for a place in it, as the bottleneck asks for;
            latent_dim when None.
        spatial: whether features keep height and width.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the hidden layers, `float32` or `mixed_bfloat16`.

    Returns:
        A Keras model from images (N, H, W, C) in [0, 1] to features (N, n_features), float32;
        (N, h, w, n_features), with the size of the innermost feature map, when spatial.
    """
    height, width, _ = image_shape
    initializers = seeded_initializers(seed, part=0)
    images = keras.Input(image_shape, dtype="float32", name="images")
    x = images  # (N, H, W, C)
    halvings = n_halvings(image_shape)
    bottom, right = (padded_size(size, halvings) - size for size in (height, width))
    if bottom or right:
        padding = (0, bottom), (0, right)
        x = layers.ZeroPadding2D(padding, data_format=DATA_FORMAT, dtype=dtype, name="pad")(x)
    body = _classic_body if config.preset == "classic" else _residual_body
    x = body(x, config, initializers, dtype, halvings - MIN_HALVINGS)  # (N, h, w, K)
    options = {
        "activation": config.code_activation,
        "kernel_initializer": next(initializers),
        "dtype": "float32",  # a code in bfloat16 would keep three digits only
        "name": "code",
    }
    n_features = n_features or config.latent_dim
    if spatial:
        places = layers.Conv2D(n_features, 1, data_format=DATA_FORMAT, **options)(x)
        return keras.Model(images, places, name="encoder")
    x = layers.Flatten(data_format=DATA_FORMAT, dtype=dtype, name="flatten")(x)
    features = layers.Dense(n_features, **options)(x)
    if config.preset != "classic":
        scale = 1 / code_scale(image_shape)
        features = layers.Rescaling(scale, dtype="float32", name="code_scale")(features)
    return keras.Model(images, features, name="encoder")


def _classic_body(
    x: keras.KerasTensor,
    config: NetworkConfig,
    initializers: Iterator[keras.initializers.Initializer],
    dtype: str,
    n_more: int,
) -> keras.KerasTensor:
    strided = config.downsampling == "stride"
    for index, halve in enumerate((True, False) * (MIN_HALVINGS + n_more), 1):
        x = layers.Conv2D(
            8,
            3,
            strides=2 if halve and strided else 1,
            padding="same",
            data_format=DATA_FORMAT,
            activation="relu",
            kernel_initializer=next(initializers),
            dtype=dtype,
            name=f"conv{index}",
        )(x)
        if halve and not strided:
            x = layers.MaxPooling2D(2, data_format=DATA_FORMAT, dtype=dtype, name=f"pool{index}")(x)
    return x


def _residual_body(
    x: keras.KerasTensor,
    config: NetworkConfig,
    initializers: Iterator[keras.initializers.Initializer],
    dtype: str,
    n_more: int,
) -> keras.KerasTensor:
    def halve(x: keras.KerasTensor, filters: int, size: int, name: str) -> keras.KerasTensor:
        return layers.Conv2D(
            filters,
            size,
            strides=2,
            padding="same",
            data_format=DATA_FORMAT,
            kernel_initializer=next(initializers),
            dtype=dtype,
            name=name,
        )(x)

    x = halve(x, OUTER_WIDTH, 3, "conv1")  # (N, H/2, W/2, 32)
    x = residual_block(x, initializers, dtype=dtype, name="block1")
    x = halve(x, INNER_WIDTH, 2, "conv2")  # (N, H/4, W/4, 64)
    for index in range(1, n_more + 1):
        x = residual_block(x, initializers, dtype=dtype, name=f"more{index}_block")
        x = halve(x, INNER_WIDTH, 2, f"more{index}_conv")  # half the size again
    for index in range(DEPTH[config.preset]):
        x = residual_block(x, initializers, dtype=dtype, name=f"block{index + 2}")
    return normalise(x, dtype=dtype, name="last")
