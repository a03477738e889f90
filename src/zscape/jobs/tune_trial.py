"""One trial of a search: an ordinary training, stopped where it is to be judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zscape.data.images import Dataset
from zscape.errors import ConfigError, TrainingError
from zscape.evaluation.comparison import evaluate_model
from zscape.evaluation.metrics import METRICS
from zscape.jobs.evaluate import affordable
from zscape.jobs.train import train
from zscape.reporter import Reporter
from zscape.runs import Run, load_run
from zscape.training.callbacks import write_history
from zscape.training.state import read_history

OF_LABELS = ("knn_accuracy", "linear_probe_accuracy", "cluster_agreement")


@dataclass(frozen=True)
class Work:
    """A trial to train, as it can be sent to another machine.

    Attributes:
        number: of the trial, from 1.
        folder: its run folder.
        settings: all settings of `train` for it.
        metric: what is measured on the validation split.
        rungs: numbers of finished epochs after which it is judged; those that are left.
        epochs: how many it has at most.
    """

    number: int
    folder: str
    settings: Mapping[str, Any]
    metric: str
    rungs: Sequence[int]
    epochs: int


@dataclass(frozen=True)
class Outcome:
    """How far a trial has come.

    Attributes:
        state: `final`, `stopped` where it is to be judged, or `failed`.
        epoch: number of finished epochs.
        value: the metric of the best epoch so far, on the validation split.
        mse: the validation MSE of that epoch.
        seconds: time of training.
        reason: why it failed.
    """

    state: Literal["final", "stopped", "failed"]
    epoch: int = 0
    value: float | None = None
    mse: float | None = None
    seconds: float = 0.0
    reason: str = ""


class _Enough(Exception):
    """Ends a training after an epoch, with all that is needed to go on with it."""


def train_trial(
    data: Any,
    work: Work,
    keeps: Callable[[Outcome], bool],
    reporter: Reporter,
    dataset: Dataset | None = None,
) -> Outcome:
    """Train a trial to its end, or until it is judged not worth going on with.

    It goes on from its checkpoint when it has one; see `zscape.train`. Its run folder has all that
    a training leaves but for what is measured on the test split: the search never looks at it.

    Args:
        data: as for `train`.
        work: the trial.
        keeps: is given how the trial stands at a rung, and says whether it goes on.
        reporter: what the training reports to.
        dataset: the images, if they are loaded; else they are where a metric needs them.
    """
    folder = Path(work.folder)

    def judge(epoch: int, _: Any = None) -> None:  # epochs count from 0
        if epoch + 1 in work.rungs and not keeps(standing(folder, work, "stopped", dataset)):
            raise _Enough

    def end(_: Any = None) -> None:
        raise _Enough

    try:
        if rows := _history(folder):
            # A kill can come between the checkpoint of an epoch and what follows on it.
            write_history(folder / "history.csv", rows)
            judge(len(rows) - 1)
        if not is_ended(folder, work):
            import keras

            keras.backend.clear_session()  # what former trials left in memory
            watch = keras.callbacks.LambdaCallback(on_epoch_end=judge, on_train_end=end)
            train(data, **work.settings, out=folder, resume=True, reporter=reporter,
                  callbacks=[watch])  # fmt: skip
    except _Enough:
        pass
    except (TrainingError, ConfigError) as error:
        rows = _history(folder)
        seconds = sum(row["seconds"] for row in rows)
        return Outcome("failed", len(rows), seconds=seconds, reason=str(error))
    return standing(folder, work, "final" if is_ended(folder, work) else "stopped", dataset)


def is_ended(folder: Path, work: Work) -> bool:
    """Return whether a trial was trained to its end: all epochs, or without patience."""
    rows = _history(folder)
    if not rows:
        return False
    best = rows.index(min(rows, key=lambda row: row["val_loss"]))
    patience = load_run(folder).config.training.patience
    return len(rows) >= work.epochs or len(rows) - 1 - best >= patience


def standing(
    folder: Path, work: Work, state: Literal["final", "stopped"], dataset: Dataset | None
) -> Outcome:
    """Return how a trial stands, measured on the validation split."""
    rows = _history(folder)
    best = min(rows, key=lambda row: row["val_loss"])
    mse = best.get("val_reconstruction_mse", best["val_loss"])
    value: float | None = mse
    if work.metric != "mse":
        run = load_run(folder)
        value = measured(Run(folder, run.config, dataset), work.metric)
    seconds = sum(row["seconds"] for row in rows)
    return Outcome(state, len(rows), value, mse, round(seconds, 1))


def measured(run: Run, metric: str) -> float | None:
    """Return a metric of a run's best model so far on its validation split; None without one."""
    dataset = run.dataset
    found = evaluate_model(
        run.model,
        dataset.validation.some(affordable(dataset.validation)),
        data="validation",
        baseline=None,
        neighbours=dataset.train if metric in OF_LABELS else None,
        metrics={metric: METRICS[metric]},
    )
    value: float | None = found.model.get(metric)
    return value


def _history(folder: Path) -> list[dict[str, float]]:
    return read_history(folder / "checkpoint" / "state.npz")
