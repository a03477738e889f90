"""The loss over the epochs of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zscape.errors import DataError
from zscape.viz.style import ACCENT, INK, QUIET, SECOND, halo, look, short_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (5.4, 4.7)  # inches


@look()
def plot_loss(
    history: Mapping[str, Sequence[float]],
    *,
    best_epoch: int | None = None,
    baseline: float | None = None,
    unit: str = "MSE",
    title: str | None = None,
) -> Figure:
    """Draw the training and validation loss by epoch.

    The vertical axis is logarithmic when the losses span more than a factor of ten. Losses that
    are not finite leave a gap.

    Args:
        history: columns of equal length; `epoch`, `loss` and `val_loss` are drawn.
        best_epoch: a value of `epoch`, marked with its validation loss.
        baseline: the MSE of PCA, drawn as a dashed line.
        unit: what the loss is, at the vertical axis: `MSE`, the mean over pixels and channels of
            [0, 1] images, unless there are other terms.
        title: a line above the figure.

    Raises:
        DataError: a column is missing or empty, or `best_epoch` is not in the history.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = _checked_history(history)
    epochs = columns["epoch"]
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    if title:
        axes.set_title(title, parse_math=False)
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit)
    steps = [1, 2, 5, 10]
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=steps, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color="#eceef1", linewidth=0.8)
    axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)

    few = len(epochs) <= 30
    styles = {
        "loss": ("train", SECOND, (0, (1.4, 1.0)), "s"),
        "val_loss": ("validation", ACCENT, "solid", "o"),
    }
    ends: list[tuple[float, str, str]] = []
    for key, (name, color, dashes, marker) in styles.items():
        (line,) = axes.plot(epochs, columns[key], color=color, linewidth=1.6, linestyle=dashes)
        line.set(label=name, marker=marker if few else "none", markersize=3.2)
        finite = columns[key][np.isfinite(columns[key])]
        if finite.size:
            ends.append((float(finite[-1]), name, color))
    drawn = [columns["loss"], columns["val_loss"]]
    if baseline is not None:
        axes.axhline(baseline, color=QUIET, linewidth=1.1, linestyle=(0, (6, 4)), label="PCA")
        ends.append((baseline, f"PCA {short_number(baseline)}", QUIET))
        drawn.append(np.array([baseline]))
    _scale_losses(axes, np.concatenate(drawn))
    if best_epoch is not None:
        _mark_best(axes, best_epoch, epochs, columns["val_loss"])
    _name_ends(axes, ends)
    return figure


def _checked_history(history: Mapping[str, Sequence[float]]) -> dict[str, NDArray[np.float64]]:
    columns: dict[str, NDArray[np.float64]] = {}
    for key in ("epoch", "loss", "val_loss"):
        if key not in history:
            raise DataError(f"the history has no {key!r}; expected epoch, loss and val_loss.")
        columns[key] = np.asarray(history[key], dtype=float)
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise DataError(
            "the history is empty or its columns differ in length; expected one value an epoch."
        )
    return columns


def _scale_losses(axes: Axes, losses: NDArray[Any]) -> None:
    """Choose a linear or, for more than a factor of ten, a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, ScalarFormatter

    losses = losses[np.isfinite(losses)]
    if losses.size == 0:
        return
    low, high = float(losses.min()), float(losses.max())
    if low > 0 and high > 10 * low:
        axes.set_yscale("log")
        subs = (1.0, 2.0, 5.0) if high < 1000 * low else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(float(value))))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0.0 if 0 <= low < 0.4 * high else None)
        axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))


def _mark_best(axes: Axes, best_epoch: int, epochs: NDArray[Any], losses: NDArray[Any]) -> None:
    found = np.flatnonzero(epochs == best_epoch)
    if found.size == 0:
        raise DataError(
            f"best_epoch is {best_epoch}; expected an epoch of the history, "
            f"{epochs.min():g} to {epochs.max():g}."
        )
    loss = float(losses[found[0]])
    if not np.isfinite(loss):
        return
    axes.plot(
        [best_epoch], [loss], "o", markersize=9, markerfacecolor="none",
        markeredgecolor=INK, markeredgewidth=1.2, label="best", zorder=5,
    )  # fmt: skip
    late = best_epoch > (epochs.min() + epochs.max()) / 2
    axes.annotate(
        f"best: epoch {best_epoch}, {loss:#.4g}",
        (best_epoch, loss),
        xytext=(0 if len(epochs) == 1 else 4 if late else -4, 13),
        textcoords="offset points",
        ha="center" if len(epochs) == 1 else "right" if late else "left",
        va="bottom",
        size=8.5,
        path_effects=halo(),
        zorder=6,
    )


def _name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write the name of each line at its right end, moved apart where names would touch."""
    if not ends:
        return
    figure: Any = axes.get_figure()
    figure.draw_without_rendering()
    to_axes = axes.transData + axes.transAxes.inverted()
    order = sorted(ends)
    heights = np.array([to_axes.transform((1.0, value))[1] for value, _, _ in order])
    room = 0.055
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + room)
    for height, (_, name, color) in zip(heights, order, strict=True):
        axes.annotate(
            name, (1.015, float(height)), xycoords="axes fraction", color=color,
            ha="left", va="center", size=8.5, annotation_clip=False,
        )  # fmt: skip
