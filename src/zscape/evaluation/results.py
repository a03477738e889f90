"""The files of metrics that a run folder holds, read into typed objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from zscape.errors import RunError
from zscape.evaluation.comparison import Evaluation
from zscape.evaluation.generation import ClassShares
from zscape.evaluation.metrics import GENERATION_METRICS, units
from zscape.files import plain_json
from zscape.runs import Run

T = TypeVar("T")


@dataclass(frozen=True)
class Training:
    """How a run was trained; the best epoch, counted from 1, has the lowest validation loss."""

    epochs: int
    best_epoch: int
    seconds: float
    n_train: int
    n_validation: int
    n_test: int
    n_parameters: int
    best_val_loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunEvaluation(Evaluation):
    """What `metrics.json` of a run holds: metrics on its test split, and how it was trained."""

    training: Training


class GenerationResults(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What `generation.json` of a run holds: metrics of the images that the run generates.

    Attributes:
        density: what the codes were drawn from.
        features: the network whose features were compared: `classifier`, or the name of a file.
        metrics: by name, see `zscape.evaluation.metrics.GENERATION_METRICS`; None where a metric
            does not apply; `figures` in the file.
        nearest_training: `samples` and `test`: the median distance of generated and of test images
            to the nearest training image.
        classes: how often each digit was generated; None where the images are not digits.
        notes: what could not be measured and why, a sentence each.
        warnings: what looks wrong, or does not apply, a sentence each.
    """

    density: str
    features: str
    features_sha256: str
    n_samples: int
    n_test: int
    seed: int
    metrics: dict[str, float | None] = msgspec.field(name="figures")
    nearest_training: dict[str, float]
    classes: ClassShares | None
    model_sha256: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with the unit of each metric."""
        names = GenerationResults.__struct_fields__  # without those of a subclass
        kept = GenerationResults(**{name: getattr(self, name) for name in names})
        return {**plain_json(kept), "units": units(GENERATION_METRICS)}


def generation_rows(found: GenerationResults) -> list[tuple[str, str]]:
    """Return the metrics of generated images as tables show them: names and values."""
    rows = [
        (
            f"{found.features} {metric.label}" if name.endswith("_fd") else metric.label,
            metric.text(found.metrics.get(name)),
        )
        for name, metric in GENERATION_METRICS.items()
        if metric.compute
    ]
    nearest = GENERATION_METRICS["nearest_training"]
    for kind, which in (("samples", "generated"), ("test", "test")):
        rows.append((f"{nearest.label}, {which}", nearest.text(found.nearest_training[kind])))
    return rows


def read_evaluation(run: Run) -> RunEvaluation:
    """Return what `metrics.json` of a run holds; raises `RunError` if it is missing or damaged."""
    return _read(run, "metrics.json", RunEvaluation)


def read_generation(run: Run) -> GenerationResults:
    """Return what `generation.json` of a run holds; raises `RunError` as `read_evaluation` does."""
    return _read(run, "generation.json", GenerationResults, ", with `generation`")


def _read(run: Run, name: str, kind: type[T], option: str = "") -> T:
    path, remedy = run.path / name, f"Write it with: zscape evaluate {run.path}{option}"
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing. {remedy}") from error
    except (OSError, ValueError, RecursionError, msgspec.DecodeError) as error:
        what = str(error).replace("`$.", "`")
        raise RunError(f"{path} is damaged: {what}. {remedy}") from error
