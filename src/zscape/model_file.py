"""Model files: saved whole or not at all, and loaded only when nothing in them can run."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from zscape.errors import ModelError
from zscape.files import write_atomically
from zscape.model import Autoencoder

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MAX_CONFIG_BYTES = 10_000_000

# What a configuration may name. Keras refuses Lambda layers by itself, but other layers
# (TFSMLayer, TorchModuleWrapper, ...) load programs too, so these are listed one by one.
_KERAS_MODULES = {
    "keras.constraints",
    "keras.initializers",
    "keras.losses",
    "keras.metrics",
    "keras.optimizers",
    "keras.optimizers.schedules",
    "keras.regularizers",
}
_KERAS_CLASSES = {
    ("keras", "DTypePolicy"),
    ("keras.src.models.functional", "Functional"),
    *(
        ("keras.layers", name)
        for name in (
            "Activation",
            "Add",
            "BatchNormalization",
            "Conv2D",
            "Conv2DTranspose",
            "Cropping2D",
            "Dense",
            "Flatten",
            "InputLayer",
            "LayerNormalization",
            "MaxPooling2D",
            "ReLU",
            "Reshape",
            "UpSampling2D",
            "ZeroPadding2D",
        )
    ),
}
# Plain data, which Keras writes in the same form as classes.
_DATA_CLASSES = {"__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__"}


def save_model(model: Autoencoder, path: Path) -> None:
    """Save network and weights to a `.keras` file, atomically, without the optimizer's state.

    Raises:
        OSError: the file cannot be written.
    """
    # A second wrapper around the same parts has no optimizer: a third of the size.
    bare = Autoencoder(model.encoder, model.bottleneck, model.decoder, name=model.name)
    write_atomically(path, lambda temporary: bare.save(temporary))


def load_model(path: str | Path) -> Autoencoder:
    """Load an autoencoder from a `.keras` file without running anything it may contain.

    The configuration is read first. Only Keras layers known to be harmless, and classes
    registered in this process with `keras.saving.register_keras_serializable`, are accepted.

    Raises:
        ModelError: the file is missing, damaged, not an autoencoder, or names anything else.
    """
    path = Path(path)
    _check_config(path, _read_config(path))
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OSError) as error:
        first_line = str(error).strip().partition("\n")[0][:200]
        raise ModelError(
            f"{path} cannot be loaded: {first_line} Train the model again or take another copy."
        ) from error
    if not isinstance(model, Autoencoder):
        raise ModelError(
            f"{path} holds a {type(model).__name__}; expected an Autoencoder saved by zscape."
        )
    return model


def _read_config(path: Path) -> Any:
    if not path.is_file():
        raise ModelError(f"{path} is missing; expected a model file (.keras) that zscape saved.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = set(archive.namelist())
            if members != _MEMBERS:
                odd = ", ".join(sorted(members ^ _MEMBERS)[:3])
                raise ModelError(
                    f"{path} is not a model file of zscape (missing or unexpected: {odd}); "
                    "it was not loaded."
                )
            if archive.getinfo("config.json").file_size > _MAX_CONFIG_BYTES:
                raise ModelError(f"{path} has a configuration of over 10 MB; it was not loaded.")
            return json.loads(archive.read("config.json"))
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(
            f"{path} is damaged: {error}. Train the model again or take another copy."
        ) from error


def _check_config(path: Path, config: Any) -> None:
    registered = keras.saving.get_custom_objects()
    for node in _class_nodes(config):
        name, module = node.get("class_name"), node.get("module")
        # Keras looks a class up by its registered name first, so that decides alone.
        if node.get("registered_name") in registered:
            continue
        if name in _DATA_CLASSES and module is None:
            continue
        if node.get("registered_name") in (None, name) and (
            module in _KERAS_MODULES or (module, name) in _KERAS_CLASSES
        ):
            continue
        raise ModelError(
            f"{path} asks for {module}.{name}, which may run code; it was not loaded. "
            "Use model files of zscape from a source you trust."
        )


def _class_nodes(config: Any) -> Iterator[dict[str, Any]]:
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _class_nodes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _class_nodes(value)
