"""What a resumed training needs, in one file that is written whole."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import msgspec
import numpy as np

from zscape.errors import RunError
from zscape.files import write_atomically
from zscape.npz import load_arrays


@dataclass
class TrainingState:
    """How far a training has come.

    Attributes:
        epoch: number of finished epochs.
        best_epoch: the epoch, counted from 1, with the best validation loss; 0 before the first.
        best_val_loss: that loss; infinite before the first.
        wait: finished epochs since the best one.
        history: one row an epoch, as `history.csv` holds it.
        step: number of finished steps in the epoch that is under way.
        sums: what the means over this epoch are made of so far, a number per variable.
        seconds: how long these steps took.
    """

    epoch: int = 0
    best_epoch: int = 0
    best_val_loss: float = math.inf
    wait: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    step: int = 0
    sums: list[float] = field(default_factory=list)
    seconds: float = 0.0


def save_checkpoint(path: Path, model: keras.Model, state: TrainingState) -> None:
    """Save weights, optimizer, random state of the layers and `state`, atomically."""
    arrays = {
        f"variable_{index:04d}": keras.ops.convert_to_numpy(variable.value)
        for index, variable in enumerate(_variables(model))
    }
    # JSON has no infinity; a state without a best epoch has no best loss either.
    values = {**asdict(state), "best_val_loss": state.best_val_loss if state.best_epoch else None}
    arrays["state"] = np.array(json.dumps(values, allow_nan=False))
    _write(path, arrays)


def reset_wait(path: Path) -> None:
    """Count the epochs without a better loss from 0 again, in a checkpoint."""
    stored = load_arrays(path)
    values = {**json.loads(str(stored["state"])), "wait": 0}
    _write(path, {**stored, "state": np.array(json.dumps(values, allow_nan=False))})


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)

    write_atomically(path, write)


def load_checkpoint(path: Path, model: keras.Model) -> TrainingState:
    """Put the weights and the optimizer of `path` into a compiled model; return the state."""
    model.optimizer.build(model.trainable_variables)
    variables = _variables(model)
    try:
        stored = load_arrays(path)
        values = [stored[f"variable_{index:04d}"] for index in range(len(variables))]
        if len(stored) != len(variables) + 1:
            raise KeyError("the number of variables differs")
        state = json.loads(str(stored["state"]))
        if state["best_val_loss"] is None:
            state["best_val_loss"] = math.inf
        found = msgspec.convert(state, TrainingState)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return found
    except (ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError) as error:
        raise RunError(
            f"{path} is damaged or of another network: {error}. "
            "Start the training again without `resume`."
        ) from error


def read_history(path: Path) -> list[dict[str, float]]:
    """Return the rows of the finished epochs in a checkpoint, none where there is no checkpoint."""
    if not path.exists():
        return []
    try:
        state = json.loads(str(load_arrays(path)["state"]))
        return msgspec.convert(state["history"], list[dict[str, float]])
    except (ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError) as error:
        raise RunError(f"{path} is damaged: {error}. Remove the run and train it again.") from error


def _variables(model: keras.Model) -> list[keras.Variable]:
    # `variables`, unlike `weights`, includes the seed generators of random layers.
    return [*model.variables, *model.optimizer.variables]
