"""What a search found: its trials, as a table, a figure, a page and a command."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zscape.errors import TrainingError
from zscape.evaluation.html import KeyNumber, ReportFigure, Section, Table, render_report
from zscape.evaluation.metrics import Metric
from zscape.files import plain_json, write_bytes, write_csv, write_text
from zscape.jobs.report import short_source
from zscape.runs import Run, load_run
from zscape.viz.pareto import front, plot_pareto
from zscape.viz.style import figure_png

FILES = ("trials.csv", "pareto.png", "report.html")
_N_SHOWN = 10
_FACTS = ("value", "mse", "code_values", "seconds", "epochs", "of_epochs")


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        number: from 1, in the order they were begun.
        path: its run folder.
        state: `finished`, `pruned` (it was stopped early), `failed`, or `running`.
        settings: those that were searched.
        value: the metric of its best epoch on the validation split; None if it failed.
        mse: the validation MSE of that epoch.
        code_values: how many numbers a code is.
        seconds: of training.
        epochs: how many were trained.
        of_epochs: how many a whole training has at most.
        reason: why it failed.
    """

    number: int
    path: Path
    state: str
    settings: Mapping[str, Any]
    value: float | None
    mse: float | None
    code_values: int | None
    seconds: float
    epochs: int
    of_epochs: int
    reason: str = ""

    @property
    def run(self) -> Run:
        """The run, with its model; a pruned one goes on with `zscape.train(..., resume=True)`."""
        return load_run(self.path)

    @property
    def words(self) -> str:
        """The settings in one line."""
        return "  ".join(f"{name} {_short(value)}" for name, value in self.settings.items())


@dataclass(frozen=True)
class Tuned:
    """A search and its trials.

    Attributes:
        path: its folder.
        source: the name or place of the images.
        metric: what was measured on the validation split.
        trials: all trials, in the order they were begun.
        fixed: settings that all of them have.
        searched: the range of each other setting, as text.
        importances: how much each setting matters for the metric, in shares of 1; {} if unknown.
    """

    path: Path
    source: str
    metric: Metric
    trials: Sequence[Trial]
    fixed: Mapping[str, Any]
    searched: Mapping[str, str]
    importances: Mapping[str, float] = field(default_factory=dict)

    @property
    def ranked(self) -> list[Trial]:
        """The finished trials, the best first; of equally good ones that with the shorter code."""
        sign = 1 if self.metric.better == "lower" else -1
        done = [trial for trial in self.trials if trial.state == "finished"]
        return sorted(done, key=lambda t: (sign * (t.value or 0.0), t.code_values or 0, t.number))

    @property
    def best(self) -> Trial:
        """The best of the finished trials.

        Raises:
            TrainingError: none was finished.
        """
        if not self.ranked:
            reasons = [trial.reason for trial in self.trials if trial.reason]
            why = f"; the last said: {reasons[-1]}" if reasons else "."
            raise TrainingError(f"none of the {len(self.trials)} trials was finished{why}")
        return self.ranked[0]

    def front(self, by: str) -> list[Trial]:
        """Return the finished trials that none beats in both the metric and `by`.

        Args:
            by: `code_values` or `seconds`, of which less is better.
        """
        done = self.ranked
        found = front(
            [getattr(t, by) for t in done],
            [t.value or 0.0 for t in done],
            lower=self.metric.better == "lower",
        )
        return [done[index] for index in found]

    def command(self, trial: Trial) -> str:
        """Return the command that trains a trial again."""
        words = ["zscape", "train", self.source]
        settings = {**self.fixed, **trial.settings}
        for name, value in settings.items():
            flag = f"--{name.replace('_', '-')}"
            if name == "plugins":
                words += [word for item in value for word in ("--plugin", str(item))]
            elif isinstance(value, bool):
                words += [flag] if value else []
            elif isinstance(value, list | tuple):
                words += [word for item in value for word in (flag, str(item))]
            else:
                words += [flag, _short(value)]
        return shlex.join(words)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        found = {
            "study": str(self.path),
            "data": self.source,
            "metric": self.metric.name,
            "best": self.best.number,
            "command": self.command(self.best),
            "front": {by: [t.number for t in self.front(by)] for by in ("code_values", "seconds")},
            "importances": dict(self.importances),
            "trials": [{**vars(trial), "path": str(trial.path)} for trial in self.trials],
        }
        return dict(plain_json(found))


