"""The encoder: images to features.

    images (N,H,W,C) -> pad to multiples of 4 -> conv 8, halve -> conv 8 -> conv 8, halve
    -> conv 8 -> flatten -> dense -> features (N,d)

`zscape.nn.decoder` is its mirror.
"""

from __future__ import annotations

import keras
from keras import layers

from zscape.config import NetworkConfig
from zscape.nn.layers import DATA_FORMAT, seeded_initializers

REDUCTION = 4  # how many times smaller the innermost feature map is, in each direction


def padded_size(size: int) -> int:
    """Return `size` rounded up to a multiple of 4, as both networks work on it."""
    return -(-size // REDUCTION) * REDUCTION


def build_encoder(
    image_shape: tuple[int, int, int],
    config: NetworkConfig,
    *,
    seed: int = 0,
    dtype: str = "float32",
) -> keras.Model:
    """Build the encoder of a preset.

    Args:
        image_shape: (H, W, C) of one image; any size and any number of channels.
        config: preset, latent dimension, downsampling and code activation.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the hidden layers, `float32` or `mixed_bfloat16`.

    Returns:
        A Keras model from images (N, H, W, C) in [0, 1] to features (N, latent_dim), float32.
    """
    height, width, _ = image_shape
    initializers = seeded_initializers(seed, part=0)
    strided = config.downsampling == "stride"

    def convolve(x: keras.KerasTensor, index: int, *, halve: bool) -> keras.KerasTensor:
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

    images = keras.Input(image_shape, dtype="float32", name="images")
    x = images  # (N, H, W, C)
    if (bottom := padded_size(height) - height) + (right := padded_size(width) - width):
        padding = (0, bottom), (0, right)
        x = layers.ZeroPadding2D(padding, data_format=DATA_FORMAT, dtype=dtype, name="pad")(x)
    x = convolve(x, 1, halve=True)  # (N, H/2, W/2, 8)
    x = convolve(x, 2, halve=False)
    x = convolve(x, 3, halve=True)  # (N, H/4, W/4, 8)
    x = convolve(x, 4, halve=False)
    x = layers.Flatten(data_format=DATA_FORMAT, dtype=dtype, name="flatten")(x)
    features = layers.Dense(
        config.latent_dim,
        activation=config.code_activation,
        kernel_initializer=next(initializers),
        dtype="float32",  # a code in bfloat16 would keep three digits only
        name="code",
    )(x)
    return keras.Model(images, features, name="encoder")
