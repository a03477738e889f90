"""The autoencoder: encoder, bottleneck and decoder in a row."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from zscape.data.images import ImageStore
from zscape.errors import ConfigError, DataError
from zscape.hardware import check_precision, default_shards
from zscape.image_model import ImageModel, mapped, scaled
from zscape.nn import networks
from zscape.nn.bottlenecks import BOTTLENECKS, Bottleneck, build_bottleneck
from zscape.nn.presets import make_preset
from zscape.registry import Choice
from zscape.settings import NetworkConfig

_PARTS = ("encoder", "bottleneck", "decoder")

for _name in BOTTLENECKS.names():  # Keras must know their classes to open a model file
    _ = BOTTLENECKS[_name]


@keras.saving.register_keras_serializable("zscape")
class Autoencoder(ImageModel):
    """An autoencoder in three parts, of which only the middle one changes between families.

        images (N,H,W,C) --encoder--> features --bottleneck--> codes z (N,d) --decoder--> images

    Where the bottleneck is spatial (`vq`), codes are (N, h, w, d). It is an ordinary Keras model:
    `compile`, `fit`, `save` and `keras.saving.load_model` work. Images are floats in [0, 1], bool,
    or whole numbers, which it scales itself.

    Attributes:
        n_shards: how many parts a batch is cut into in training, by default one per core. It may
            be changed before `compile`, and only decides in which order gradients are added up.

    Args:
        encoder: a Keras model from images (N, H, W, C) in [0, 1] to features.
        bottleneck: from features to codes (N, d).
        decoder: a Keras model from codes (N, d) to images (N, H, W, C) in [0, 1].
        white: the value that is white in images of whole numbers, such as 4095 of 12 bits; the
            largest of their type when None, or where that is less.
        **kwargs: what every Keras model takes, such as `name`.

    Example:
        >>> model = build_autoencoder((28, 28, 1), NetworkConfig(latent_dim=2))
        >>> model.encode(images[:16]).shape
        (16, 2)
    """

    # --- layers ---

    def __init__(
        self,
        encoder: keras.Model,
        bottleneck: Bottleneck,
        decoder: keras.Model,
        *,
        white: float | None = None,
        **kwargs: Any,
    ) -> None:
        # Images go in as they are; in bfloat16 a pixel would keep three digits only.
        super().__init__(white=white, **{"dtype": "float32", **kwargs})
        self.encoder, self.bottleneck, self.decoder = encoder, bottleneck, decoder
        self.n_shards = default_shards()
        # Means over an epoch, in the history under these names.
        self._terms = {name: keras.metrics.Mean(name=name) for name in bottleneck.terms}
        # On TensorFlow and the CPU, XLA makes these networks slower, and compiles each of
        # them again for the smaller last batch.
        for part in (self, encoder, decoder):
            part.jit_compile = keras.backend.backend() == "jax"
        self.build(encoder.input_shape)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the bottleneck; encoder and decoder come built."""
        if not self.bottleneck.built:
            self.bottleneck.build(self.encoder.output_shape)

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return the reconstruction (N, H, W, C) of images (N, H, W, C)."""
        inputs = scaled(images, self.white)
        features = networks.in_shards(self.encoder, inputs, training, self.n_shards)
        # Whole: some bottlenecks look at all codes of a batch together.
        codes = self.bottleneck(features, training=training)
        return networks.in_shards(self.decoder, codes, training, self.n_shards)

    def compute_loss(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss: that of `compile`, and the terms of the bottleneck."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        loss = loss + self.bottleneck.decoder_penalty(self.decoder.trainable_weights)
        n_images = ops.cast(ops.shape(y_pred)[0], "float32")
        for name, value in self.bottleneck.latest.items():
            self._terms[name].update_state(value, sample_weight=n_images)
        return loss

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images."""
        return input_shape

    # --- config ---

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        parts = {name: keras.saving.serialize_keras_object(getattr(self, name)) for name in _PARTS}
        for part in parts.values():
            part.pop("compile_config", None)  # how the whole is trained is the whole's matter
        return {**super().get_config(), **parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Autoencoder:
        """Rebuild the model that `get_config` describes."""
        made = {name: keras.saving.deserialize_keras_object(config[name]) for name in _PARTS}
        return cls(**{**config, **made})

    # --- encode and decode ---

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        return self.encoder.input_shape[1:]

    @property
    def latent_dim(self) -> int:
        """Length of a code, or of the vector at each place of a spatial one."""
        return int(self.decoder.input_shape[-1])

    @property
    def code_shape(self) -> tuple[int, ...]:
        """(d,), or (h, w, d) where codes are spatial."""
        return self.decoder.input_shape[1:]

    @property
    def n_code_values(self) -> int:
        """How many numbers say what a code is: d, or the choices at h w places."""
        return math.prod(self._indices_shape if self.bottleneck.discrete else self.code_shape)

    def encode(self, images: ImageStore, *, sample: bool = False, seed: int = 0) -> np.ndarray:
        """Return codes, float32 (N, d) or (N, h, w, d): the same ones each time, unless `sample`.

        Args:
            images: (N, H, W, C), bool, floats in [0, 1], or whole numbers, which are divided by
                what is white in them; read from disk a batch at a time.
            sample: draw each code, as in training, where the bottleneck has a distribution.
            seed: seeds the draws.

        Raises:
            DataError: the images have another shape, type or range than the model takes.
        """
        images = self.check_images(images)
        if not sample:
            step = self._step(self.encoder, self.bottleneck.encode)
            return mapped(step, images, self.code_shape, self.white_in(images))
        step = self._step(self.encoder)
        features = mapped(step, images, self.encoder.output_shape[1:], self.white_in(images))
        codes = self.bottleneck.sample(ops.convert_to_tensor(features), seed)
        return np.asarray(ops.convert_to_numpy(codes))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Decode codes, as `encode` gives them, to images (N, H, W, C), float32 in [0, 1].

        Raises:
            DataError: the codes do not have the length the model was made for, or are not finite.
        """
        return mapped(self._step(self.decoder), self.check_codes(codes), self.image_shape)

    def reconstruct(self, images: ImageStore) -> np.ndarray:
        """Return `decode(encode(images))`, float32 (N, H, W, C) in [0, 1]; errors as there."""
        step = self._step(self.encoder, self.bottleneck.encode, self.decoder)
        images = self.check_images(images)
        return mapped(step, images, self.image_shape, self.white_in(images))

    def project(self, codes: np.ndarray) -> np.ndarray:
        """Return the nearest codes that an image can have: of `fsq`, `vq` and `sphere` not all."""
        return mapped(self.bottleneck.project, self.check_codes(codes), self.code_shape)

    def code_indices(self, codes: np.ndarray) -> np.ndarray:
        """Return the code indices of discrete codes, int32: (N, d), or (N, h, w) where spatial.

        Raises:
            ConfigError: the codes of this model are not discrete.
        """
        codes = self.check_codes(codes)
        # Whole numbers up to 2^24 are exact in float32.
        return mapped(self.bottleneck.code_indices, codes, self._indices_shape).astype(np.int32)

    def codes_from_indices(self, indices: np.ndarray) -> np.ndarray:
        """Return the codes, float32, that have these code indices; see `code_indices`.

        Raises:
            ConfigError: the codes of this model are not discrete.
            DataError: the indices have another shape, or are not whole numbers.
        """
        networks.check_shape("code indices", indices, self._indices_shape)
        kind = np.asarray(indices).dtype
        if self.bottleneck.discrete and kind.kind not in "iu":
            raise DataError(f"the code indices are {kind}; expected whole numbers from 0.")
        codes = self.bottleneck.codes_from_indices(ops.convert_to_tensor(indices))
        return np.asarray(ops.convert_to_numpy(codes), np.float32)

    @property
    def _indices_shape(self) -> tuple[int, ...]:
        return self.code_shape[:-1] if self.bottleneck.spatial else self.code_shape

    def export(self, filepath: str | Path, *args: Any, **kwargs: Any) -> None:
        """Export the reconstruction of images for serving, as `keras.Model.export` does."""
        self(keras.Input(self.image_shape))  # Keras exports no model that was never called
        super().export(str(filepath), *args, **kwargs)

    def _step(self, *parts: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return what sends a batch of any length through some parts, compiled once."""
        # Not `self.x = ...`: Keras would look for layers in it.
        steps: dict[Any, Callable[[Any], Any]] = self.__dict__.setdefault("_steps", {})
        if parts not in steps:
            steps[parts] = networks.compiled(*parts)
        return steps[parts]

    def check_codes(self, codes: np.ndarray) -> np.ndarray:
        """Return codes as float32; DataError if the model does not take them."""
        return networks.checked_codes(codes, self.code_shape)


def build_autoencoder(
    image_shape: tuple[int, int, int],
    network: NetworkConfig | None = None,
    bottleneck: Choice | str | None = None,
    *,
    seed: int = 0,
    precision: str = "float32",
    white: float | None = None,
    encoder: keras.Model | None = None,
    decoder: keras.Model | None = None,
) -> Autoencoder:
    """Build an untrained autoencoder, of a preset or of two Keras models of your own.

    The classes of your own layers are trusted in this process: `load_model` opens files that name
    them. In another process, load a plugin that defines them first.

    Args:
        image_shape: (H, W, C) of one image; any size and any number of channels.
        network: the encoder and its mirror, the decoder; not for models of your own.
        bottleneck: the part between them, as in `gaussian:beta=2`; plain when None.
        seed: seeds the initial weights.
        precision: `float32`, or `mixed_bfloat16` for arithmetic in bfloat16; of presets only.
        white: the value that is white in images of whole numbers; see `Autoencoder`.
        encoder: your own, from images (N, H, W, C) in [0, 1] to features (N, f): one for each
            number of a code, or two for `gaussian` and `tc`; (N, h, w, f) for `vq`.
        decoder: your own, from codes (N, d), or (N, h, w, d) for `vq`, to images (N, H, W, C). It
            must end in a sigmoid or the like, so that these lie in [0, 1].

    Raises:
        ConfigError: a name or an option is unknown or outside its range, the hardware has no
            bfloat16 arithmetic, or your models do not fit the images or each other.
    """
    if (encoder is None) is not (decoder is None):
        raise ConfigError("there is only one of encoder and decoder; give both, or neither.")
    between = build_bottleneck(bottleneck or "plain", n_values=math.prod(image_shape), seed=seed)
    if encoder is None or decoder is None:
        check_precision(precision)
        network = network or NetworkConfig()
        if between.linear_features and network.code_activation != "linear":
            raise ConfigError(
                f"code_activation is {network.code_activation!r}, but {type(between).__name__} "
                "makes its codes from linear features. Leave it out, or choose plain."
            )
        preset = make_preset(
            image_shape,
            network,
            n_features=between.n_features_per_code * network.latent_dim,
            spatial=between.spatial,
            seed=seed,
            dtype=precision,
        )
        encoder, decoder = preset.build_encoder(), preset.build_decoder()
    else:
        networks.check_networks(encoder, decoder, between, image_shape)
    networks.trust_parts(encoder=encoder, bottleneck=between, decoder=decoder)
    return Autoencoder(encoder, between, decoder, white=white, name="autoencoder")
