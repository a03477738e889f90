"""The convolutional network of the well-known tutorial."""

from __future__ import annotations

from typing import Any, get_args

from keras import KerasTensor, layers

from zscape.errors import ConfigError
from zscape.nn.layers import DATA_FORMAT, UpsampleConv2D
from zscape.nn.presets import MIN_HALVINGS, Preset, Recipe, register_preset
from zscape.settings import Downsampling, Upsampling


@register_preset("classic")
class ClassicPreset(Preset):
    """The convolutional network of the well-known tutorial.

        encoder: conv 8, halve -> conv 8 -> conv 8, halve -> conv 8
        decoder: conv 64 -> double, conv 32 -> double, conv 32

    Larger images have more of `conv 8, halve -> conv 8` and of `double, conv 64`.

    Args:
        downsampling: how the encoder halves the image: `stride`, a strided convolution, or
            `maxpool`, max pooling.
        upsampling: how the decoder doubles it: `nearest` or `bilinear` interpolation before a
            convolution, or `transposed`, a transposed convolution.
        **given: what every preset takes.
    """

    recipe = Recipe(540_000, "adam", 3e-3)

    def __init__(
        self,
        downsampling: Downsampling = "stride",
        upsampling: Upsampling = "nearest",
        **given: Any,
    ) -> None:
        super().__init__(**given)
        for name, value, kind in (
            ("downsampling", downsampling, Downsampling),
            ("upsampling", upsampling, Upsampling),
        ):
            if value not in get_args(kind):
                expected = ", ".join(get_args(kind))
                raise ConfigError(f"{name} is {value!r}; expected one of {expected}.")
        self.strides = 2 if downsampling == "stride" else 1
        self.upsampling = upsampling

    def encoder_body(self, x: KerasTensor) -> KerasTensor:
        """Return the innermost feature map (N, h, w, 8) of images (N, H, W, C)."""
        for index in range(1, 2 * self.n_halvings + 1):
            halve = index % 2
            strides = self.strides if halve else 1
            x = self.conv(f"conv{index}", 8, strides=strides, activation="relu")(x)
            if halve and strides == 1:
                named = {"dtype": self.dtype, "name": f"pool{index}"}
                x = layers.MaxPooling2D(2, data_format=DATA_FORMAT, **named)(x)
        return x

    def decoder_body(self, x: KerasTensor) -> KerasTensor:
        """Return (N, H, W, 32) for the innermost feature map (N, h, w, 64)."""
        x = self.conv("conv1", self.inner_channels, activation="relu")(x)
        for index in range(1, self.n_halvings - MIN_HALVINGS + 1):
            x = self._double(x, self.inner_channels, f"more{index}")
        x = self._double(x, 32, "conv2")  # (N, H/2, W/2, 32)
        return self._double(x, 32, "conv3")

    def _double(self, x: KerasTensor, filters: int, name: str) -> KerasTensor:
        if self.upsampling == "bilinear":
            up = layers.UpSampling2D(
                2, DATA_FORMAT, interpolation="bilinear", dtype=self.dtype, name=f"{name}_up"
            )
            return self.conv(name, filters, activation="relu")(up(x))
        if self.upsampling == "nearest":
            return UpsampleConv2D(filters, activation="relu", **self.named(name))(x)
        return layers.Conv2DTranspose(
            filters, 3, 2, "same", data_format=DATA_FORMAT, activation="relu", **self.named(name)
        )(x)
