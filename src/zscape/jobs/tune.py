"""A search for good settings: many trainings, judged on the validation split."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from zscape.data.images import Dataset
from zscape.data.load import load_dataset
from zscape.data.sources import resolve
from zscape.errors import ConfigError, require
from zscape.evaluation.metrics import METRICS, Metric
from zscape.jobs.evaluate import refresh
from zscape.jobs.plan import picture_settings, plan_training, reading_of
from zscape.jobs.train import Data, Interrupted
from zscape.jobs.tune_folder import open_study
from zscape.jobs.tune_results import Trial, Tuned, write_search
from zscape.jobs.tune_space import Asked, Space, read_space
from zscape.jobs.tune_study import Search, Study, Taken
from zscape.jobs.tune_trial import OF_LABELS, Outcome, train_trial
from zscape.registry import check_number, load_plugin
from zscape.remote import as_path, is_remote
from zscape.reporter import Reporter, default_reporter
from zscape.runs import Run, load_run
from zscape.settings import PlaceConfig, TrainOptions, check_names

_NOT_FOR_TRIALS = {
    *PlaceConfig.names(), "resume", "encoder", "decoder", "callbacks",
} - {"checkpoint_minutes"}  # fmt: skip
_OF_OUTPUTS = ("mse", "psnr", "ssim")
_PATHS = ("validation", "test", "target")
_WRITE_SECONDS = 30.0  # between two writings of table, figure and page


def tune(
    data: Data,
    trials: int = 40,
    *,
    metric: str = "mse",
    search: Asked = (),
    workers: int = 1,
    cluster: str | None = None,
    **options: Any,
) -> Tuned:
    """Search for good settings: train many times, and stop early what does not look promising.

    Each trial is a run folder as `zscape.train` makes it. It is judged after a ninth and a third
    of its epochs, and goes on if it is in the best third of those with codes as short or shorter.
    The same call goes on with a search that was interrupted, or makes more trials of one that is
    done. Only the best trial is measured on the test split, at the end.

    Args:
        data: as for `zscape.train`.
        trials: how many there are in the end, those included that were stopped early or failed.
        metric: what is best on the validation split: `mse`, or another one of
            `zscape.evaluation.metrics.METRICS` with a better direction.
        search: settings with their ranges, `learning_rate=1e-4..1e-1:log` or
            `batch_size=32,64,128` each, or by name: `{"preset": ["classic", "fast"]}`. Preset,
            latent dimension, learning rate and batch size when empty.
        workers: trials that are trained at a time, each in a process of its own.
        cluster: address of a Ray cluster whose machines train the trials; they see `out` under the
            same path.
        **options: settings of `zscape.train` that all trials have. `out` is the folder of the
            search, `runs/tune-DATA` when left out; `force` replaces one that is there.

    Returns:
        All trials, and the best.

    Raises:
        ConfigError: a setting, a range or the metric is wrong.
        DataError: the images cannot be read or are too few.
        RunError: the folder is in the way, in use, or holds another search.
        TrainingError: no trial could be finished.
        Interrupted: Ctrl-C; the same call goes on.

    Example:
        >>> found = tune("mnist", trials=20, search={"latent_dim": "2..32:log"}, limit=5000)
        >>> found.best.run.metrics["model"]
    """
    require("optuna", extra="tune")
    n_trials = int(check_number("trials", trials, low=1, whole=True))
    n_workers = int(check_number("workers", workers, low=1, whole=True))
    fixed, folder, force, reporter = _options(options)
    for plugin in fixed.get("plugins", ()):
        load_plugin(plugin)
    measure = _metric(metric)
    space = read_space(search, fixed)
    _check_comparable(measure, space, fixed)
    path = _folder(folder, data)
    with _loaded(data, fixed, reporter) as dataset:
        if metric in OF_LABELS and dataset.train.labels is None:
            raise ConfigError(f"metric is {metric!r}, and the images have no labels; choose mse.")
        study_of = Search(path, dataset, measure, space, fixed)
        with open_study(study_of, force=force) as study:
            _announce(study, space, n_trials, by_default=not search, reporter=reporter)
            source = dataset.name if isinstance(data, str | Path) else data
            try:
                if n_workers > 1 or cluster is not None:
                    from zscape.jobs.tune_workers import train_in_processes

                    train_in_processes(
                        study, source, n_trials, n_workers, cluster, _Teller(study, reporter)
                    )
                else:
                    _train_here(study, source, n_trials, _Teller(study, reporter))
                found = study.results(with_importances=True)
                write_search(found)
                _measure_best(found, dataset, reporter)
            except KeyboardInterrupt as stop:
                write_search(study.results())
                raise Interrupted(path) from stop
            finally:
                reporter.close()
    return found


def _options(options: Mapping[str, Any]) -> tuple[dict[str, Any], Any, bool, Reporter]:
    """Return the settings that all trials have, the folder, `force` and the reporter."""
    check_names(options, set(TrainOptions.names()) - _NOT_FOR_TRIALS)
    given = {name: value for name, value in options.items() if value is not None}
    out, force = given.pop("out", None), bool(given.pop("force", False))
    reporter = given.pop("reporter", None) or default_reporter()
    # Trials may be trained by processes with other working folders.
    for name in _PATHS:
        if isinstance(given.get(name), str | Path):
            given[name] = resolve(given[name]).name
    if "init_from" in given:
        given["init_from"] = str(Path(given["init_from"]).absolute())
    if "plugins" in given:
        given["plugins"] = tuple(
            str(Path(p).expanduser().absolute()) if str(p).endswith(".py") else str(p)
            for p in given["plugins"]
        )
    return (
        {name: value for name, value in given.items() if value is not False},
        out,
        force,
        reporter,
    )


def _folder(out: str | Path | None, data: Data) -> Path:
    """Return the folder of the search, which has a database in it and so lies on this machine."""
    if out is not None and is_remote(out):
        raise ConfigError(
            f"`out` is {as_path(out)}, and a search keeps a database; choose a folder of this "
            "machine, or one that all machines share."
        )
    return Path(out or Path("runs", f"tune-{resolve(data).default_stem}"))


def _metric(name: str) -> Metric:
    chosen = {key: metric for key, metric in METRICS.items() if metric.compute and metric.better}
    if name not in chosen:
        raise ConfigError(f"metric is {name!r}; expected one of {', '.join(chosen)}.")
    return chosen[name]


def _check_comparable(metric: Metric, space: Space, fixed: Mapping[str, Any]) -> None:
    """Refuse a metric that would compare reconstructions of different inputs."""
    is_searched = any(each.name == "corruption" for each in space)
    if is_searched and metric.name in _OF_OUTPUTS:
        raise ConfigError(
            "corruption cannot be searched by the errors of reconstructions, for each corruption "
            f"has images of its own to undo; choose a `metric` of codes, such as {OF_LABELS[0]}."
        )
    if fixed.get("corruption") and metric.name in _OF_OUTPUTS[1:]:
        raise ConfigError(
            f"metric is {metric.name!r}, which is measured on clean images; with `corruption` "
            "choose mse, which is measured on corrupted ones."
        )


@contextmanager
def _loaded(data: Data, fixed: Mapping[str, Any], reporter: Reporter) -> Iterator[Dataset]:
    """Load the images as each trial does, all pictures decoded."""
    training = plan_training(fixed).training
    progress = partial(reporter.progress, "decoding pictures")
    with load_dataset(
        data,
        seed=training.seed,
        limit=training.limit,
        pictures=picture_settings(data, fixed),
        reading=reading_of(fixed),
        progress=progress,
        wait=False,
    ) as dataset:
        if dataset.decoding is not None:
            dataset.decoding.finish(progress)
        yield dataset


def _announce(
    study: Study, space: Space, n_trials: int, *, by_default: bool, reporter: Reporter
) -> None:
    n_before = sum(trial.state != "running" for trial in study.trials())
    begun = f", {n_before} of them done before" if n_before else ""
    chosen = " by default" if by_default else ""
    what = ", ".join(f"{each.name} {each.text}" for each in space)
    reporter.say(f"searching{chosen} {what}: {n_trials} trials{begun}, in {study.search.path}")


def _train_here(study: Study, data: Any, n_trials: int, teller: _Teller) -> None:
    """Train trials one after the other in this process."""
    for taken in study.pending(n_trials):
        teller.progress(n_trials)
        reporter = _TrialReporter(teller, taken.work.number, n_trials)
        keeps = partial(study.keeps, taken)
        teller.ended(
            taken, train_trial(data, taken.work, keeps, reporter, study.search.dataset), n_trials
        )
    teller.progress(n_trials)


class _Teller:
    """Notes how trials ended, and reports it."""

    def __init__(self, study: Study, reporter: Reporter) -> None:
        self.study = study
        self.reporter = reporter
        self._said: set[str] = set()
        self._written = time.monotonic()

    def ended(self, taken: Taken, outcome: Outcome, n_trials: int) -> None:
        """Note the end of a trial, report it in a line, and now and then write the results."""
        trial = self.study.finish(taken.trial, outcome)
        self.reporter.say(_line(trial, n_trials, self.study.search.metric))
        if time.monotonic() - self._written > _WRITE_SECONDS:
            write_search(self.study.results())
            self._written = time.monotonic()

    def progress(self, n_trials: int, note: str = "") -> None:
        """Move the bar of all trials."""
        done = sum(trial.state != "running" for trial in self.study.trials())
        self.reporter.progress("trials", min(done, n_trials), n_trials, note)

    def once(self, message: str) -> None:
        """Report what all trials say only once."""
        if message not in self._said:
            self._said.add(message)
            self.reporter.say(message)


class _TrialReporter(Reporter):
    """Passes on notes and warnings of a trial, and its epochs beside the bar of all trials."""

    def __init__(self, teller: _Teller, number: int, n_trials: int) -> None:
        self._teller = teller
        self._number = number
        self._n_trials = n_trials

    def say(self, message: str) -> None:
        """Pass on a note, once for all trials."""
        if message.startswith("note: "):
            self._teller.once(message)

    def warn(self, message: str) -> None:
        """Pass on a warning."""
        self._teller.reporter.warn(f"trial {self._number}: {message}")

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Pass on the epoch."""
        if task.startswith("epoch") and done < total:
            self._teller.progress(self._n_trials, f"trial {self._number}: {task}")


def _line(trial: Trial, n_trials: int, metric: Metric) -> str:
    """Return how a trial ended, in one line."""
    head = f"trial {trial.number:>{len(str(n_trials))}}/{n_trials}"
    value = f"{metric.label} {metric.text(trial.value)}"
    ends = {
        "finished": value,
        "pruned": f"{value}, stopped after {trial.epochs} of {trial.of_epochs} epochs",
        "failed": f"failed: {trial.reason.replace('`', '')}",
    }
    return f"{head}  {ends[trial.state]}  {trial.seconds:.1f} s  {trial.words}"


def _measure_best(found: Tuned, dataset: Dataset, reporter: Reporter) -> None:
    """Complete the run of the best trial with what is measured on the test split."""
    best = found.best
    if (best.path / "report.html").exists():
        return
    reporter.say(f"measuring trial {best.number}, the best, on the test split")
    refresh(Run(best.path, load_run(best.path).config, dataset))