def write_search(found: Tuned) -> None:
    """Write `trials.csv` and, when a trial is finished, `pareto.png` and `report.html`."""
    names = list(dict.fromkeys(name for trial in found.trials for name in trial.settings))
    write_csv(
        found.path / "trials.csv",
        ("trial", "state", *_FACTS, *names, "reason"),
        (
            (t.number, t.state, *(_cell(getattr(t, name)) for name in _FACTS),
             *(_cell(t.settings.get(name)) for name in names), t.reason)
            for t in found.trials
        ),
    )  # fmt: skip
    if not found.ranked:
        return
    known = [trial for trial in found.trials if trial.value is not None]
    figure = plot_pareto(
        [t.value or 0.0 for t in known],
        [t.code_values or 0 for t in known],
        [t.seconds for t in known],
        finished=[t.state == "finished" for t in known],
        label=f"validation {found.metric.label_with_unit}",
        lower=found.metric.better == "lower",
    )
    png = figure_png(figure)
    write_bytes(found.path / "pareto.png", png)
    title = f"Search on {short_source(found.source)}"
    page = render_report(title, [_overview(found, png), _fronts(found)])
    write_text(found.path / "report.html", page)


def ranking(found: Tuned, n: int = _N_SHOWN) -> tuple[list[str], list[list[str]]]:
    """Return the columns and the rows of a table of the best trials."""
    return _columns(found), _rows(found, found.ranked[:n])


def _columns(found: Tuned) -> list[str]:
    metric = f"validation {found.metric.label_with_unit}"
    names = [name.replace("_", " ") for name in found.searched]
    return ["trial", metric, "code values", "seconds", *names]


def _rows(found: Tuned, trials: Sequence[Trial]) -> list[list[str]]:
    return [
        [
            str(trial.number),
            found.metric.text(trial.value),
            str(trial.code_values),
            f"{trial.seconds:,.1f}",
            *(_short(trial.settings.get(name, "-")) for name in found.searched),
        ]
        for trial in trials
    ]


def _overview(found: Tuned, png: bytes) -> Section:
    best, states = found.best, [trial.state for trial in found.trials]
    metric = found.metric
    early = f"{states.count('pruned')} stopped early, {states.count('failed')} failed"
    note = f"{metric.label}: {metric.explanation}; of the best epoch, on the validation split."
    return Section(
        title=f"{len(states)} trials: {found.path.name}",
        headline=[
            KeyNumber(
                f"best validation {metric.label}", metric.text(best.value), f"trial {best.number}"
            ),
            KeyNumber("code values", str(best.code_values)),
            KeyNumber("seconds of training", f"{best.seconds:,.1f}"),
            KeyNumber("finished", str(states.count("finished")), early),
        ],
        tables=[_table("Best trials", note, found, found.ranked[:_N_SHOWN])],
        figures=[
            ReportFigure(
                "Every trial by what it costs. The line is the Pareto front; trials that were "
                "stopped early are faint.",
                f"Trials of the search: {metric.label} against code values and seconds.",
                png,
            )
        ],
        notes=[f"Train the best again with: {found.command(best)}"],
        settings={
            "data": short_source(found.source),
            **{name.replace("_", " "): text for name, text in found.searched.items()},
            **{name.replace("_", " "): _short(value) for name, value in found.fixed.items()},
            "seconds in all": f"{sum(t.seconds for t in found.trials):,.0f}",
        },
    )


def _fronts(found: Tuned) -> Section:
    metric = found.metric
    tables = []
    for by, what in (("code_values", "code size"), ("seconds", "time")):
        note = (
            f"No finished trial is better than one of these in both: {metric.better} "
            f"{metric.label}, and less {what}."
        )
        tables.append(_table(f"{metric.label} and {what}", note, found, found.front(by)))
    if found.importances:
        note = (
            f"Share of the variation of {metric.label} that each setting explains among finished "
            "trials (functional ANOVA); a rough guide after few trials."
        )
        rows = [
            [name.replace("_", " "), f"{100 * share:.0f} %"]
            for name, share in found.importances.items()
        ]
        tables.append(Table("What matters", note, ["Setting", "Share"], rows))
    return Section(title="Pareto fronts", tables=tables)


def _table(title: str, note: str, found: Tuned, trials: Sequence[Trial]) -> Table:
    columns = [name[:1].upper() + name[1:] for name in _columns(found)]
    return Table(title, note, columns, _rows(found, trials))


def _short(value: Any) -> str:
    """Return a setting as the command line takes it, without losing digits."""
    if isinstance(value, float):
        short = f"{value:.6g}"
        return short if float(short) == value else repr(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _cell(value: Any) -> Any:
    return "" if value is None else value
