"""The study of a search: which trials there are and how they went, in a database in its folder."""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.data.images import Dataset
from zscape.data.sources import resolve
from zscape.errors import ConfigError, RunError
from zscape.evaluation.metrics import METRICS, Metric
from zscape.files import TEMPORARY_PREFIX, remove_leftovers, write_json
from zscape.jobs.plan import plan_training
from zscape.jobs.tune_results import FILES, Trial
from zscape.jobs.tune_space import Space, suggested
from zscape.jobs.tune_trial import Outcome, Work
from zscape.model import build_autoencoder
from zscape.run_folder import locked

if TYPE_CHECKING:
    import optuna

SCHEMA_VERSION = 1
DATABASE, DESCRIPTION = "study.db", "study.json"
# A trial is judged after a ninth and a third of its epochs, and goes on if it is in the best third.
REDUCTION = 3
_SHARES = (REDUCTION**2, REDUCTION)
_OWN_FILES = (DATABASE, f"{DATABASE}-journal", DESCRIPTION, *FILES)


@dataclass(frozen=True)
class Search:
    """What is searched, on which images.

    Attributes:
        path: the folder of the study.
        dataset: the images, split as in all trials.
        metric: what is measured on the validation split.
        space: settings with their ranges.
        fixed: settings that all trials have.
    """

    path: Path
    dataset: Dataset
    metric: Metric
    space: Space
    fixed: Mapping[str, Any]

    def described(self) -> dict[str, Any]:
        """Return what must be the same when the search goes on, as JSON has it."""
        return {
            "schema": SCHEMA_VERSION,
            "data": self.dataset.name,
            "fingerprint": self.dataset.fingerprint,
            "metric": self.metric.name,
            "search": {each.name: each.text for each in self.space},
            "settings": {name: _plain(name, value) for name, value in sorted(self.fixed.items())},
        }


@dataclass(frozen=True)
class Taken:
    """A trial that is to be trained, and how the study knows it."""

    trial: optuna.trial.Trial
    work: Work
    code_values: int


