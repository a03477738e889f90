"""The loss over the epochs of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.errors import DataError
from zscape.viz.fonts import lettering
from zscape.viz.style import ACCENT, INK, QUIET, SECOND, halo, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (5.4, 4.7)  # inches
_LINES = {
    "loss": ("train", SECOND, (0, (1.4, 1.0)), "s"),
    "val_loss": ("validation", ACCENT, "solid", "o"),
}


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
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = _checked_history(history)
    epochs = columns.pop("epoch")
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    if title:
        (title,), font = lettering(title)
        axes.set_title(title, **font)
    axes.set_xlabel("epoch")
    axes.set_ylabel(unit)
    steps = [1, 2, 5, 10]
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, steps=steps, integer=True, min_n_ticks=1))
    axes.grid(axis="y", color="#eceef1", linewidth=0.8)
    axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)

    ends: list[tuple[float, str, str]] = []
    for key, losses in columns.items():
        name, color, dashes, marker = _LINES[key]
        (line,) = axes.plot(epochs, losses, color=color, linewidth=1.6, linestyle=dashes)
        line.set(label=name, marker=marker if len(epochs) <= 30 else "none", markersize=3.2)
        ends += [(loss, name, color) for loss in losses[np.isfinite(losses)][-1:].tolist()]
    drawn = np.concatenate([*columns.values(), [] if baseline is None else [baseline]])
    if baseline is not None:
        axes.axhline(baseline, color=QUIET, linewidth=1.1, linestyle=(0, (6, 4)), label="PCA")
        ends.append((baseline, f"PCA {short_number(baseline)}", QUIET))
    _scale_losses(axes, drawn[np.isfinite(drawn)])
    if best_epoch is not None:
        _mark_best(axes, best_epoch, epochs, columns["val_loss"])
    _name_ends(axes, sorted(ends))
    return figure


def _checked_history(history: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    for key in ("epoch", *_LINES):
        if key not in history:
            raise DataError(f"the history has no {key!r}; expected epoch, loss and val_loss.")
    columns = {key: np.asarray(history[key], dtype=float) for key in ("epoch", *_LINES)}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise DataError(
            "the history is empty or its columns differ in length; expected one value an epoch."
        )
    return columns


def _scale_losses(axes: Axes, losses: np.ndarray) -> None:
    """Choose a linear or, for more than a factor of ten, a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    if losses.size == 0:
        return
    low, high = float(losses.min()), float(losses.max())
    if low > 0 and high > 10 * low:
        axes.set_yscale("log")
        subs = (1.0, 2.0, 5.0) if high < 1000 * low else (1.0,)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_major_formatter(lambda value, _: short_number(value))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(bottom=0.0 if 0 <= low < 0.4 * high else None)
        axes.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))


def _mark_best(axes: Axes, best_epoch: int, epochs: np.ndarray, losses: np.ndarray) -> None:
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
    middle = (epochs.min() + epochs.max()) / 2
    shift, side = (4, "right") if best_epoch > middle else (-4, "left")
    if len(epochs) == 1:
        shift, side = 0, "center"
    axes.annotate(
        f"best: epoch {best_epoch}, {loss:#.4g}", (best_epoch, loss), xytext=(shift, 13),
        textcoords="offset points", ha=side, va="bottom", size=8.5, path_effects=halo(), zorder=6,
    )  # fmt: skip


def _name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write the name of each line at its right end, moved up where names would touch."""
    figure: Any = axes.get_figure()
    figure.draw_without_rendering()
    to_axes = axes.transData + axes.transAxes.inverted()
    height = -np.inf
    for value, name, color in ends:
        height = max(float(to_axes.transform((1.0, value))[1]), height + 0.055)
        axes.annotate(
            name, (1.015, height), xycoords="axes fraction", color=color,
            ha="left", va="center", size=8.5, annotation_clip=False,
        )  # fmt: skip


def short_number(value: float) -> str:
    """Return a number in three significant digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")
