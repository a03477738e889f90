"""Model files: saved whole or not at all, and loaded only when nothing in them can run."""

from __future__ import annotations

import json
import logging
import math
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras

from zscape.errors import ModelError
from zscape.files import write_atomically
from zscape.hardware import has_bfloat16
from zscape.model import Autoencoder
from zscape.nn.allowed import check_classes
from zscape.nn.networks import is_network
from zscape.remote import as_path, fetched

_MEMBERS = ["config.json", "metadata.json", "model.weights.h5"]
_MAX_CONFIG_BYTES = 10_000_000

# What Keras, h5py and zipfile raise on values they cannot use.
_DAMAGE: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # also NotImplementedError and RecursionError
    TypeError,
    UserWarning,  # one that was made an error
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


def save_model(model: Autoencoder, path: Path) -> None:
    """Save network and weights to a `.keras` file, atomically, without the optimizer's state."""
    with _in_this_process():
        # A second wrapper around the same parts has no optimizer: a third of the size.
        bare = Autoencoder(
            model.encoder, model.bottleneck, model.decoder, white=model.white, name=model.name
        )
        write_atomically(path, lambda temporary: bare.save(temporary))


@contextmanager
def _in_this_process() -> Iterator[None]:
    """Make what is made here in this process alone, although others train with it.

    A variable that is shared by processes is made by all of them together, and one alone would wait
    for the others.
    """
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


def load_model(path: str | Path) -> Autoencoder:
    """Load an autoencoder from a `.keras` file without running anything it may contain.

    The configuration is read and checked before Keras sees it. Only Keras layers known to be
    harmless, the classes of zscape and those that you brought yourself (`zscape.nn.allowed`) are
    accepted, and no more weights than the file holds.

    Raises:
        ModelError: the file is missing, damaged, not an autoencoder, or names anything else.
    """
    path = as_path(path)
    wanted = "an Autoencoder saved by zscape"
    config, n_weight_bytes = _read_config(path, wanted)
    if config.get("registered_name") != "zscape>Autoencoder":
        held = _line(repr(config.get("class_name")), 60)
        raise ModelError(f"{path} holds {held}; expected {wanted}.")
    expected = "an autoencoder from images to codes and back"
    model: Autoencoder = _checked_load(path, config, n_weight_bytes, _is_autoencoder, expected)
    _avoid_missing_arithmetic(model, path)
    return model


def _avoid_missing_arithmetic(model: Autoencoder, path: Path) -> None:
    """Compute in float32 where the model was trained in bfloat16 and the hardware has none."""
    parts = (*model.encoder.layers, *model.decoder.layers)
    layers = [layer for layer in parts if layer.compute_dtype == "bfloat16"]
    if not layers or has_bfloat16():
        return
    for layer in layers:
        layer.dtype_policy = keras.DTypePolicy("float32")
    logging.getLogger("zscape").warning(
        "%s was trained in bfloat16, which this processor does not have; it computes in float32 "
        "here, and results differ in the third digit.",
        path,
    )


def load_network(path: str | Path) -> keras.Model:
    """Load a network with one input and one output from anyone's file, checked as a model is."""
    path = as_path(path)
    config, n_weight_bytes = _read_config(path, "a network saved by Keras")
    expected = "a network with one input and one output"
    return _checked_load(path, config, n_weight_bytes, is_network, expected)


def _checked_load(
    path: Path,
    config: dict[str, Any],
    n_weight_bytes: int,
    is_right: Callable[[Any], bool],
    expected: str,
) -> Any:
    """Load a file if all that it names is harmless, and it holds what is expected."""
    try:
        classes, refused = check_classes(config)
        if refused:
            raise ModelError(
                f"{path} asks for {_line(repr(refused), 60)}, which may run code; it was not "
                "loaded. If it is your own, load the plugin that defines it with `load_plugin`; "
                "else use model files that zscape saved, from a source you trust."
            )
        model = _without_weights(config, classes)
        if not is_right(model):
            raise ModelError(f"{path} is not {expected}; it was not loaded.")
        # A few digits in the configuration could ask for all memory of the machine.
        if sum(math.prod(weight.shape) for weight in model.variables) > n_weight_bytes:
            raise ModelError(
                f"{path} describes a larger network than it holds weights for; it was not loaded."
            )
        with warnings.catch_warnings():
            # Where weights are missing Keras may keep random ones and only warn.
            warnings.filterwarnings("error", message="Skipping nested container")
            return keras.saving.load_model(fetched(path), classes, compile=False, safe_mode=True)
    except load_errors() as error:
        raise ModelError(
            f"{path} cannot be loaded: {_line(error)}. Make it again or take another copy."
        ) from error


def _is_autoencoder(model: Any) -> bool:
    return (
        isinstance(model, Autoencoder)
        and isinstance(model.encoder, keras.Model)
        and isinstance(model.decoder, keras.Model)
        and model.encoder.input_shape == model.decoder.output_shape
        and len(model.encoder.input_shape) == 4
        and len(model.decoder.input_shape) == (4 if model.bottleneck.spatial else 2)
    )


def _read_config(path: Path, wanted: str) -> tuple[dict[str, Any], int]:
    """Return the configuration and the size of the weights in bytes."""
    expected = "expected a model file (.keras)."
    if not path.is_file():
        raise ModelError(f"{path} is missing; {expected}")
    if path.suffix != ".keras":
        # By other endings Keras chooses other readers, which look at other parts of the file.
        raise ModelError(f"{path} does not end in .keras; {expected}")
    try:
        with zipfile.ZipFile(fetched(path)) as archive:
            members = sorted(archive.namelist())
            if members != _MEMBERS:
                odd = sorted({*members} ^ {*_MEMBERS}) or members
                raise ModelError(
                    f"{path} is not a model file as Keras saves it (missing, unexpected or double: "
                    f"{_line(odd)}); it was not loaded."
                )
            if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                raise ModelError(
                    f"{path} is compressed, which Keras never does and which can hide any "
                    "size; it was not loaded."
                )
            if archive.getinfo("config.json").file_size > _MAX_CONFIG_BYTES:
                raise ModelError(f"{path} has a configuration of over 10 MB; it was not loaded.")
            n_weight_bytes = archive.getinfo("model.weights.h5").compress_size
            config = json.loads(archive.read("config.json"))
    except _DAMAGE as error:
        raise ModelError(
            f"{path} is damaged: {_line(error)}. Make it again or take another copy."
        ) from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} holds {type(config).__name__!r}; expected {wanted}.")
    # Optimizer, loss and metrics are not built, as in `keras.saving.load_model`.
    return {**config, "compile_config": None}, n_weight_bytes


def _without_weights(config: dict[str, Any], classes: dict[str, type]) -> Any:
    """Build what a configuration describes, but allocate no weights."""

    def build() -> Any:
        with keras.StatelessScope(initialize_variables=False):
            return keras.saving.deserialize_keras_object(config, classes, safe_mode=True)

    # Keras keeps a list of weights to be made later, one for each thread, so this runs in a
    # thread of its own and leaves nothing behind.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(build).result()


def load_errors() -> tuple[type[Exception], ...]:
    """Return what loading or running a network may raise, the backend's exceptions included."""
    if keras.backend.backend() != "tensorflow":
        return _DAMAGE
    import tensorflow as tf

    return (*_DAMAGE, tf.errors.OpError)


def _line(value: object, limit: int = 200) -> str:
    """Return text from a file as part of one line: no line breaks, no control characters."""
    first = str(value).strip().partition("\n")[0]
    return "".join(character for character in first if character.isprintable())[:limit].rstrip(".")
