"""The trials of a search: how good they are, and what that costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zscape.errors import DataError
from zscape.viz.loss import short_number
from zscape.viz.style import ACCENT, QUIET, SECOND, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (8.6, 4.2)  # inches


def front(costs: Sequence[float], values: Sequence[float], *, lower: bool = True) -> list[int]:
    """Return which points are on the Pareto front, by cost: none is better in both.

    Args:
        costs: less is better.
        values: less is better if `lower`, else more.
        lower: see `values`.
    """
    sign = 1.0 if lower else -1.0
    order = sorted(range(len(costs)), key=lambda i: (costs[i], sign * values[i], i))
    found: list[int] = []
    for index in order:
        if not found or sign * values[index] < sign * values[found[-1]]:
            found.append(index)
    return found


@look()
def plot_pareto(
    values: Sequence[float],
    code_values: Sequence[float],
    seconds: Sequence[float],
    *,
    finished: Sequence[bool],
    label: str = "validation MSE",
    lower: bool = True,
) -> Figure:
    """Draw trials by the length of their codes and by their time, with the two Pareto fronts.

    Args:
        values: a metric of each trial.
        code_values: how many numbers its code is.
        seconds: its time of training.
        finished: whether it was trained to its end; only such trials are on a front.
        label: the metric, at the vertical axis.
        lower: a lower metric is better.
    """
    from matplotlib.figure import Figure

    is_done = np.asarray(finished, dtype=bool)
    if not is_done.any():
        raise DataError("no trial is finished; expected one at least.")
    figure = Figure(figsize=_SIZE, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    metric = np.asarray(values, dtype=float)
    for axes, costs, name in (
        (left, code_values, "numbers in a code"),
        (right, seconds, "seconds of training"),
    ):
        _draw(axes, np.asarray(costs, dtype=float), metric, is_done, lower=lower)
        axes.set_xlabel(name)
    left.set_ylabel(label)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=3, frameon=False)
    return figure


def _draw(
    axes: Axes, costs: np.ndarray, metric: np.ndarray, is_done: np.ndarray, *, lower: bool
) -> None:
    early, done = np.flatnonzero(~is_done), np.flatnonzero(is_done)
    best = done[front(costs[done].tolist(), metric[done].tolist(), lower=lower)]
    axes.grid(color="#eceef1", linewidth=0.8)
    axes.plot(costs[best], metric[best], color=ACCENT, linewidth=1.4, drawstyle="steps-post",
              label="Pareto front", zorder=2)  # fmt: skip
    axes.scatter(costs[done], metric[done], s=26, color=ACCENT, linewidths=0, label="finished",
                 zorder=3)  # fmt: skip
    if len(early):
        axes.scatter(costs[early], metric[early], s=20, facecolors="none", edgecolors=QUIET,
                     linewidths=0.8, alpha=0.6, label="stopped early", zorder=1)  # fmt: skip
    axes.scatter(costs[best], metric[best], s=80, facecolors="none", edgecolors=SECOND,
                 linewidths=1.1, zorder=4)  # fmt: skip
    for set_scale, drawn in ((axes.set_xscale, costs), (axes.set_yscale, metric)):
        low, high = float(drawn.min()), float(drawn.max())
        if 0 < low and high > 3 * low:
            set_scale("log")
    _write_plain(axes)


def _write_plain(axes: Axes) -> None:
    """Write numbers on logarithmic axes as 0.02 and 20, not as powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "log":
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(lambda value, _: short_number(value))
            axis.set_minor_formatter(NullFormatter())