def rungs_of(epochs: int) -> dict[int, int]:
    """Return after which epochs a trial is judged, and what share of them that is: 9 or 3."""
    rungs = {-(-epochs // share): share for share in _SHARES}
    return {epoch: share for epoch, share in rungs.items() if epoch < epochs}


def is_promising(value: float, others: list[float], *, lower: bool) -> bool:
    """Return whether a value is in the best third of all; where there are fewer than three, it is.

    Args:
        value: that of the trial which is judged.
        others: those of the other trials at the same rung.
        lower: less is better.
    """
    n_better = sum(other < value if lower else other > value for other in others)
    n_all = len(others) + 1
    return n_all < REDUCTION or n_better < n_all // REDUCTION


class Study:
    """The trials of a search. One process at a time has it open; see `open_study`.

    Trials minimise or maximise the metric, and minimise the length of the code as well: by its
    reconstructions alone the longest code would always win.
    """

    def __init__(self, search: Search, study: optuna.Study) -> None:
        self.search = search
        self._study = study

    def pending(self, n_trials: int) -> Iterator[Taken]:
        """Yield trials to train: those that were begun, then new ones until there are `n_trials`.

        What the finished ones have shown decides about the next, so take it when it is needed.
        """
        import optuna

        begun = optuna.trial.TrialState.RUNNING
        waiting = [t for t in self._study.get_trials(deepcopy=False) if t.state == begun]
        while waiting or len(self._study.get_trials(deepcopy=False)) < n_trials:
            if waiting:
                frozen = waiting.pop(0)
                self._study.sampler = self._sampler(frozen.number)
                trial = optuna.trial.Trial(self._study, frozen._trial_id)
            else:
                number = len(self._study.get_trials(deepcopy=False))
                self._study.sampler = self._sampler(number)
                trial = self._study.ask()
            taken = self._prepared(trial)
            if taken is not None:
                yield taken

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Return what proposes a trial; its draws depend on the trial, not on what was before."""
        import optuna

        seed = int(self.search.fixed.get("seed", 0))
        (drawn,) = np.random.SeedSequence([seed, number]).generate_state(1)
        return optuna.samplers.TPESampler(seed=int(drawn))

    def _prepared(self, trial: optuna.trial.Trial) -> Taken | None:
        """Return a trial as it is trained; None if that is not possible, or not worth it."""
        search = self.search
        chosen = suggested(search.space, trial, search.fixed)
        settings = {**search.fixed, **chosen}
        folder = trial_folder(search.path, trial.number)
        try:
            plan = plan_training(settings)
            shape = search.dataset.train.image_shape
            model = build_autoencoder(shape, plan.network, plan.bottleneck)
        except ConfigError as error:
            self.finish(trial, Outcome("failed", reason=str(error)))
            return None
        epochs = plan.epochs(len(search.dataset.train))
        trial.set_user_attr("code_values", model.n_code_values)
        trial.set_user_attr("of_epochs", epochs)
        rungs, judged = rungs_of(epochs), trial.user_attrs
        left = [epoch for epoch, share in rungs.items() if f"rung_{share}" not in judged]
        work = Work(
            trial.number + 1, str(folder.absolute()), settings, search.metric.name, left, epochs
        )
        taken = Taken(trial, work, model.n_code_values)
        # Killed between a judgement and its consequence.
        for epoch, share in rungs.items():
            value = judged.get(f"rung_{share}")
            if value is not None and not self._is_kept(taken, share, value):
                seconds, mse = judged.get("seconds", 0.0), judged.get("mse")
                self.finish(trial, Outcome("stopped", epoch, value, mse, seconds))
                return None
        return taken

    def keeps(self, taken: Taken, outcome: Outcome) -> bool:
        """Note how a trial stands at a rung, and return whether it goes on."""
        if outcome.value is None:
            return False
        share = rungs_of(taken.work.epochs)[outcome.epoch]
        self._note(taken.trial, outcome)
        taken.trial.set_user_attr(f"rung_{share}", outcome.value)
        return self._is_kept(taken, share, outcome.value)

    def _is_kept(self, taken: Taken, share: int, value: float) -> bool:
        """Return whether a trial goes on, beside those with codes that are as short or shorter."""
        others = [
            t.user_attrs[f"rung_{share}"]
            for t in self._study.get_trials(deepcopy=False)
            if t.number != taken.trial.number
            and f"rung_{share}" in t.user_attrs
            and t.user_attrs["code_values"] <= taken.code_values
        ]
        return is_promising(value, others, lower=self.search.metric.better == "lower")

    def finish(self, trial: optuna.trial.Trial, outcome: Outcome) -> Trial:
        """Note how a trial ended, and return it."""
        from optuna.trial import TrialState

        if outcome.state != "failed" and outcome.value is None:
            reason = f"{self.search.metric.label} cannot be measured on the validation images"
            outcome = Outcome("failed", outcome.epoch, None, outcome.mse, outcome.seconds, reason)
        self._note(trial, outcome)
        if outcome.state == "final" and outcome.value is not None:
            self._study.tell(trial, [outcome.value, trial.user_attrs["code_values"]])
        else:
            ended = {"stopped": TrialState.PRUNED, "failed": TrialState.FAIL}
            self._study.tell(trial, state=ended[outcome.state])
        return self.trials()[trial.number]

    @staticmethod
    def _note(trial: optuna.trial.Trial, outcome: Outcome) -> None:
        for name in ("epoch", "value", "mse", "seconds", "reason"):
            trial.set_user_attr(name, getattr(outcome, name))

    def trials(self) -> list[Trial]:
        """Return all trials in the order they were begun."""
        states = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
        settled = {each.name: each.settled for each in self.search.space}
        return [
            Trial(
                number=t.number + 1,
                path=trial_folder(self.search.path, t.number),
                state=states.get(t.state.name, "running"),
                settings={name: settled[name](value) for name, value in t.params.items()},
                value=t.user_attrs.get("value"),
                mse=t.user_attrs.get("mse"),
                code_values=t.user_attrs.get("code_values"),
                seconds=t.user_attrs.get("seconds", 0.0),
                epochs=t.user_attrs.get("epoch", 0),
                of_epochs=t.user_attrs.get("of_epochs", 0),
                reason=t.user_attrs.get("reason", ""),
            )
            for t in self._study.get_trials(deepcopy=False)
        ]

    def importances(self) -> dict[str, float]:
        """Return how much each setting matters for the metric, in shares of 1; {} for too few."""
        import optuna

        done = [t for t in self._study.get_trials(deepcopy=False) if t.values is not None]
        shared = set.intersection(*(set(t.params) for t in done)) if done else set()
        varied = [n for n in shared if len({t.params[n] for t in done}) > 1]
        if len(done) < 4 or len({t.values[0] for t in done}) < 2 or not varied:
            return {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            found = optuna.importance.get_param_importances(
                self._study,
                evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0),
                params=sorted(varied),
                target=lambda t: t.values[0],
            )
        return {name: float(share) for name, share in found.items() if math.isfinite(share)}


def trial_folder(path: Path, number: int) -> Path:
    """Return the run folder of a trial, whose number counts from 0 here and from 1 elsewhere."""
    return path / f"trial-{number + 1:03d}"


@contextmanager
def open_study(search: Search, *, force: bool) -> Iterator[Study]:
    """Make the study of a search, or open the one that its folder holds, and hold its lock.

    Raises:
        RunError: the folder is in use, is another search's, is no study, or is damaged.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    path = search.path
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; choose a folder as `out`.")
    names = [entry.name for entry in path.iterdir()] if path.exists() else []
    present = [name for name in names if not name.startswith((".lock", TEMPORARY_PREFIX))]
    if present and DESCRIPTION not in present:
        raise RunError(f"{path} exists and is no search; choose another folder as `out`.")
    path.mkdir(parents=True, exist_ok=True)
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with locked(path):
        remove_leftovers(path)
        if present and force:
            _remove(path)
        _check_same(path, search)
        try:
            storage = optuna.storages.RDBStorage(f"sqlite:///{(path / DATABASE).absolute()}")
            study = optuna.create_study(
                storage=storage,
                study_name="zscape",
                directions=["minimize" if search.metric.better == "lower" else "maximize",
                            "minimize"],
                load_if_exists=True,
            )  # fmt: skip
        except (SQLAlchemyError, RuntimeError) as error:
            raise RunError(
                f"{path / DATABASE} is damaged; start the search anew with `force=True`."
            ) from error
        try:
            yield Study(search, study)
        finally:
            storage.remove_session()
            storage.engine.dispose()
            optuna.logging.set_verbosity(verbosity)


def _check_same(path: Path, search: Search) -> None:
    """Refuse to go on with another search; describe one that is new."""
    file, now = path / DESCRIPTION, search.described()
    if not file.exists():
        write_json(file, now)
        return
    try:
        before = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunError(
            f"{file} is damaged: {error}. Start the search anew with `force=True`."
        ) from error
    for name, value in now.items():
        if before.get(name) == value:
            continue
        if name == "fingerprint":
            what = f"the images in {now['data']} are not those of then"
        elif name == "data" and before.get("fingerprint") == now["fingerprint"]:
            continue  # the images count, not where they are
        else:
            what = f"its {name} {_difference(before.get(name), value)}"
        raise RunError(
            f"{path} holds another search: {what}; go on with that one, choose another `out`, or "
            "start anew with `force=True`."
        )


def _difference(before: Any, now: Any) -> str:
    if isinstance(before, dict) and isinstance(now, dict):
        name = next(n for n in [*before, *now] if before.get(n) != now.get(n))
        shown = [f"{name} {values[name]}" if name in values else f"no {name}"
                 for values in (before, now)]  # fmt: skip
    else:
        shown = [str(before), str(now)]
    return f"had {shown[0]}, and now {shown[1]}"


def _remove(path: Path) -> None:
    """Remove a study with all its runs, and nothing else."""
    for name in _OWN_FILES:
        (path / name).unlink(missing_ok=True)
    for folder in path.glob("trial-[0-9]*"):
        shutil.rmtree(folder)


def _plain(name: str, value: Any) -> Any:
    if name in ("validation", "test", "target"):
        return resolve(value).name
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else str(value)
