"""What watches a training: keeping the best model, stopping, resuming, and saying so."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from zscape.errors import TrainingError
from zscape.files import write_csv
from zscape.model_file import save_model
from zscape.reporter import Reporter
from zscape.settings import TrainConfig
from zscape.training.state import TrainingState, save_checkpoint

NAN_CHECK_STEPS = 20
NOTHING_TO_LEARN = 1e-6  # MSE
REPORT_SECONDS = 0.2


class RunKeeper(keras.callbacks.Callback):
    """Keeps the best model and the last state on disk, and stops when nothing improves.

    Keras' own ModelCheckpoint, EarlyStopping and BackupAndRestore neither write atomically nor
    take their counts up again after a resume, so one callback does the three together.

    Args:
        folder: the run folder: `model.keras`, `history.csv` and `checkpoint/state.npz` go there.
        state: where the training stands; this callback moves it on.
        patience: epochs without a better validation loss after which training stops.
        n_images: training images in an epoch, for the images per second in the history.
        sums: the variables that the means over an epoch are made of.
        checkpoint_seconds: the time between checkpoints within an epoch.
        writes: whether this process writes the files; others only count.
    """

    def __init__(
        self,
        folder: Path,
        state: TrainingState,
        *,
        patience: int,
        n_images: int,
        sums: Sequence[keras.Variable],
        checkpoint_seconds: float,
        writes: bool = True,
    ) -> None:
        super().__init__()
        self.state = state
        self._folder = folder
        self._patience = patience
        self.n_images = n_images
        self._sums = sums
        self._checkpoint_seconds = checkpoint_seconds
        self._writes = writes
        self.started = 0.0
        self.first_step = 0
        self._trained = 0.0
        self._saved = 0.0
        self._next_check = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock; in the midst of an epoch, where it stood."""
        state = self.state
        self._saved = time.perf_counter()
        self.started = self._saved - state.seconds
        self.first_step = state.step
        self._next_check = 0
        if state.step:
            for variable, value in zip(self._sums, state.sums, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop at once when the loss is no longer a number."""
        self._trained = time.perf_counter()
        # Not at every step, since reading the loss waits for the device. Several steps may be run
        # in one call; `batch` is the last of them.
        if batch >= self._next_check:
            self._check_finite(logs)
            self._next_check = batch + NAN_CHECK_STEPS
        if self._writes and self._trained - self._saved >= self._checkpoint_seconds:
            self._check_finite(logs)
            self._save_within(self.first_step + batch + 1)
            self._saved = time.perf_counter()

    def _save_within(self, step: int) -> None:
        """Write a checkpoint in the midst of an epoch."""
        model, state = self.model, self.state
        sums = [float(keras.ops.convert_to_numpy(variable.value)) for variable in self._sums]
        seconds = self._trained - self.started
        within = dataclasses.replace(state, step=step, sums=sums, seconds=seconds)
        save_checkpoint(self._folder / "checkpoint" / "state.npz", model, within)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the history, the model when it is the best so far, and the checkpoint."""
        self._check_finite(logs)
        logs = logs or {}
        state = self.state
        state.epoch, state.step, state.sums, state.seconds = epoch + 1, 0, [], 0.0
        row = {"epoch": float(state.epoch)}
        row |= {name: float(value) for name, value in logs.items()}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row["seconds"] = round(time.perf_counter() - self.started, 3)
        row["images_per_second"] = round(self.n_images / (self._trained - self.started), 1)
        state.history.append(row)
        if row["val_loss"] < state.best_val_loss:
            state.best_val_loss, state.best_epoch, state.wait = row["val_loss"], state.epoch, 0
        else:
            state.wait += 1
        if self._writes:
            self._write()
        if state.wait >= self._patience:
            self.model.stop_training = True

    def _write(self) -> None:
        """Write what an epoch leaves."""
        # The model goes first: a kill between the two writes repeats this epoch on resume, which
        # finds the same loss and writes the same model again.
        if self.state.best_epoch == self.state.epoch:
            save_model(self.model, self._folder / "model.keras")
        save_checkpoint(self._folder / "checkpoint" / "state.npz", self.model, self.state)
        write_history(self._folder / "history.csv", self.state.history)

    def _check_finite(self, logs: dict[str, Any] | None) -> None:
        for name, value in (logs or {}).items():
            if not math.isfinite(float(value)):
                kept = "; the best model so far is kept" if self.state.best_epoch else ""
                raise TrainingError(
                    f"the {name.replace('val_', 'validation ')} became {float(value)} in epoch "
                    f"{self.state.epoch + 1}: try a lower `learning_rate` or "
                    f"`precision=float32`{kept}."
                )


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write one row per epoch as CSV, atomically; epochs count from 1."""
    columns = list(history[0])
    rows = ({**row, "epoch": int(row["epoch"])} for row in history)
    write_csv(path, columns, ([row[name] for name in columns] for row in rows))


class EpochReports(keras.callbacks.Callback):
    """Reports progress within an epoch, one line per epoch, and, once, that training is stuck.

    `mean_image_error` gives the validation MSE of answering every image with the mean training
    image; it is called once, after an epoch, for it reads all images.
    """

    def __init__(
        self,
        keeper: RunKeeper,
        reporter: Reporter,
        config: TrainConfig,
        mean_image_error: Callable[[], float],
    ) -> None:
        super().__init__()
        self._keeper = keeper
        self._reporter = reporter
        self._config = config
        self._mean_image_error = functools.cache(mean_image_error)
        self._reported = self._validated = 0.0
        self._n_stuck = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report how far epoch and run have come, a few times a second."""
        now = time.perf_counter()
        if now - self._reported < REPORT_SECONDS:
            return  # reading the loss waits for the device
        self._reported = now
        n_images = self._keeper.n_images
        n_steps = self._keeper.first_step + batch + 1
        seen = min(n_steps * self._config.batch_size, n_images)
        self._report_run(seen)
        rate = seen / (now - self._keeper.started)
        note = f"loss {float((logs or {})['loss']):.5f}  {rate:,.0f} images/s"
        self._reporter.progress(self._epoch_name, seen, n_images, note)

    def _report_run(self, seen: int) -> None:
        """Report how far the run has come, with some images of this epoch seen."""
        state, n_images = self._keeper.state, self._keeper.n_images
        best = (
            f"best validation {state.best_val_loss:.5f} (epoch {state.best_epoch})"
            if state.best_epoch
            else ""
        )
        total = self._config.epochs * n_images
        self._reporter.progress("whole run", state.epoch * n_images + seen, total, best)

    @property
    def _epoch_name(self) -> str:
        return f"epoch {self._keeper.state.epoch + 1}/{self._config.epochs}"

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report that the epoch is being validated, if that takes long."""
        now = time.perf_counter()
        if now - self._validated >= REPORT_SECONDS:
            self._validated = now
            n_images = self._keeper.n_images
            # A bar that is full would go.
            self._reporter.progress(self._epoch_name, n_images - 1, n_images, "validating")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report how the epoch went."""
        state = self._keeper.state
        row = state.history[-1]
        epochs, n_images = self._config.epochs, self._keeper.n_images
        self._reporter.progress(f"epoch {state.epoch}/{epochs}", n_images, n_images)
        self._report_run(0)
        terms = [
            f"  {name.removeprefix('val_').replace('_', ' ')} {row[name]:.5g}"
            for name in row
            if name.startswith("val_") and name != "val_loss"
        ]
        best = "  best so far" if state.best_epoch == state.epoch else ""
        self._reporter.say(
            f"epoch {state.epoch:>{len(str(epochs))}}/{epochs}  "
            f"loss {row['loss']:.5f}  validation {row['val_loss']:.5f}{''.join(terms)}  "
            f"{row['images_per_second']:,.0f} images/s  {row['seconds']:.0f} s{best}"
        )
        self._warn_when_stuck(row.get("val_reconstruction_mse", row["val_loss"]))

    def _warn_when_stuck(self, loss: float) -> None:
        # Where all images are equal, the mean image is perfect and nothing is left to learn.
        stuck = loss >= 0.99 * self._mean_image_error() > NOTHING_TO_LEARN
        self._n_stuck = self._n_stuck + 1 if stuck else 0
        if self._n_stuck == 2:  # after a single epoch a small data set may just need more
            self._reporter.warn(
                f"the loss is stuck: validation {loss:.5f} is no better than answering every "
                f"image with the mean one ({self._mean_image_error():.5f}); try a lower "
                "`learning_rate`, `optimizer=adam` or another `seed`."
            )
