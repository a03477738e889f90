"""The decoder: codes to images, the encoder's mirror.

    codes z (N,d) -> dense 64 h w -> reshape (N,h,w,64), with h = H/4 and w = W/4 rounded up
    -> conv 64 -> double, conv 32 -> double, conv 32 -> conv C, sigmoid -> crop -> (N,H,W,C)

`zscape.nn.encoder` is its mirror.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from zscape.config import NetworkConfig
from zscape.nn.encoder import REDUCTION, padded_size
from zscape.nn.layers import DATA_FORMAT, UpsampleConv2D, seeded_initializers

OUTPUT_LAYER = "conv4"


def build_decoder(
    image_shape: tuple[int, int, int],
    config: NetworkConfig,
    *,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """Build the decoder of a preset.

    Args:
        image_shape: (H, W, C) of one image; any size and any number of channels.
        config: preset, latent dimension and upsampling.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the hidden layers, `float32` or `mixed_bfloat16`.

    Returns:
        A Keras model from codes (N, latent_dim) to images (N, H, W, C) in [0, 1], float32.
    """
    height, width, channels = image_shape
    initializers = seeded_initializers(seed, part=1)

    def convolve(
        x: keras.KerasTensor, filters: int, name: str, **options: object
    ) -> keras.KerasTensor:
        kernel_initializer = next(initializers)
        return layers.Conv2D(
            filters,
            3,
            padding="same",
            data_format=DATA_FORMAT,
            kernel_initializer=kernel_initializer,
            dtype=dtype,
            name=name,
            **options,
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
            return convolve(x, filters, name, activation="relu")
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

    codes = keras.Input((config.latent_dim,), dtype="float32", name="codes")
    inner = padded_size(height) // REDUCTION, padded_size(width) // REDUCTION
    x = layers.Dense(
        64 * inner[0] * inner[1],
        activation="relu",
        kernel_initializer=next(initializers),
        dtype=dtype,
        name="dense",
    )(codes)
    x = layers.Reshape((*inner, 64), dtype=dtype, name="reshape")(x)
    x = convolve(x, 64, "conv1", activation="relu")
    x = double(x, 32, "conv2")  # (N, H/2, W/2, 32)
    x = double(x, 32, "conv3")  # (N, H, W, 32)
    x = convolve(x, channels, OUTPUT_LAYER)
    if (bottom := padded_size(height) - height) + (right := padded_size(width) - width):
        cropping = (0, bottom), (0, right)
        x = layers.Cropping2D(cropping, data_format=DATA_FORMAT, dtype=dtype, name="crop")(x)
    # In bfloat16 a pixel would keep three digits only.
    images = layers.Activation("sigmoid", dtype="float32", name="images")(x)
    return keras.Model(codes, images, name="decoder")


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
