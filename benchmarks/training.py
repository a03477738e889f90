"""Training as the benchmarks need it: with a preset's recipe, or one step away from it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zscape.settings import BottleneckConfig, NetworkConfig, TrainConfig

if TYPE_CHECKING:
    from zscape.data.images import Dataset
    from zscape.model import Autoencoder
    from zscape.training.state import TrainingState


class Trained(NamedTuple):
    """The best model, the state after the last epoch, and the seconds of training."""

    model: Autoencoder
    state: TrainingState
    seconds: float


def settings(preset: str, dataset: Dataset, seed: int, **changes: Any) -> TrainConfig:
    """Return a preset's recipe for a data set, with changes by the name of the setting."""
    from zscape.nn.presets import PRESETS

    recipe = PRESETS[preset].recipe
    usual: dict[str, Any] = {
        "epochs": recipe.n_epochs(len(dataset.train)),
        "optimizer": recipe.optimizer,
        "learning_rate": recipe.learning_rate,
        "precision": recipe.precision,
        "seed": seed,
    }
    return TrainConfig(**usual | changes)


def train_best(
    dataset: Dataset,
    preset: str,
    latent_dim: int,
    config: TrainConfig,
    *,
    bottleneck: BottleneckConfig | None = None,
    callbacks: Any = (),
) -> Trained:
    """Train on images of 28x28 pixels, choosing the best epoch on the validation split."""
    from zscape.model import build_autoencoder
    from zscape.model_file import load_model
    from zscape.training.fit import fit_autoencoder

    network = NetworkConfig(preset=preset, latent_dim=latent_dim)
    model = build_autoencoder(
        (28, 28, 1), network, bottleneck, seed=config.seed, precision=config.precision
    )
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        state = fit_autoencoder(model, dataset, config, Path(folder), callbacks=callbacks)
        seconds = round(time.perf_counter() - started, 1)
        return Trained(load_model(Path(folder) / "model.keras"), state, seconds)


def compile_model(
    model: Autoencoder,
    images: Any,
    config: TrainConfig,
    *,
    loss: Any = "mean_squared_error",
    mean_bias: bool = True,
    clip: bool = True,
    averaged: bool = False,
) -> None:
    """Compile as `zscape train` does, or with one thing changed.

    The output starts at the mean pixel of the images unless `mean_bias` is off, the norm of the
    gradient is clipped unless `clip` is off, and weights may be `averaged` over a hundred steps.
    """
    from zscape.nn.presets import start_at_mean
    from zscape.training.fit import mean_pixel
    from zscape.training.optimizer import build_optimizer

    if mean_bias:
        start_at_mean(model.decoder, mean_pixel(images))
    optimizer = build_optimizer(config, -(-len(images) // config.batch_size))
    if not clip:
        optimizer.global_clipnorm = None
    if averaged:
        optimizer.use_ema, optimizer.ema_momentum = True, 0.99
    model.compile(optimizer, loss, jit_compile=False)
