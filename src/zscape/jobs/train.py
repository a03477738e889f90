"""Training from a data set to a run folder with figures and a report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zscape.data.images import Dataset, Images
from zscape.data.listing import Skipped
from zscape.data.load import load_dataset
from zscape.data.picture_cache import Progress
from zscape.data.sources import resolve
from zscape.errors import ConfigError, DataError
from zscape.hardware import check_precision
from zscape.jobs.evaluate import write_results
from zscape.model import build_autoencoder
from zscape.runs import Run, RunConfig, open_for_training
from zscape.settings import (
    RECIPES,
    BottleneckConfig,
    CodeActivation,
    Color,
    CorruptionConfig,
    Downsampling,
    Fit,
    NetworkConfig,
    Optimizer,
    PictureConfig,
    Precision,
    Preset,
    Schedule,
    TrainConfig,
    Upsampling,
)
from zscape.training.fit import fit_autoencoder

if TYPE_CHECKING:
    import keras
    from rich.console import Console


DECODING_SECONDS = 5.0
MAX_SKIPPED_LINES = 20


class Interrupted(KeyboardInterrupt):
    """Ctrl-C after the run folder was made; what was done until then is kept in it."""


def train(
    data: str | Path | np.ndarray | Images = "mnist",
    *,
    out: str | Path | None = None,
    preset: Preset | None = None,
    latent_dim: int = NetworkConfig.latent_dim,
    bottleneck: str | BottleneckConfig = BottleneckConfig.name,
    downsampling: Downsampling = NetworkConfig.downsampling,
    upsampling: Upsampling = NetworkConfig.upsampling,
    code_activation: CodeActivation = NetworkConfig.code_activation,
    epochs: int | None = None,
    batch_size: int = TrainConfig.batch_size,
    optimizer: Optimizer | None = None,
    learning_rate: float | None = None,
    schedule: Schedule = TrainConfig.schedule,
    patience: int = TrainConfig.patience,
    seed: int = TrainConfig.seed,
    precision: Precision | None = None,
    shards: int | None = None,
    limit: int | None = None,
    corruption: str | Sequence[str] | CorruptionConfig = "",
    size: int | None = None,
    color: Color | None = None,
    fit: Fit | None = None,
    follow_links: bool = False,
    strict: bool = False,
    resume: bool = False,
    force: bool = False,
    tensorboard: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    console: Console | None = None,
) -> Run:
    """Train an autoencoder and leave a run folder with model, figures and report.

    The loss is the mean squared error over pixels and channels of images in [0, 1], and what the
    bottleneck adds to it. The best
    epoch is chosen on a validation split held out of the training images; the test split is read
    once, at the end, for the final figures.

    Args:
        data: a named data set (`mnist`), a folder of pictures, a file (`.npz`, `.npy`, idx,
            `idx.gz`) or an array of images (N, H, W) or (N, H, W, C).
        out: the run folder; `runs/<data>-<preset>-<latent_dim>d` when None, with the name of a
            bottleneck other than `plain` in between.
        preset: the network: `fast`, `quality` or `classic`. When None, `classic` if its
            downsampling or upsampling is chosen, else `fast`.
        latent_dim: length of a code.
        bottleneck: `plain`, `gaussian`, `tc`, `mmd`, `regularized`, `fsq` or `sphere`, with
            options as in `gaussian:beta=2,warmup=500`; see `zscape.nn.bottleneck`.
        downsampling: `stride` or `maxpool`; of `classic` only.
        upsampling: `nearest`, `bilinear` or `transposed`; of `classic` only.
        code_activation: `linear` or `relu`.
        epochs: passes over the training images at most. When None, like the next three, the
            choice of the preset in `zscape.settings.RECIPES`.
        batch_size: images per optimizer step.
        optimizer: `muon`, `adam`, `adamw`, `nadam`, `rmsprop` or `sgd`.
        learning_rate: the peak learning rate.
        schedule: `cosine` (warm-up, then decay to 1 % of the peak) or `constant`.
        patience: epochs without a better validation loss after which training stops.
        seed: seeds the weights, the split and the order of the images.
        precision: `float32`, or `mixed_bfloat16` on hardware that has bfloat16 arithmetic.
        shards: parts of a batch that the cores work on side by side; one per core when None.
            `config.json` keeps the number, and `resume` goes on with it.
        limit: at most this many training and test images.
        corruption: what the network sees in place of the clean images, as in
            `gaussian:sigma=0.3` or `blur:sigma=1+gaussian:sigma=0.1`, or several of these in
            turn; see `zscape.data.corruptions`.
        size: height and width of the images made of a folder's pictures; 64 when None.
        color: `gray`, `rgb` or `auto` (gray if all pictures are), for a folder.
        fit: `crop`, `pad` or `stretch`, for a folder's pictures of other proportions.
        follow_links: also go where symbolic links lead out of a folder.
        strict: refuse a folder with files that cannot be read as pictures.
        resume: go on with an interrupted run of the same settings.
        force: replace a run that is in `out` already.
        tensorboard: also write logs for TensorBoard to `<out>/tensorboard`.
        callbacks: more Keras callbacks for `fit`.
        console: where progress and warnings are shown; nowhere when None.

    Returns:
        The run, with its best model.

    Raises:
        ConfigError: a setting is unknown, outside its range, or not for this hardware.
        DataError: the images cannot be read or are too few.
        RunError: the folder is in the way, in use, or damaged.
        TrainingError: the loss became NaN or infinite.
        OSError: a file cannot be written.
        Interrupted: Ctrl-C; `resume=True` goes on with the run.

    Example:
        >>> run = train("mnist", latent_dim=2, out="runs/two")
        >>> run.metrics["model"]["mse"]
    """
    if resume and force:
        raise ConfigError("resume and force exclude each other; choose one.")
    network = NetworkConfig(
        preset=preset or default_preset(downsampling, upsampling),
        latent_dim=latent_dim,
        downsampling=downsampling,
        upsampling=upsampling,
        code_activation=code_activation,
    )
    if isinstance(bottleneck, str):
        bottleneck = BottleneckConfig.parse(bottleneck)
    if bottleneck.name != "plain" and code_activation != "linear":
        raise ConfigError(
            f"code_activation is {code_activation!r}, which is for the bottleneck plain; "
            f"{bottleneck.name} makes its codes from linear features. Leave it out."
        )
    if isinstance(corruption, str):
        corruption = CorruptionConfig.parse(corruption)
    elif not isinstance(corruption, CorruptionConfig):
        corruption = CorruptionConfig.parse(*corruption)
    recipe = RECIPES[network.preset]
    if tensorboard and not find_spec("tensorboard"):
        raise ConfigError(
            'tensorboard is not installed; install it with: pip install "zscape[tensorboard]".'
        )
    # Checked before the images are read, which can take long.
    training = TrainConfig(
        epochs=1 if epochs is None else epochs,
        batch_size=batch_size,
        optimizer=recipe.optimizer if optimizer is None else optimizer,
        learning_rate=recipe.learning_rate if learning_rate is None else learning_rate,
        schedule=schedule,
        patience=patience,
        seed=seed,
        precision=recipe.precision if precision is None else precision,
        limit=limit,
        corruption=corruption,
        shards=shards,
    )
    check_precision(training.precision)
    pictures = _picture_config(data, size, color, fit, follow_links=follow_links)
    with load_dataset(
        data,
        seed=seed,
        limit=limit,
        pictures=pictures,
        progress=_decoding_lines(console),
        wait=False,
    ) as dataset:
        if strict and dataset.decoding is not None:
            dataset.decoding.finish(_decoding_lines(console))
        known = _skipped(dataset)
        _tell_skipped(known, strict=strict, console=console)
        if epochs is None:
            training = dataclasses.replace(training, epochs=recipe.n_epochs(len(dataset.train)))
        config = RunConfig(
            source=dataset.name,
            fingerprint=dataset.fingerprint,
            image_shape=dataset.train.image_shape,
            network=network,
            bottleneck=bottleneck,
            training=training,
            pictures=pictures,
        )
        folder = (
            Path(out)
            if out is not None
            else default_folder(dataset.name, network, bottleneck, corruption)
        )
        with open_for_training(folder, config, dataset, force=force, resume=resume) as run:
            try:
                _fit(
                    run,
                    dataset,
                    resume,
                    [*callbacks, *_tensorboard(run.path, wanted=tensorboard)],
                    console,
                )
                _tell_skipped(
                    [item for item in run.dataset.train.skipped if item not in known],
                    strict=False,
                    console=console,
                )
                if console is not None:
                    n_test = len(run.dataset.test)
                    console.print(f"measuring on {n_test:,} test images, drawing figures")
                write_results(run)
            except KeyboardInterrupt as stop:
                raise Interrupted from stop
    return run


def _fit(
    run: Run,
    dataset: Dataset,
    resume: bool,
    callbacks: Sequence[keras.callbacks.Callback],
    console: Console | None,
) -> None:
    config = run.config
    model = build_autoencoder(
        config.image_shape,
        config.network,
        config.bottleneck,
        seed=config.training.seed,
        precision=config.training.precision,
    )
    model.n_shards = config.training.shards or model.n_shards
    fit_autoencoder(
        model,
        dataset,
        config.training,
        run.path,
        resume=resume,
        callbacks=callbacks,
        console=console,
    )


def _skipped(dataset: Dataset) -> Sequence[Skipped]:
    """Return what is left out of a folder, as far as it is known."""
    if dataset.decoding is None or not dataset.decoding.is_whole:
        return dataset.train.skipped
    return dataset.readable().train.skipped


def _picture_config(
    data: object, size: int | None, color: Color | None, fit: Fit | None, *, follow_links: bool
) -> PictureConfig | None:
    """Return how pictures are read if `data` is a folder; otherwise nothing may be asked for."""
    given = {"size": size, "color": color, "fit": fit, "follow_links": follow_links or None}
    given = {name: value for name, value in given.items() if value is not None}
    config = PictureConfig.from_dict(given)
    if resolve(data).has_pictures:
        return config
    if given:
        raise ConfigError(f"{next(iter(given))} is for folders of pictures, which {data} is not.")
    return None


def _decoding_lines(console: Console | None) -> Progress | None:
    """Return what says now and then how far the decoding of pictures has come."""
    if console is None:
        return None
    said = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > DECODING_SECONDS:
            said = time.monotonic()
            console.print(f"decoded {done:,} of {total:,} pictures")

    return progress


def _tell_skipped(skipped: Sequence[Skipped], *, strict: bool, console: Console | None) -> None:
    """Say what was left out of a folder, or refuse to leave anything out."""
    if skipped and strict:
        more = f" and {len(skipped) - 1:,} more" if len(skipped) > 1 else ""
        raise DataError(
            f"{skipped[0].path}: {skipped[0].reason}{more}; mend or remove such files, or leave "
            "them out by leaving out --strict."
        )
    if console is None:
        return
    for item in skipped[:MAX_SKIPPED_LINES]:
        console.print(f"left out: {item.path}: {item.reason}")
    if len(skipped) > MAX_SKIPPED_LINES:
        console.print(f"left out: {len(skipped) - MAX_SKIPPED_LINES:,} more; see skipped.csv")


def default_preset(downsampling: Downsampling, upsampling: Upsampling) -> Preset:
    """Return the preset when none is named: `classic` where only that has what is asked for."""
    default = NetworkConfig.downsampling, NetworkConfig.upsampling
    return "fast" if (downsampling, upsampling) == default else "classic"


def default_folder(
    source: str,
    network: NetworkConfig,
    bottleneck: BottleneckConfig,
    corruption: CorruptionConfig | None = None,
) -> Path:
    """Return the run folder when none is named: `runs/<data>-<preset>-<latent_dim>d`.

    The name of a bottleneck other than `plain`, and those of the corruptions, stand before the
    latent dimension.
    """
    stem = Path(source).name.split(".")[0] or "images"
    between = "" if bottleneck.name == "plain" else f"{bottleneck.name}-"
    noise = "".join(f"{step.name}-" for step in corruption.steps) if corruption else ""
    return Path("runs") / f"{stem}-{network.preset}-{between}{noise}{network.latent_dim}d"


def _tensorboard(folder: Path, *, wanted: bool) -> list[keras.callbacks.Callback]:
    if not wanted:
        return []
    import keras

    return [keras.callbacks.TensorBoard(log_dir=str(folder / "tensorboard"))]
