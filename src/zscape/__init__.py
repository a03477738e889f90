"""zscape: train autoencoders, look at their latent space and walk through it.

Importing this package loads neither Keras nor TensorFlow; the first use of a name that needs
them does. It also sets what makes TensorFlow fast on small networks (`zscape.hardware`), so import
it before TensorFlow. After `import zscape`, `keras.saving.load_model` opens a model file of zscape.

Example:
    >>> import zscape
    >>> run = zscape.train("mnist", latent_dim=2, out="runs/two")
    >>> codes = run.model.encode(zscape.load_images("mnist").images)
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

from zscape.errors import (
    ConfigError,
    DataError,
    ModelError,
    RunError,
    TrainingError,
    ZscapeError,
)
from zscape.hardware import prepare_tensorflow
from zscape.settings import BottleneckConfig, CorruptionConfig, NetworkConfig, TrainConfig

if TYPE_CHECKING:
    from zscape.data.images import Dataset, Images
    from zscape.data.load import load_dataset, load_images
    from zscape.explorer.widget import Explorer
    from zscape.jobs.denoise import denoise
    from zscape.jobs.detector import AnomalyDetector
    from zscape.jobs.draw import grid, latent_map
    from zscape.jobs.evaluate import evaluate
    from zscape.jobs.evaluate_generation import evaluate_generation
    from zscape.jobs.generate import generate, interpolate, traverse
    from zscape.jobs.report import write_report
    from zscape.jobs.train import train
    from zscape.model import Autoencoder, build_autoencoder
    from zscape.model_file import load_model, save_model
    from zscape.runs import Run, load_run

__version__ = "0.1.0"

__all__ = [
    "AnomalyDetector",
    "Autoencoder",
    "BottleneckConfig",
    "ConfigError",
    "CorruptionConfig",
    "DataError",
    "Dataset",
    "Explorer",
    "Images",
    "ModelError",
    "NetworkConfig",
    "Run",
    "RunError",
    "TrainConfig",
    "TrainingError",
    "ZscapeError",
    "__version__",
    "build_autoencoder",
    "denoise",
    "evaluate",
    "evaluate_generation",
    "generate",
    "grid",
    "interpolate",
    "latent_map",
    "load_dataset",
    "load_images",
    "load_model",
    "load_run",
    "save_model",
    "train",
    "traverse",
    "write_report",
]

# Where the names live that are imported when first used.
_HOMES = {
    "AnomalyDetector": "zscape.jobs.detector",
    "Autoencoder": "zscape.model",
    "Dataset": "zscape.data.images",
    "Explorer": "zscape.explorer.widget",
    "Images": "zscape.data.images",
    "Run": "zscape.runs",
    "build_autoencoder": "zscape.model",
    "denoise": "zscape.jobs.denoise",
    "evaluate": "zscape.jobs.evaluate",
    "evaluate_generation": "zscape.jobs.evaluate_generation",
    "generate": "zscape.jobs.generate",
    "grid": "zscape.jobs.draw",
    "interpolate": "zscape.jobs.generate",
    "latent_map": "zscape.jobs.draw",
    "load_dataset": "zscape.data.load",
    "load_images": "zscape.data.load",
    "load_model": "zscape.model_file",
    "load_run": "zscape.runs",
    "save_model": "zscape.model_file",
    "train": "zscape.jobs.train",
    "traverse": "zscape.jobs.generate",
    "write_report": "zscape.jobs.report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # the next use does not come here again
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _register_keras_classes(keras: ModuleType) -> None:
    """Import the module whose classes Keras must know to open a model file."""
    importlib.import_module("zscape.model")


prepare_tensorflow()

# Runs at once if Keras is there already.
wrapt.register_post_import_hook(_register_keras_classes, "keras")
