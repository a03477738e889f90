"""Presets: networks by name, each an encoder and its mirror, the decoder; one module for each.

    images (N,H,W,C) -> pad to multiples of 2^k -> encoder body -> flatten -> dense
    -> features (N,f)
    codes z (N,d) -> dense -> reshape (N,h,w,K) -> decoder body -> output layer -> crop
    -> sigmoid -> images (N,H,W,C)

Where codes are spatial, a 1x1 convolution stands in for flattening and the dense layers.

Images of up to about 40 pixels are halved k = 2 times, larger ones more often, so that the
innermost feature map has about 7 or 8 pixels in each direction.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import keras
import numpy as np
from keras import KerasTensor, layers

from zscape.errors import ConfigError
from zscape.nn.layers import DATA_FORMAT, NarrowConv2D, seeded_initializers
from zscape.registry import Choice, Registry
from zscape.settings import NetworkConfig, Optimizer, Precision

MIN_HALVINGS = 2
INNER_SIZE = 7.5  # pixels that the longer side of the innermost feature map should be near to
OUTPUT_LAYER = "output"
NARROW_CHANNELS = 4  # up to here `NarrowConv2D` is the faster form


@dataclass(frozen=True)
class Recipe:
    """How a preset is trained unless something else is asked for (`docs/study.md`).

    Attributes:
        images_seen: about so many images the network sees in all epochs.
        optimizer: see `TrainConfig`, as for the others.
        learning_rate: the peak learning rate.
        precision: the arithmetic.
    """

    images_seen: int = 110_000
    optimizer: Optimizer = "adam"
    learning_rate: float = 3e-3
    precision: Precision = "float32"

    def n_epochs(self, n_images: int) -> int:
        """Return the number of epochs for `n_images` training images, at most 100."""
        return min(max(1, round(self.images_seen / n_images)), 100)


class Preset(ABC):
    """The base class of all presets; a subclass has two methods, for the two bodies.

    An option is an argument of the subclass's constructor, which passes `**given` on
    (`docs/extend.md`).

    Args:
        image_shape: (H, W, C) of one image; any size and any number of channels.
        latent_dim: length of a code.
        n_features: features for an image, or for a place in it, as the bottleneck asks for.
        spatial: whether features and codes keep height and width.
        code_activation: activation of the features, a name that Keras knows.
        seed: seeds the initial weights.
        dtype: Keras dtype policy of the hidden layers, `float32` or `mixed_bfloat16`.

    Attributes:
        recipe: how the preset is trained by default.
        inner_channels: channels of the innermost feature map that the decoder starts from.
        first_activation: activation of the decoder's first layer.
        scales_code: whether the encoder divides a code by the square root of the size of the
            innermost feature map, and the decoder multiplies. A feature map of n normalised values
            gives codes of a size of sqrt(n) and more under Muon's large steps. Divided by that
            they lie within a few units of 0, where people look for them.
        n_halvings: how often a body halves or doubles the image: 2 at 28 pixels, 3 at 64.
    """

    recipe: ClassVar[Recipe] = Recipe()
    inner_channels: ClassVar[int] = 64
    first_activation: ClassVar[str | None] = "relu"
    scales_code: ClassVar[bool] = False

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        latent_dim: int,
        n_features: int,
        spatial: bool = False,
        code_activation: str = "linear",
        seed: int = 0,
        dtype: str = "float32",
    ) -> None:
        self.image_shape = image_shape
        self.latent_dim = latent_dim
        self.n_features = n_features
        self.spatial = spatial
        self.code_activation = code_activation
        self.seed = seed
        self.dtype = dtype
        sizes = np.array(image_shape[:2])
        self.n_halvings = max(MIN_HALVINGS, round(math.log2(max(sizes) / INNER_SIZE)))
        inner = -(-sizes // 2**self.n_halvings)
        padded = inner * 2**self.n_halvings
        self._inner, self._padded = tuple(inner.tolist()), tuple(padded.tolist())  # (h, w), (H, W)
        self._edge = tuple((0, more) for more in (padded - sizes).tolist())
        self._code_scale = math.sqrt(self.inner_channels * math.prod(self._inner))

    @abstractmethod
    def encoder_body(self, x: KerasTensor) -> KerasTensor:
        """Return the innermost feature map (N, h, w, K) of padded images (N, H, W, C)."""

    @abstractmethod
    def decoder_body(self, x: KerasTensor) -> KerasTensor:
        """Return what the output layer sees, of the innermost feature map (N, h, w, K)."""

    def output_layer(self) -> layers.Layer:
        """Return the layer to (N, H, W, C), in front of the sigmoid: a 3x3 convolution."""
        channels = self.image_shape[-1]
        if channels <= NARROW_CHANNELS:
            return NarrowConv2D(channels, **self.named(OUTPUT_LAYER))
        return self.conv(OUTPUT_LAYER, channels)

    def conv(self, name: str, filters: int, size: int = 3, **options: Any) -> layers.Layer:
        """Return a convolution that keeps height and width, but for `strides`."""
        options |= {"padding": "same", "data_format": DATA_FORMAT, **self.named(name)}
        return layers.Conv2D(filters, size, **options)

    def named(self, name: str) -> dict[str, Any]:
        """Return what a layer with a kernel is given; seeds follow from the order of calls."""
        return {"name": name, "kernel_initializer": next(self._initializers), "dtype": self.dtype}

    def build_encoder(self) -> keras.Model:
        """Return the model from images (N, H, W, C) in [0, 1] to features, float32.

        Features are (N, n_features), or where spatial (N, h, w, n_features).
        """
        self._initializers = seeded_initializers(self.seed, part=0)
        x = images = keras.Input(self.image_shape, dtype="float32", name="images")
        if any(map(any, self._edge)):
            x = layers.ZeroPadding2D(self._edge, DATA_FORMAT, dtype=self.dtype, name="pad")(x)
        x = self._checked("encoder_body", self.encoder_body(x), self._inner)  # (N, h, w, K)
        # A code in bfloat16 would keep three digits only.
        options = {**self.named("code"), "activation": self.code_activation, "dtype": "float32"}
        if self.spatial:
            features = layers.Conv2D(self.n_features, 1, data_format=DATA_FORMAT, **options)(x)
            return keras.Model(images, features, name="encoder")
        x = layers.Flatten(DATA_FORMAT, dtype=self.dtype, name="flatten")(x)
        features = layers.Dense(self.n_features, **options)(x)
        if self.scales_code:
            scale = layers.Rescaling(1 / self._code_scale, dtype="float32", name="code_scale")
            features = scale(features)
        return keras.Model(images, features, name="encoder")

    def build_decoder(self) -> keras.Model:
        """Return the model from codes to images (N, H, W, C) in [0, 1], float32.

        Codes are (N, latent_dim), or where spatial (N, h, w, latent_dim).
        """
        self._initializers = seeded_initializers(self.seed, part=1)
        shape = (*(self._inner if self.spatial else ()), self.latent_dim)
        x = codes = keras.Input(shape, dtype="float32", name="codes")
        options = {**self.named("dense"), "activation": self.first_activation}
        if self.spatial:
            x = layers.Conv2D(self.inner_channels, 1, data_format=DATA_FORMAT, **options)(x)
        else:
            if self.scales_code:
                x = layers.Rescaling(self._code_scale, dtype="float32", name="code_scale")(x)
            x = layers.Dense(self.inner_channels * math.prod(self._inner), **options)(x)
            inner = (*self._inner, self.inner_channels)
            x = layers.Reshape(inner, dtype=self.dtype, name="reshape")(x)
        x = self.decoder_body(x)
        x = self._checked("decoder_body", self.output_layer()(x), self._padded)
        if any(map(any, self._edge)):
            x = layers.Cropping2D(self._edge, DATA_FORMAT, dtype=self.dtype, name="crop")(x)
        # In bfloat16 a pixel would keep three digits only.
        images = layers.Activation("sigmoid", dtype="float32", name="images")(x)
        return keras.Model(codes, images, name="decoder")

    def _checked(self, body: str, x: KerasTensor, size: tuple[int, ...]) -> KerasTensor:
        if tuple(x.shape[1:-1]) != size:
            raise ConfigError(
                f"{body} of {type(self).__name__} leads to shape {tuple(x.shape)}; expected "
                f"(N, {size[0]}, {size[1]}, channels): halve and double n_halvings times, here "
                f"{self.n_halvings}."
            )
        return x


PRESETS: Registry[Preset] = Registry(
    "preset",
    "zscape.nn.presets",
    given=("spatial", "code_activation", "seed", "dtype"),
    base=Preset,
)
register_preset = PRESETS.register


def make_preset(
    image_shape: tuple[int, int, int],
    network: NetworkConfig,
    *,
    n_features: int | None = None,
    spatial: bool = False,
    seed: int = 0,
    dtype: str = "float32",
) -> Preset:
    """Return the preset that the settings name, with its options; see `Preset` for the rest."""
    choice = Choice.parse(network.preset)
    known, options = PRESETS.options(choice.name), dict(choice.options)
    defaults = {field.name: field.default for field in dataclasses.fields(network)}
    for name in ("downsampling", "upsampling"):  # settings that are options of some presets
        value = getattr(network, name)
        if name in known:
            options.setdefault(name, value)
        elif value != defaults[name]:
            having = " or ".join(each for each in PRESETS.names() if name in PRESETS.options(each))
            raise ConfigError(
                f"{name} is {value!r}, but the preset {choice.name} has no such option. "
                f"Leave it out, or choose {having}."
            )
    return PRESETS.make(
        Choice(choice.name, options),
        image_shape=image_shape,
        latent_dim=network.latent_dim,
        n_features=n_features or network.latent_dim,
        spatial=spatial,
        code_activation=network.code_activation,
        seed=seed,
        dtype=dtype,
    )


def start_at_mean(decoder: keras.Model, mean: np.ndarray) -> None:
    """Set the bias of the output layer so that an untrained decoder shows the mean pixel.

    From a bias of zero every pixel starts near 0.5. On mostly black images the first steps
    then push so hard towards black that the sigmoid saturates, its gradient vanishes and the
    network stays black for good. A decoder without our output layer is left as it is. The mean is
    that of each channel over the training images, (C,) in [0, 1].
    """
    share = np.clip(mean, 0.01, 0.99)
    bias = np.log(share / (1 - share)).astype(np.float32)
    output = {layer.name: layer for layer in decoder.layers}.get(OUTPUT_LAYER)
    ends_in_sigmoid = getattr(decoder.layers[-1], "activation", None) is keras.activations.sigmoid
    if output is not None and ends_in_sigmoid and output.bias.shape == bias.shape:
        output.bias.assign(bias)
