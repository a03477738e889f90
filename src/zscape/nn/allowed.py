"""Which classes a model file may name: those that only compute, and the user's own.

Keras refuses Lambda layers by itself, but other layers (TFSMLayer, TorchModuleWrapper, ...) load
programs too, and any function of its public interface can be named. So what is harmless is listed
one by one. A class of the user's is trusted where the user's own code brought it: it is a
registered bottleneck, it lies in a loaded plugin, or a layer of it was handed to
`build_autoencoder`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import keras

from zscape.nn.bottlenecks import BOTTLENECKS
from zscape.registry import plugin_modules

MAX_DEPTH = 50  # the configurations of zscape are 12 deep

_CLASSES = {
    "keras": "DTypePolicy Functional Sequential",
    "keras.src.models.functional": "Functional",
    "keras.constraints": "MaxNorm MinMaxNorm NonNeg UnitNorm",
    "keras.initializers": """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform Ones
        Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
        """,
    "keras.layers": """
        Activation Add AlphaDropout Attention Average AveragePooling2D BatchNormalization
        Concatenate Conv1D Conv2D Conv2DTranspose Cropping2D Dense DepthwiseConv2D Dot Dropout ELU
        Embedding Flatten GaussianDropout GaussianNoise GlobalAveragePooling2D GlobalMaxPooling2D
        GroupNormalization Identity InputLayer LayerNormalization LeakyReLU MaxPooling2D Maximum
        Minimum MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization ReLU
        RepeatVector Rescaling Reshape Resizing SeparableConv2D Softmax SpatialDropout2D Subtract
        UnitNormalization UpSampling2D ZeroPadding2D
        """,
    "keras.regularizers": "L1 L1L2 L2 OrthogonalRegularizer",
}
_HARMLESS: set[tuple[str | None, str]] = {
    (None, "__keras_tensor__"),  # a place in the graph, which Keras writes in the form of a class
    *((module, name) for module, names in _CLASSES.items() for name in names.split()),
}

_KNOWN = ("keras", "zscape")  # packages of which no class is the user's
_handed_over: set[type] = set()


def trust_layers(part: keras.layers.Layer) -> str | None:
    """Trust the classes of a network's layers, which the user handed over, in this process.

    Returns what the network's model file would name all the same that may run code, or None.
    """
    classes = {type(layer) for layer in part._flatten_layers()}
    _handed_over.update(cls for cls in classes if _package(cls.__module__) not in _KNOWN)
    return check_classes(keras.saving.serialize_keras_object(part))[1]


def check_classes(config: dict[str, Any]) -> tuple[dict[str, type], str | None]:
    """Look through a configuration, before Keras sees it, for all that it names.

    Returns the user's classes in it by registered name, as Keras' `custom_objects`; and the name
    of the first thing that is neither theirs nor known to be harmless, or None.
    """
    registered = keras.saving.get_custom_objects()
    ours = {
        (known.__name__, name)
        for name, known in registered.items()
        if isinstance(known, type) and _package(known.__module__) == "zscape"
    }
    users = {
        (module, cls.__name__, keras.saving.get_registered_name(cls)): cls
        for cls in _users_classes()
        for module in (cls.__module__, None)  # Keras writes None for what a notebook defines
    }
    strange = registered.keys() - {name for _, name in ours} - {name for *_, name in users}
    found: dict[str, type] = {}
    for node in _nodes(config):
        if isinstance(node, dict) and "class_name" in node:
            module, name = asked = node.get("module"), node["class_name"]
            full = *asked, node.get("registered_name")
            if not all(part is None or isinstance(part, str) for part in full):
                return found, f"{module}.{name}"
            if full in users:
                found[full[2]] = users[full]
            # All three must agree: Keras looks at the registered name first, but not everywhere.
            # The module of a class of ours changes from version to version.
            elif not (
                (_package(module) == "zscape" and full[1:] in ours)
                or (asked in _HARMLESS and full[2] in (None, name))
            ):
                return found, f"{module}.{name}"
        elif isinstance(node, str) and node in strange:
            # Keras takes a mere string for a registered function too, as an activation say.
            return found, node
    return found, None


def _users_classes() -> Iterator[type]:
    """Yield the classes that the user's own code brought."""
    yield from _handed_over
    bottlenecks = (BOTTLENECKS[name] for name in BOTTLENECKS.names())
    yield from (cls for cls in bottlenecks if _package(cls.__module__) != "zscape")
    registered = list(keras.saving.get_custom_objects().values())
    for plugin in plugin_modules() & sys.modules.keys():
        for value in (*vars(sys.modules[plugin]).values(), *registered):
            module = getattr(value, "__module__", None) or ""
            if isinstance(value, type) and f"{module}.".startswith(f"{plugin}."):
                yield value


def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]


def _nodes(config: Any) -> Iterator[Any]:
    """Yield every value in a configuration, however deep; not the keys."""
    pending = [(config, 0)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise RecursionError("its configuration is nested too deep")
        yield node
        if isinstance(node, dict):
            pending += [(value, depth + 1) for value in node.values()]
        elif isinstance(node, list):
            pending += [(value, depth + 1) for value in node]
