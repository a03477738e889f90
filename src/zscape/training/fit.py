"""Fitting an autoencoder: safe start, best model kept, resumable to the last bit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from zscape.data.batches import ReconstructionBatches
from zscape.data.images import (
    Dataset,
    ImageStore,
    as_float,
    chunk_length,
    chunks,
    epoch_order,
    is_broken,
    on_disk,
)
from zscape.data.picture_cache import Decoding
from zscape.model import Autoencoder
from zscape.nn.presets import start_at_mean
from zscape.reporter import LOG, Reporter
from zscape.settings import TrainConfig
from zscape.training.callbacks import EpochReports, RunKeeper, write_history
from zscape.training.optimizer import build_optimizer
from zscape.training.processes import current_share, taking_shares
from zscape.training.state import TrainingState, load_checkpoint

RECONSTRUCTION = "reconstruction_mse"
VALIDATION_BATCH_SIZE = 500  # fewer of large images
_VALIDATION_COPIES = 4  # of the images, in the layers of a network
CHECKPOINT_SECONDS = 300.0  # between those within an epoch, which may take days
N_FIRST_PICTURES = 256  # of a folder, from which the mean at the start is taken


def fit_autoencoder(
    model: Autoencoder,
    dataset: Dataset,
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    is_warm: bool = False,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    reporter: Reporter = LOG,
) -> TrainingState:
    """Train `model` on the training split, choosing the best epoch on the validation split.

    The loss is the mean squared error over pixels and channels of images in [0, 1], and the terms
    of the bottleneck, which the history has by name beside `reconstruction_mse`. Outputs are
    compared with the images, or with their targets where they have such. The best model, the
    history and the last state are written to `folder` after each epoch, and the state also every
    `checkpoint_seconds` within one.

    Within `zscape.training.processes.spread` all processes call this alike. They share every batch,
    and the first of them reports and writes the files.

    The pictures of a folder may still be decoded meanwhile; the result is the same to the last bit.
    The schedule counts all that are listed, broken ones are replaced (`ReconstructionBatches`), and
    the output starts at the mean of the first pictures of the first epoch, not of all.

    The weights of `model` become those of the last epoch; the best ones are in `model.keras`.
    `resume` goes on from `checkpoint/state.npz` when it is there. `is_warm` says that the model has
    learned something already, and leaves its weights as they are.
    """
    train, n_images = dataset.train.images, len(dataset.train)
    steps = -(-n_images // config.batch_size)
    if not is_warm:
        start_at_mean(model.decoder, mean_pixel(_first_images(dataset.train.clean, config.seed)))
    share = current_share()
    batches = ReconstructionBatches(
        train,
        batch_size=config.batch_size,
        shuffle_seed=config.seed,
        corruption=config.corruption,
        targets=dataset.train.targets,
        share=share,
    )
    validation = ReconstructionBatches(
        dataset.validation.images,
        batch_size=min(
            VALIDATION_BATCH_SIZE,
            chunk_length(dataset.train.image_shape, copies=_VALIDATION_COPIES),
        ),
        corruption=config.corruption,
        targets=dataset.validation.targets,
        share=share,
    )
    # Without other terms it is the loss itself.
    metrics = [keras.metrics.MeanSquaredError(RECONSTRUCTION)] if model.bottleneck.terms else []
    model.compile(
        optimizer=build_optimizer(config, steps),
        loss="mean_squared_error",
        metrics=metrics,
        jit_compile=model.jit_compile,
        # Callbacks of the user's see every step, if they look at steps.
        steps_per_execution=1 if any(map(_sees_steps, callbacks)) else batches.steps_per_call,
    )
    # A step that makes the optimizer's variables itself is traced twice, which takes seconds.
    model.optimizer.build(model.trainable_variables)
    (folder / "checkpoint").mkdir(exist_ok=True)
    checkpoint = folder / "checkpoint" / "state.npz"
    state = TrainingState()
    if resume and checkpoint.exists():
        state = load_checkpoint(checkpoint, model)
        if state.history and share.process == 0:
            # A kill right after the checkpoint was written left the history one row behind.
            write_history(folder / "history.csv", state.history)
    if state.epoch >= config.epochs or state.wait >= config.patience:
        return state  # it had come to its end

    is_first = share.process == 0
    keeper = RunKeeper(
        folder,
        state,
        patience=config.patience,
        n_images=n_images,
        # Keras counts those of `compile` only after the first step.
        sums=[variable for metric in (*model.metrics, *metrics) for variable in metric.variables],
        checkpoint_seconds=checkpoint_seconds,
        writes=is_first,
    )
    start = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, _: batches.start_epoch(epoch, state.step)
    )
    reports = EpochReports(keeper, reporter, config, lambda: mean_image_error(dataset.readable()))
    # What is left of an epoch is an epoch of fewer steps.
    ends = [*([state.epoch + 1] if state.step else []), config.epochs]
    try:
        with _errors_of(dataset.decoding), taking_shares(model, batches, validation):
            for end in ends:
                batches.start_epoch(state.epoch, state.step)
                model.fit(
                    batches.for_fit(),
                    validation_data=validation,
                    epochs=end,
                    initial_epoch=state.epoch,
                    callbacks=[start, keeper, *([reports] if is_first else []), *callbacks],
                    # Keras would draw the order of the batches anew, from a global random state.
                    shuffle=False,
                    verbose=0,
                )
                if model.stop_training:
                    break
    finally:
        reporter.close()
    return state


def _sees_steps(callback: keras.callbacks.Callback) -> bool:
    """Return whether a callback does something at each step, not only at each epoch."""
    base = keras.callbacks.Callback
    hooks = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    # A `LambdaCallback` has functions in place of methods.
    return any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(base, hook)
        for hook in hooks
    )


@contextmanager
def _errors_of(decoding: Decoding | None) -> Iterator[None]:
    """Raise what went wrong in decoding as it was, not as the data pipeline wraps it."""
    try:
        yield
    except Exception as error:
        if decoding is not None and decoding.error is not None and decoding.error is not error:
            raise decoding.error from None
        raise


def _first_images(train: ImageStore, seed: int) -> ImageStore:
    """Return the images the output shall start at the mean of; of a folder those decoded first."""
    if on_disk(train) is None:
        return train
    first = epoch_order(len(train), seed, 0)[:N_FIRST_PICTURES]
    readable = first[~is_broken(train, first)]
    # Without any there is no mean; training finds out by itself.
    chosen: np.ndarray = train[np.sort(readable if len(readable) else first)]
    return chosen


def mean_image_error(dataset: Dataset) -> float:
    """Return the validation MSE of answering every image with the mean training image.

    A network that is no better than this has learned nothing: it is stuck.
    """
    mean = _mean_image(dataset.train.clean)
    images = dataset.validation.clean
    parts = [np.square(as_float(part) - mean).sum(dtype=np.float64) for _, part in chunks(images)]
    return float(sum(parts) / images.size)


def _mean_image(images: ImageStore) -> np.ndarray:
    total = np.zeros(images.shape[1:], np.float64)
    for _, part in chunks(images):
        total += as_float(part).sum(axis=0, dtype=np.float64)
    return total / len(images)  # (H, W, C)


def mean_pixel(images: ImageStore) -> np.ndarray:
    """Return the mean of each channel (C,) over images and pixels, in [0, 1]."""
    return _mean_image(images).mean(axis=(0, 1))  # (C,)
