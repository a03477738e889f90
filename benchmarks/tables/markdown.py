"""The one way to render results: values with units, spreads and goals become Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Run = dict[str, Any]
Value = str | float | Sequence[float] | None


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its heading, without the unit.
        value: makes the value of a row: the key of a figure, or a function. Of a row that is a list
            of runs, the figures of all are taken.
        form: how numbers are written, as in `format`; empty for text.
        unit: of all its numbers.
        spread: whether the smallest and the largest of several numbers follow in brackets.
        goal: what the number should reach, or a function that says so for a row.
        best: whether more or less is better, for columns with goals.
        middle: what stands for several numbers.
    """

    name: str
    value: str | Callable[[Any], Value]
    form: str = ""
    unit: str = ""
    spread: bool = False
    goal: float | Callable[[Any], float | None] | None = None
    best: Literal["more", "less"] = "more"
    middle: Callable[[Sequence[float]], float] = statistics.mean

    def cell(self, row: Any) -> str:
        """Return the value of a row as text, with its goal and whether that was missed."""
        value = self._value(row)
        if not self.form or value is None or isinstance(value, str):
            return str(value[0] if isinstance(value, list) else value or "")
        numbers = [value] if isinstance(value, int | float) else value
        if not numbers:
            return ""
        number, form = self.middle(numbers), self.form
        notes = []
        if self.spread and len(numbers) > 1:
            notes.append(f"{min(numbers):{form}} to {max(numbers):{form}}")
        goal = self.goal(row) if callable(self.goal) else self.goal
        if goal is not None:
            # The number as measured is compared, not as rounded.
            reached = number >= goal if self.best == "more" else number <= goal
            sign = "≥" if self.best == "more" else "≤"
            notes.append(f"goal {sign} {goal:{form}}{'' if reached else ', **missed**'}")
        return f"{number:{form}} ({'; '.join(notes)})" if notes else f"{number:{form}}"

    def _value(self, row: Any) -> Any:
        if callable(self.value):
            return self.value(row)
        return every(row, self.value) if isinstance(row, list) else row.get(self.value)


def table(columns: Sequence[Column], rows: Iterable[Any], *, turned: bool = False) -> str:
    """Return a Markdown table.

    Args:
        columns: what to show of a row, and the goals.
        rows: results by name, lists of runs of the same kind, or whatever the columns take.
        turned: columns become rows.
    """
    heads = [f"{c.name}, {c.unit}" if c.unit else c.name for c in columns]
    cells = [[column.cell(row) for column in columns] for row in rows]
    lines, rules = [heads, *cells], ["---:" if column.form else "---" for column in columns]
    if turned:
        lines = [list(line) for line in zip(*lines, strict=True)]
        rules = ["---", *("---:" for _ in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rules, *lines[1:]))


def page(title: str, *parts: str) -> str:
    """Return a page of Markdown with a title and parts."""
    return "\n\n".join([f"# {title}", *parts]) + "\n"


def measured(results: Run) -> str:
    """Return on what machine and when the results were measured."""
    versions = [f"{name} {number}" for name, number in results.get("versions", {}).items()]
    return f"Machine: {', '.join([results['machine'], *versions])}. Date: {results['date']}."


def grouped(runs: Iterable[Run], *keys: str) -> list[list[Run]]:
    """Return lists of runs with the same values of some keys, in the order of appearance."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(run.get(key) for key in keys), []).append(run)
    return list(groups.values())


def every(runs: Iterable[Run], key: str) -> list[Any]:
    """Return one figure of all runs."""
    return [run[key] for run in runs]


def mean(runs: Iterable[Run], key: str) -> float:
    """Return the mean of one figure over runs."""
    return statistics.mean(every(runs, key))
