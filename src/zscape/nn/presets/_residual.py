"""What the presets with residual blocks share."""

from __future__ import annotations

from typing import ClassVar

from keras import KerasTensor, layers

from zscape.nn.layers import SubpixelConv2DTranspose, UpsampleConv2D
from zscape.nn.presets import MIN_HALVINGS, OUTPUT_LAYER, Preset

# Channels at half the size of the image and at a quarter of it (`benchmarks/results/study.md`).
OUTER_WIDTH = 32
INNER_WIDTH = 64


class ResidualPreset(Preset):
    """A residual network.

        encoder: conv 32, halve -> block -> 2x2 patches to 64 -> blocks -> normalise
        decoder: blocks -> normalise -> double, conv 32 -> block -> normalise
                 -> transposed conv 6x6 to C, which doubles

    For larger images the encoder has more of `block -> 2x2 patches to 64` in front of the last
    blocks, and the decoder more of `normalise -> double, conv 64 -> block` behind its first ones.

    Attributes:
        depth: residual blocks at the innermost size, in each of the two.

    References:
        He et al., Identity Mappings in Deep Residual Networks, ECCV 2016 (normalise first); Zhang
        and Sennrich, Root Mean Square Layer Normalization, NeurIPS 2019; Elfwing et al.,
        Sigmoid-Weighted Linear Units, 2017 (SiLU).
    """

    depth: ClassVar[int]
    inner_channels = INNER_WIDTH
    first_activation = None  # a block normalises by itself
    scales_code = True

    def encoder_body(self, x: KerasTensor) -> KerasTensor:
        """Return the innermost feature map (N, h, w, 64) of images (N, H, W, C)."""
        x = self.conv("conv1", OUTER_WIDTH, strides=2)(x)  # (N, H/2, W/2, 32)
        x = self.block(x, "block1")
        x = self.conv("conv2", INNER_WIDTH, 2, strides=2)(x)  # (N, H/4, W/4, 64)
        for index in range(1, self.n_halvings - MIN_HALVINGS + 1):
            x = self.block(x, f"more{index}_block")
            x = self.conv(f"more{index}_conv", INNER_WIDTH, 2, strides=2)(x)  # half the size again
        for index in range(self.depth):
            x = self.block(x, f"block{index + 2}")
        return self.normalise(x, "last")

    def decoder_body(self, x: KerasTensor) -> KerasTensor:
        """Return (N, H/2, W/2, 32) for the innermost feature map (N, h, w, 64)."""
        for index in range(self.depth):
            x = self.block(x, f"block{index + 1}")
        for index in range(1, self.n_halvings - MIN_HALVINGS + 1):
            x = self.normalise(x, f"more{index}")
            x = UpsampleConv2D(INNER_WIDTH, **self.named(f"more{index}_conv"))(x)  # twice the size
            x = self.block(x, f"more{index}_block")
        x = UpsampleConv2D(OUTER_WIDTH, **self.named("conv1"))(self.normalise(x, "inner"))
        x = self.block(x, f"block{self.depth + 1}")  # (N, H/2, W/2, 32)
        return self.normalise(x, "last")

    def output_layer(self) -> layers.Layer:
        """Return the transposed convolution from (N, H/2, W/2, 32) to (N, H, W, C)."""
        # Every pixel is a sum of 3x3 patches, so that no seam between patches can show.
        return SubpixelConv2DTranspose(self.image_shape[-1], **self.named(OUTPUT_LAYER))

    def normalise(self, x: KerasTensor, name: str) -> KerasTensor:
        """Divide each pixel's channels by their root mean square, then apply SiLU."""
        x = layers.RMSNormalization(dtype=self.dtype, name=f"{name}_norm")(x)
        return layers.Activation("silu", dtype=self.dtype, name=f"{name}_silu")(x)

    def block(self, x: KerasTensor, name: str) -> KerasTensor:
        """Return (N, H, W, K) for the same shape: x + conv(silu(conv(normalise(x))))."""
        y = layers.RMSNormalization(dtype=self.dtype, name=f"{name}_norm")(x)
        y = self.conv(f"{name}_conv1", x.shape[-1])(y)
        y = layers.Activation("silu", dtype=self.dtype, name=f"{name}_silu")(y)
        y = self.conv(f"{name}_conv2", x.shape[-1])(y)
        return layers.Add(dtype=self.dtype, name=f"{name}_add")([x, y])
