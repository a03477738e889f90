"""Progress of a training on a terminal: a bar an epoch and one for the run."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from zscape.training.callbacks import RunKeeper

REFRESH_SECONDS = 0.2


class ProgressBars(keras.callbacks.Callback):
    """Draws both bars with losses, images per second and the time left.

    Args:
        console: where to draw; a terminal.
        keeper: the callback that knows the state of the run.
        epochs: epochs at most.
        n_images: training images in an epoch.
        batch_size: images per step.
    """

    def __init__(
        self, console: Console, keeper: RunKeeper, *, epochs: int, n_images: int, batch_size: int
    ) -> None:
        super().__init__()
        self._keeper = keeper
        self._epochs = epochs
        self._n_images = n_images
        self._batch_size = batch_size
        self._progress = Progress(
            TextColumn("{task.description:<11}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[unit]:<6}"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]:<38}"),
            console=console,
            expand=True,
            auto_refresh=False,
        )
        self._run = self._progress.add_task(
            "whole run",
            total=epochs * n_images,
            completed=keeper.state.epoch * n_images,
            unit="images",
            note=self._best(),
        )
        self._epoch = self._progress.add_task("epoch", total=n_images, unit="images", note="")
        self._epoch_started = 0.0
        self._drawn = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Show the bars."""
        self._progress.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the bar of the epoch again."""
        self._epoch_started = time.perf_counter()
        self._progress.reset(self._epoch, description=f"epoch {epoch + 1}/{self._epochs}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move both bars, a few times a second."""
        now = time.perf_counter()
        if now - self._drawn < REFRESH_SECONDS:
            return
        self._drawn = now
        seen = min((batch + 1) * self._batch_size, self._n_images)
        rate = seen / (now - self._epoch_started)
        loss = float((logs or {})["loss"])
        self._progress.update(
            self._epoch, completed=seen, note=f"loss {loss:.5f}  {rate:,.0f} images/s"
        )
        self._progress.update(self._run, completed=self._keeper.state.epoch * self._n_images + seen)
        self._progress.refresh()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the best validation loss so far."""
        self._progress.update(self._epoch, completed=self._n_images)
        self._progress.update(self._run, completed=(epoch + 1) * self._n_images, note=self._best())
        self._progress.refresh()

    def close(self) -> None:
        """Take the bars off the screen, however training ended."""
        self._progress.stop()

    def _best(self) -> str:
        state = self._keeper.state
        if not state.best_epoch:
            return ""
        return f"best validation {state.best_val_loss:.5f} (epoch {state.best_epoch})"
