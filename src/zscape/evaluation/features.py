"""Features of images: what a network sees in them, to compare sets of images by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zscape.data.images import Images, ImageStore, as_float, chunk_length, chunks
from zscape.errors import ConfigError, ModelError, require
from zscape.evaluation.classifier import IMAGE_SHAPE, classifier_record, mnist_classifier
from zscape.evaluation.labels import as_digits, is_labelled
from zscape.files import sha256_of
from zscape.remote import as_path

CLASSIFIER = "classifier"
_BATCH_SIZE = 500


@dataclass(frozen=True)
class FeatureModel:
    """A network whose output says what an image looks like.

    Attributes:
        name: `classifier` for the embedded one, else the name of the file, which `sha256` is of.
        input_shape: (H, W, C) of the images the network takes; None for any height or width.
        run: from a batch (n, H, W, C), float32, to features (n, ...).
    """

    name: str
    sha256: str
    input_shape: tuple[int | None, int | None, int]
    run: Callable[[np.ndarray], np.ndarray]

    def features(self, images: ImageStore) -> np.ndarray:
        """Return the features of images (N, H, W, C), float32 (N, F).

        Images are resized to what the network takes, with anti-aliasing; gray is repeated for
        networks that take colour, and colour averaged for those that take gray.
        """
        height, width, channels = self.input_shape
        size = (height or images.shape[1], width or images.shape[2])
        most = min(_BATCH_SIZE, chunk_length((*size, channels)))
        parts = []
        for _, part in chunks(images, most=most):
            batch = _with_channels(as_float(part), channels)
            outputs = self.run(_resized(batch, size))
            if len(outputs) != len(batch):
                raise ModelError(
                    f"{self.name} makes {len(outputs)} outputs of {len(batch)} images; expected "
                    "features (N, ...), a row for each image."
                )
            parts.append(outputs.reshape(len(batch), -1).astype(np.float32))
        return np.concatenate(parts)


def load_features(path: str | Path | None, image_shape: tuple[int, int, int]) -> FeatureModel:
    """Load a network to compare images of the shape (H, W, C) by.

    Args:
        path: a `.keras` file, whose layers are checked as by `zscape.model_file.load_network`,
            or an `.onnx` file; the embedded MNIST classifier when None. The network gets images
            in [0, 1]; one that wants another range needs a layer that rescales first. Its
            output is taken as the features, so a classifier is cut before its last layer.
        image_shape: of the images to compare.
    """
    if path is None:
        if image_shape != IMAGE_SHAPE:
            shape = "x".join(map(str, image_shape))
            raise ConfigError(
                f"the embedded classifier is for images of 28x28x1, and these are {shape}; name "
                "a network to compare them by (.keras or .onnx) as `features`."
            )
        return _classifier("features")
    path = as_path(path)
    if path.suffix.lower() not in (".keras", ".onnx"):
        raise ConfigError(f"{path} does not end in .keras or .onnx; expected such a network.")
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise ModelError(f"{path} {what}; expected a network (.keras or .onnx).")
    return _from_keras(path) if path.suffix.lower() == ".keras" else _from_onnx(path)


def share_of_digits_known(images: Images) -> float | None:
    """Return the share of labels that the embedded classifier gets right; None without labels."""
    digits, known = as_digits(images), is_labelled(images)
    if digits is None or not known.any():
        return None
    found = class_probabilities(images.images).argmax(axis=1)
    return float(np.mean(found[known] == digits[known]))


def class_probabilities(images: ImageStore) -> np.ndarray:
    """Return what the embedded classifier takes images (N, 28, 28, 1) for, (N, 10), float32."""
    return _classifier("probabilities").features(images)


def _classifier(output: str) -> FeatureModel:
    """Return the embedded classifier with one of its outputs."""

    def run(images: np.ndarray) -> np.ndarray:
        return np.asarray(mnist_classifier().predict_on_batch(images)[output])

    return FeatureModel(CLASSIFIER, classifier_record()["sha256"], IMAGE_SHAPE, run)


def _from_keras(path: Path) -> FeatureModel:
    from zscape.model_file import load_errors, load_network

    network = load_network(path)
    shape = _image_shape(path, tuple(network.input_shape))

    def run(images: np.ndarray) -> np.ndarray:
        try:
            return np.asarray(network.predict_on_batch(images))
        except load_errors() as error:
            raise _failed(path, "run on the images", error) from error

    return FeatureModel(path.name, sha256_of(path), shape, run)


def _from_onnx(path: Path) -> FeatureModel:
    require("onnxruntime", extra="onnx")
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    # What is wrong with a file or a run; onnxruntime's exceptions have no base of their own.
    failures = (
        state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
        state.NotImplemented, state.RuntimeException, RuntimeError, ValueError,
    )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised
    try:
        # From bytes: a file cannot name other files to be read.
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except failures as error:
        raise _failed(path, "loaded", error) from error
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)":
        raise ModelError(
            f"{path} does not take one array of float32; expected images (N, H, W, C)."
        )
    asked = tuple(size if isinstance(size, int) else None for size in inputs[0].shape)
    # PyTorch puts the channels first.
    first = len(asked) == 4 and asked[1] in (1, 3) and asked[3] not in (1, 3)
    shape = _image_shape(path, (asked[0], *asked[2:], asked[1]) if first else asked)

    def run(images: np.ndarray) -> np.ndarray:
        batch = np.ascontiguousarray(np.moveaxis(images, -1, 1)) if first else images
        try:
            return np.asarray(session.run([outputs[0].name], {inputs[0].name: batch})[0])
        except failures as error:
            raise _failed(path, "run on the images", error) from error

    return FeatureModel(path.name, sha256_of(path), shape, run)


def _image_shape(path: Path, shape: tuple[int | None, ...]) -> tuple[int | None, int | None, int]:
    if len(shape) != 4 or shape[3] not in (1, 3):
        raise ModelError(
            f"{path} takes inputs of shape {shape}; expected images (N, H, W, C) with 1 or 3 "
            "channels."
        )
    if shape[0] is not None:
        raise ModelError(
            f"{path} takes {shape[0]} images at a time only; save it with a first axis of any size."
        )
    return shape[1], shape[2], shape[3] or 0


def _with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    if images.shape[-1] == channels:
        return images
    if images.shape[-1] == 1:
        return np.repeat(images, channels, axis=-1)
    if images.shape[-1] == 3:
        return np.asarray(images.mean(axis=-1, keepdims=True))
    raise ConfigError(
        f"the images have {images.shape[-1]} channels and the network `features` takes "
        f"{channels}; it works for images of 1 or 3 channels."
    )


def _resized(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return images (n, H, W, C) in another size, each channel by Pillow's bilinear filter.

    Pillow averages when it makes an image smaller, which frameworks often do not (Parmar, Zhang
    and Zhu, On aliased resizing and surprising subtleties in GAN evaluation, CVPR 2022).
    """
    from PIL import Image

    if images.shape[1:3] == size:
        return images
    height, width = size
    results = np.empty((len(images), height, width, images.shape[-1]), np.float32)
    for i, channel in np.ndindex(len(images), images.shape[-1]):
        plane = Image.fromarray(np.ascontiguousarray(images[i, ..., channel]))
        resized = plane.resize((width, height), Image.Resampling.BILINEAR)
        results[i, ..., channel] = np.asarray(resized)
    return results


def _failed(path: Path, what: str, error: Exception) -> ModelError:
    first = str(error).strip().partition("\n")[0]
    reason = "".join(character for character in first if character.isprintable())[:200].rstrip(".")
    return ModelError(f"{path} cannot be {what}: {reason}.")
