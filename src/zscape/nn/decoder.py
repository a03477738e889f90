"""The decoder: codes to images.

    codes z (N,d) -> dense -> reshape (N,h,w,64), the innermost feature map -> body
    -> crop -> sigmoid -> images (N,H,W,C)

or, for spatial codes, `codes z (N,h,w,d) -> conv 1x1 to 64 -> body -> ...`.

The body of the preset `classic`:

    conv 64 -> double, conv 32 -> double, conv 32 -> conv C

The body of `fast` and `quality`:

    residual blocks -> normalise -> double, conv 32 -> residual block -> normalise
    -> transposed conv 6x6 to C, which doubles

For images that the encoder halves more than twice, each further doubling comes after the first
stage: `classic` with double, conv 64, the others with normalise -> double, conv 64 -> residual
block.

`zscape.nn.encoder` is its mirror.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
from keras import layers

from zscape.nn.encoder import (
    DEPTH,
    INNER_WIDTH,
    MIN_HALVINGS,
    OUTER_WIDTH,
    code_scale,
    inner_size,
    n_halvings,
    padded_size,
)
from zscape.nn.layers import (
    DATA_FORMAT,
    NarrowConv2D,
    SubpixelConv2DTranspose,
    UpsampleConv2D,
    normalise,
    residual_block,
    seeded_initializers,
)
from zscape.settings import NetworkConfig

OUTPUT_LAYER = "output"
NARROW_CHANNELS = 4  # up to here `NarrowConv2D` is the faster form


def build_decoder(
    image_shape: tuple[int, int, int],
    config: NetworkConfig,
    *,
    spatial: bool = False,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """Build the decoder of a preset.

    Args:
        image_shape: (H, W, C) of one image; any size and any number of channels.
        config: preset, latent dimension, and upsampling of `classic`.
        spatial: whether codes are (N, h, w, latent_dim), as large as the innermost feature map.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the hidden layers, `float32` or `mixed_bfloat16`.

    Returns:
        A Keras model from codes (N, latent_dim) to images (N, H, W, C) in [0, 1], float32.
    """
    height, width, channels = image_shape
    classic = config.preset == "classic"
    initializers = seeded_initializers(seed, part=1)
    inner_height, inner_width = inner_size(image_shape)
    halvings = n_halvings(image_shape)
    places = (inner_height, inner_width) if spatial else ()
    codes = keras.Input((*places, config.latent_dim), dtype="float32", name="codes")
    options = {
        "activation": "relu" if classic else None,  # a block normalises by itself
        "kernel_initializer": next(initializers),
        "dtype": dtype,
        "name": "dense",
    }
    if spatial:
        x = layers.Conv2D(INNER_WIDTH, 1, data_format=DATA_FORMAT, **options)(codes)
    else:
        x = codes
        if not classic:
            scale = code_scale(image_shape)
            x = layers.Rescaling(scale, dtype="float32", name="code_scale")(x)
        x = layers.Dense(INNER_WIDTH * inner_height * inner_width, **options)(x)
        shape = (inner_height, inner_width, INNER_WIDTH)
        x = layers.Reshape(shape, dtype=dtype, name="reshape")(x)
    body = _classic_body if classic else _residual_body
    x = body(x, channels, config, initializers, dtype, halvings - MIN_HALVINGS)
    bottom, right = (padded_size(size, halvings) - size for size in (height, width))
    if bottom or right:
        cropping = (0, bottom), (0, right)
        x = layers.Cropping2D(cropping, data_format=DATA_FORMAT, dtype=dtype, name="crop")(x)
    # In bfloat16 a pixel would keep three digits only.
    images = layers.Activation("sigmoid", dtype="float32", name="images")(x)
    return keras.Model(codes, images, name="decoder")


def _classic_body(
    x: keras.KerasTensor,
    channels: int,
    config: NetworkConfig,
    initializers: Iterator[keras.initializers.Initializer],
    dtype: str,
    n_more: int,
) -> keras.KerasTensor:
    def convolve(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
        return layers.Conv2D(
            filters,
            3,
            padding="same",
            data_format=DATA_FORMAT,
            activation="relu",
            kernel_initializer=next(initializers),
            dtype=dtype,
            name=name,
        )(x)

    def double(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
        if config.upsampling == "bilinear":
            x = layers.UpSampling2D(
                2,
                interpolation="bilinear",
                data_format=DATA_FORMAT,
                dtype=dtype,
                name=f"{name}_up",
            )(x)
            return convolve(x, filters, name)
        if config.upsampling == "transposed":
            layer = layers.Conv2DTranspose(
                filters,
                3,
                strides=2,
                padding="same",
                data_format=DATA_FORMAT,
                activation="relu",
                kernel_initializer=next(initializers),
                dtype=dtype,
                name=name,
            )
        else:
            layer = UpsampleConv2D(
                filters,
                activation="relu",
                kernel_initializer=next(initializers),
                dtype=dtype,
                name=name,
            )
        return layer(x)

    x = convolve(x, INNER_WIDTH, "conv1")
    for index in range(1, n_more + 1):
        x = double(x, INNER_WIDTH, f"more{index}")
    x = double(x, 32, "conv2")  # (N, H/2, W/2, 32)
    x = double(x, 32, "conv3")  # (N, H, W, 32)
    options = {
        "kernel_initializer": next(initializers),
        "dtype": dtype,
        "name": OUTPUT_LAYER,
    }
    if channels <= NARROW_CHANNELS:
        return NarrowConv2D(channels, **options)(x)
    return layers.Conv2D(channels, 3, padding="same", data_format=DATA_FORMAT, **options)(x)


def _residual_body(
    x: keras.KerasTensor,
    channels: int,
    config: NetworkConfig,
    initializers: Iterator[keras.initializers.Initializer],
    dtype: str,
    n_more: int,
) -> keras.KerasTensor:
    depth = DEPTH[config.preset]
    for index in range(depth):
        x = residual_block(x, initializers, dtype=dtype, name=f"block{index + 1}")
    for index in range(1, n_more + 1):
        x = UpsampleConv2D(
            INNER_WIDTH,
            kernel_initializer=next(initializers),
            dtype=dtype,
            name=f"more{index}_conv",
        )(normalise(x, dtype=dtype, name=f"more{index}"))  # twice the size
        x = residual_block(x, initializers, dtype=dtype, name=f"more{index}_block")
    x = UpsampleConv2D(
        OUTER_WIDTH, kernel_initializer=next(initializers), dtype=dtype, name="conv1"
    )(normalise(x, dtype=dtype, name="inner"))  # (N, H/2, W/2, 32)
    x = residual_block(x, initializers, dtype=dtype, name=f"block{depth + 1}")
    # Every pixel is a sum of 3x3 patches, so that no seam between patches can show.
    return SubpixelConv2DTranspose(
        channels, kernel_initializer=next(initializers), dtype=dtype, name=OUTPUT_LAYER
    )(normalise(x, dtype=dtype, name="last"))


def start_at_mean(decoder: keras.Model, mean: np.ndarray) -> None:
    """Set the bias of the last convolution so that an untrained decoder shows the mean pixel.

    From a bias of zero every pixel starts near 0.5. On mostly black images the first steps
    then push so hard towards black that the sigmoid saturates, its gradient vanishes and the
    network stays black for good.

    Args:
        decoder: a decoder that `build_decoder` made.
        mean: mean value of each channel over the training images, (C,) in [0, 1].
    """
    share = np.clip(mean, 0.01, 0.99)
    decoder.get_layer(OUTPUT_LAYER).bias.assign(np.log(share / (1 - share)).astype(np.float32))
