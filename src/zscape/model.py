"""The autoencoder: encoder, bottleneck and decoder in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from zscape.config import BottleneckConfig, NetworkConfig
from zscape.errors import DataError
from zscape.nn.bottleneck import build_bottleneck
from zscape.nn.decoder import build_decoder
from zscape.nn.encoder import build_encoder

if TYPE_CHECKING:
    from zscape.data.batches import ReconstructionBatches

PREDICT_BATCH_SIZE = 256


@keras.saving.register_keras_serializable("zscape")
class Autoencoder(keras.Model):
    """An autoencoder in three parts, of which only the middle one changes between families.

        images (N,H,W,C) --encoder--> features --bottleneck--> codes z (N,d) --decoder--> images

    It is an ordinary Keras model: `compile`, `fit`, `save` and `keras.saving.load_model` work.

    Args:
        encoder: a Keras model from images (N, H, W, C) in [0, 1] to features.
        bottleneck: a Keras layer from features to codes (N, d).
        decoder: a Keras model from codes (N, d) to images (N, H, W, C) in [0, 1].
        **kwargs: what every Keras model takes, such as `name`.

    Example:
        >>> model = build_autoencoder((28, 28, 1), NetworkConfig(latent_dim=2))
        >>> model.encode(images).shape
        (1000, 2)
    """

    # --- layers ---

    def __init__(
        self,
        encoder: keras.Model,
        bottleneck: keras.layers.Layer,
        decoder: keras.Model,
        **kwargs: Any,
    ) -> None:
        # Images go in as they are; in bfloat16 a pixel would keep three digits only.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.encoder = encoder
        self.bottleneck = bottleneck
        self.decoder = decoder
        # On TensorFlow and the CPU, XLA makes these networks slower, and compiles each of
        # them again for the smaller last batch.
        for part in (self, encoder, decoder):
            part.jit_compile = keras.backend.backend() == "jax"
        self.build(encoder.input_shape)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the bottleneck; encoder and decoder come built."""
        if not self.bottleneck.built:
            self.bottleneck.build(self.encoder.output_shape)
        self.built = True

    def call(self, images: Any, training: bool | None = None) -> Any:
        """Return the reconstruction (N, H, W, C) of images (N, H, W, C)."""
        features = self.encoder(images, training=training)
        codes = self.bottleneck(features, training=training)
        return self.decoder(codes, training=training)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the images."""
        return input_shape

    # --- config ---

    def get_config(self) -> dict[str, Any]:
        """Return every constructor argument, for `from_config`."""
        parts = {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "bottleneck": keras.saving.serialize_keras_object(self.bottleneck),
            "decoder": keras.saving.serialize_keras_object(self.decoder),
        }
        for part in parts.values():
            part.pop("compile_config", None)  # how the whole is trained is the whole's matter
        return {**super().get_config(), **parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Autoencoder:
        """Rebuild the model that `get_config` describes."""
        parts = ("encoder", "bottleneck", "decoder")
        made = {name: keras.saving.deserialize_keras_object(config[name]) for name in parts}
        return cls(**{**config, **made})

    # --- encode and decode ---

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of one image."""
        height, width, channels = self.encoder.input_shape[1:]
        return height, width, channels

    @property
    def latent_dim(self) -> int:
        """Length of a code."""
        return int(self.decoder.input_shape[-1])

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Encode images; the same image always gives the same code.

        Args:
            images: (N, H, W, C), floats in [0, 1] or integers as `as_float` takes them.

        Returns:
            Codes (N, d), float32.

        Raises:
            DataError: the images do not have the shape the model was made for, or a type that
                `as_float` does not take.
        """
        images = self._checked_images(images)
        features = self.encoder.predict(_batches(images), verbose=0)
        return np.asarray(keras.ops.convert_to_numpy(self.bottleneck(features)))

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Decode codes (N, d) to images (N, H, W, C), float32 in [0, 1].

        Raises:
            DataError: the codes do not have the length the model was made for.
        """
        try:
            codes = np.asarray(codes, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"the codes are not numbers in rows of one length; "
                f"this model takes (N, {self.latent_dim})."
            ) from error
        self._check_shape("codes", codes, (self.latent_dim,))
        return self.decoder.predict(codes, batch_size=PREDICT_BATCH_SIZE, verbose=0)

    def reconstruct(self, images: np.ndarray) -> np.ndarray:
        """Encode and decode images (N, H, W, C); returns float32 in [0, 1] of the same shape.

        Raises:
            DataError: the images do not have the shape the model was made for, or a type that
                `as_float` does not take.
        """
        images = self._checked_images(images)
        return self.predict(_batches(images), verbose=0)

    def _checked_images(self, images: np.ndarray) -> np.ndarray:
        images = np.asarray(images)
        self._check_shape("images", images, self.image_shape)
        if images.dtype.kind not in "fub":
            raise DataError(
                f"the images are {images.dtype}; expected uint8, uint16, bool or floats in [0, 1]; "
                "convert them, so that it is clear which value is white."
            )
        return images

    def _check_shape(self, what: str, array: np.ndarray, expected: tuple[int, ...]) -> None:
        if np.ndim(array) == 0 or np.shape(array)[1:] != expected:
            wanted = ", ".join(str(size) for size in expected)
            raise DataError(
                f"the {what} have shape {np.shape(array)}; this model takes (N, {wanted}): "
                f"give it {what} of that shape, or train a model on yours."
            )
        if len(array) == 0:
            raise DataError(f"there are no {what}; give at least one.")


def _batches(images: np.ndarray) -> ReconstructionBatches:
    # Not at the top: that module imports Keras, whose import brings in this module.
    from zscape.data.batches import ReconstructionBatches

    return ReconstructionBatches(images, batch_size=PREDICT_BATCH_SIZE)


def build_autoencoder(
    image_shape: tuple[int, int, int],
    network: NetworkConfig,
    bottleneck: BottleneckConfig | None = None,
    *,
    seed: int = 0,
    precision: str = "float32",
) -> Autoencoder:
    """Build an untrained autoencoder.

    Args:
        image_shape: (H, W, C) of one image; any size and any number of channels.
        network: the encoder and its mirror, the decoder.
        bottleneck: the part between them; plain when None.
        seed: seeds the initial weights.
        precision: `float32`, or `mixed_bfloat16` for arithmetic in bfloat16.
    """
    return Autoencoder(
        build_encoder(image_shape, network, seed=seed, dtype=precision),
        build_bottleneck(bottleneck or BottleneckConfig()),
        build_decoder(image_shape, network, seed=seed, dtype=precision),
        name="autoencoder",
    )
