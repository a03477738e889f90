"""zscape: train autoencoders, look at their latent space and walk through it.

Importing this package loads neither Keras nor TensorFlow; the first use of a name that needs
them does. It also sets what makes TensorFlow fast on small networks (`zscape.hardware`), so import
it before TensorFlow. After `import zscape`, `keras.saving.load_model` opens a model file of zscape.

The public names are listed in `__init__.pyi`.

Example:
    >>> import zscape
    >>> run = zscape.train("mnist", latent_dim=2, out="runs/two")
    >>> codes = run.model.encode(zscape.load_images("mnist").images)
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import lazy_loader
import wrapt

from zscape.errors import backend_needed
from zscape.hardware import prepare_tensorflow

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """Return a public name, which is imported when it is first used."""
    with backend_needed():
        return _load(name)


def _register_keras_classes(keras: ModuleType) -> None:
    """Import the module whose classes Keras must know to open a model file."""
    importlib.import_module("zscape.model")


prepare_tensorflow()

# Runs at once if Keras is there already.
wrapt.register_post_import_hook(_register_keras_classes, "keras")
