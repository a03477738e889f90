"""The study of a search: which trials there are, how they went, and what comes next."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.data.images import Dataset
from zscape.data.sources import resolve
from zscape.errors import ConfigError
from zscape.evaluation.metrics import Metric
from zscape.jobs.plan import plan_training
from zscape.jobs.tune_results import Trial, Tuned
from zscape.jobs.tune_space import Space, suggested
from zscape.jobs.tune_trial import Outcome, Work
from zscape.model import build_autoencoder

if TYPE_CHECKING:
    import optuna

SCHEMA_VERSION = 1
# A trial is judged after a ninth and a third of its epochs, and goes on if it is in the best third.
REDUCTION = 3
_SHARES = (REDUCTION**2, REDUCTION)


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
    """The trials of a search. One process at a time has it open; see `zscape.jobs.tune_folder`.

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

    def results(self, *, with_importances: bool = False) -> Tuned:
        """Return what the search has found so far."""
        search = self.search
        return Tuned(
            path=search.path,
            source=search.dataset.name,
            metric=search.metric,
            trials=self.trials(),
            fixed=search.fixed,
            searched={each.name: each.text for each in search.space},
            importances=self.importances() if with_importances else {},
        )


def trial_folder(path: Path, number: int) -> Path:
    """Return the run folder of a trial, whose number counts from 0 here and from 1 elsewhere."""
    return path / f"trial-{number + 1:03d}"


def _plain(name: str, value: Any) -> Any:
    if name in ("validation", "test", "target"):
        return resolve(value).name
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return value if isinstance(value, bool | int | float | str) else str(value)
