"""The map of codes: where a model puts its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.errors import DataError
from zscape.viz.classes import (
    GREY,
    NO_LABEL_NAME,
    Classes,
    as_quantity,
    find_classes,
    has_label,
    name_of,
    ramp,
)
from zscape.viz.fonts import lettering, text_width
from zscape.viz.layout import checked_images, drawable
from zscape.viz.style import ACCENT, FAINT, INK, QUIET, halo, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

_SIZE = (5.4, 4.7)  # inches
_WIDE = (5.4, 3.9)
_LETTER = 0.075  # inches of a letter in the legend
_HISTOGRAM_BINS = 60
_THUMBNAIL = 0.075  # longer side, of the height of the axes
_MAX_NAME = 4  # letters; longer class names would hide the points they stand on
_MAX_NAME_BESIDE = 24
_MAX_BAR_NAMES = 8


@look()
def plot_latent(
    points: np.ndarray,
    labels: np.ndarray | Sequence[float] | None = None,
    *,
    class_names: Sequence[str] | None = None,
    images: np.ndarray | None = None,
    axis_names: tuple[str, str] = ("z1", "z2"),
    explained: tuple[float, float] | None = None,
    label_name: str = "label",
    title: str | None = None,
    equal_aspect: bool = False,
) -> Figure:
    """Draw codes in the plane, coloured by label.

    Up to 20 classes have a colour each and a legend; a class with a short name also carries it at
    its median. Images without a label are grey. Codes of one dimension, which `project_codes`
    gives a second coordinate of zero, are drawn as histograms instead, one above the other for
    each class.

    Args:
        points: shape (N, 2), finite: `Projection.points`.
        labels: length N. Whole numbers or names of at most 20 values are classes, of
            which `NO_LABEL` and "" stand for none. Other numbers, and more classes, get one scale
            of colours and a colour bar. None: a single colour.
        class_names: what the labels 0, 1, 2, ... stand for, if they have names.
        images: shape (N, H, W, C), any dtype that `zscape.data.images.as_float` takes: as many
            as there is room for are drawn small at their points, framed in the colour of their
            label. Not for codes of one dimension.
        axis_names: what to write at the two axes: `Projection.axis_names`.
        explained: the share of the variance along each axis; their sum is then stated.
        label_name: what the labels are, written over the legend or at the colour bar.
        title: a line above the figure.
        equal_aspect: draw both axes to the same scale.
    """
    from matplotlib.figure import Figure

    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise DataError(
            f"points have shape {points.shape}; expected (N, 2) with at least one point."
        )
    if not np.isfinite(points).all():
        raise DataError("points hold values that are not finite; expected finite codes.")
    values = None if labels is None else _checked_labels(labels, len(points))
    pictures = None if images is None else drawable(checked_images(images, "images"))
    if pictures is not None and len(pictures) != len(points):
        raise DataError(f"{len(pictures)} images for {len(points)} points; expected one each.")

    one_dimension = not points[:, 1].any()
    figure = Figure(figsize=_WIDE if one_dimension else _SIZE, layout="constrained")
    axes = figure.add_subplot()
    (x_name, y_name, title), font = lettering(*axis_names, title or "")
    axes.set_xlabel(x_name, **font)
    if title:
        # Above the line that states the share of variance, however long the title is.
        axes.set_title(title, pad=10 if explained is None else 20, **font)
    axes.axvline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    classes = None if values is None else find_classes(values, class_names)
    if one_dimension:
        _draw_histograms(axes, points[:, 0], classes, label_name)
        return figure

    axes.set_ylabel(y_name, **font)
    axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    if equal_aspect:
        axes.set_aspect("equal", adjustable="datalim")
    dots = _draw_points(axes, points, values, classes)
    if classes is not None:
        _draw_legend(figure, classes, label_name)
    elif values is not None:
        _draw_bar(figure, dots, values, class_names, label_name)
    if explained is not None:
        axes.text(
            1.0, 1.01, f"{100 * sum(explained):.1f} % of the variance is shown",
            size=7.5, color=QUIET, transform=axes.transAxes, ha="right", va="bottom",
        )  # fmt: skip
    if pictures is not None:
        _draw_thumbnails(axes, points, pictures, dots)
    elif classes is not None:
        _name_classes(axes, points, classes)
    return figure


def _checked_labels(labels: np.ndarray | Sequence[float], n_points: int) -> np.ndarray:
    values = np.asarray(labels)
    if values.shape != (n_points,):
        raise DataError(f"labels have shape {values.shape}; expected ({n_points},), one a point.")
    if values.dtype.kind not in "iufbU":
        raise DataError(f"labels have dtype {values.dtype}; expected numbers or names.")
    return values.astype(int) if values.dtype.kind == "b" else values


def _draw_points(
    axes: Axes, points: np.ndarray, values: np.ndarray | None, classes: Classes | None
) -> PathCollection:
    """Draw a dot for each point, in the colour of its label."""
    size = float(np.clip(16_000 / len(points), 3.0, 26.0))
    x, y = points.T
    dots: dict[str, Any] = {"s": size, "alpha": 0.85, "linewidths": 0.25, "edgecolors": "white"}
    if values is None:
        return axes.scatter(x, y, color=ACCENT, **dots)
    if classes is not None:
        return axes.scatter(x, y, c=np.array(classes.colors)[classes.places].tolist(), **dots)
    shown = np.where(has_label(values), as_quantity(values), np.nan)
    scale = ramp().with_extremes(bad=GREY)
    return axes.scatter(x, y, c=shown, cmap=scale, plotnonfinite=True, **dots)


def _draw_legend(figure: Figure, classes: Classes, label_name: str) -> None:
    """Name the classes beside the map."""
    from matplotlib.lines import Line2D

    spot: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 6.5}
    handles = [Line2D([], [], color=color, **spot) for color in classes.colors]
    (title, *names), font = lettering(label_name, *classes.texts, length=_MAX_NAME_BESIDE)
    n_letters = max(map(text_width, (title, *names)))
    figure.set_figwidth(figure.get_figwidth() + 0.4 + _LETTER * n_letters)
    legend = figure.legend(
        handles,
        [str(number) for number in range(len(names))],  # a name that begins with _ is left out
        loc="outside right upper",
        alignment="left",
        frameon=False,
        fontsize=8.5,
        handletextpad=0.1,
        labelspacing=0.35,
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, **font)
    legend.set_title(title)
    legend.get_title().set(size=9.5, **font)


def _draw_bar(
    figure: Figure,
    dots: PathCollection,
    values: np.ndarray,
    class_names: Sequence[str] | None,
    label_name: str,
) -> None:
    """Draw the scale of the colours of a quantity, or of more classes than there are colours."""
    known = values[has_label(values)]
    bar: Any = figure.colorbar(dots, ax=figure.axes[0], fraction=0.045, pad=0.03, aspect=26)
    words = [label_name]
    if class_names is not None or values.dtype.kind == "U":
        found = np.unique(known)
        some = found[np.linspace(0, len(found) - 1, _MAX_BAR_NAMES).round().astype(int)]
        at = as_quantity(values)
        ticks = [float(at[values == value][0]) for value in some]
        shown = (name_of(value, class_names) for value in some.tolist())
        names, font = lettering(*shown, length=_MAX_NAME_BESIDE)
        bar.ax.set_yticks(ticks, names, **font)
        words = [f"{label_name}: {len(found)}, too many for a colour each"]
    if len(known) < len(values):
        words.append(f"grey: {NO_LABEL_NAME}")
    lines, font = lettering(*words)
    bar.set_label("\n".join(lines), **font)
    bar.solids.set_alpha(1.0)
    bar.outline.set_visible(False)
    bar.ax.minorticks_off()
    bar.ax.tick_params(length=0)


def _draw_thumbnails(
    axes: Axes, points: np.ndarray, pictures: np.ndarray, dots: PathCollection
) -> None:
    """Draw small pictures at their points, each where it covers none drawn before it."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    figure: Any = axes.get_figure()
    figure.draw_without_rendering()  # places and colours are known only then
    spots = axes.transData.transform(points)  # (N, 2) pixels
    side = _THUMBNAIL * axes.get_window_extent().height
    height, width = pictures.shape[1:3]
    zoom = side / max(height, width)
    room = np.array([width, height]) * zoom + 0.2 * side
    colors = np.asarray(dots.get_facecolor())[:, :3]  # of every point, or one for all
    free = np.ones(len(points), dtype=bool)
    for i in range(len(points)):
        if not free[i]:
            continue
        free &= (np.abs(spots - spots[i]) >= room).any(axis=1)
        # Nearest: a picture of few pixels shows them; a large one is averaged.
        small = OffsetImage(
            pictures[i],
            zoom=zoom * 72 / figure.dpi,  # it counts in points
            interpolation="nearest" if zoom > 1 else "antialiased",
            cmap="gray",
            clim=(0.0, 1.0),
        )
        frame: dict[str, Any] = {"edgecolor": colors[i % len(colors)], "linewidth": 1.1}
        box = AnnotationBbox(small, tuple(points[i]), pad=0.06, bboxprops=frame)
        box.set_in_layout(False)
        axes.add_artist(box)


def _name_classes(axes: Axes, points: np.ndarray, classes: Classes) -> None:
    """Write short names of classes at their medians, moved apart where they would overlap.

    Names of classes with one or two points stand above them, not on them.
    """
    shown = [place for place, value in enumerate(classes.values) if value is not None]
    names, font = lettering(*(classes.texts[place] for place in shown))
    if not names or max(map(text_width, names)) > _MAX_NAME:
        return
    members = [points[classes.places == place] for place in shown]
    figure: Any = axes.get_figure()
    figure.draw_without_rendering()
    spots = axes.transData.transform([np.median(member, axis=0) for member in members])  # pixels
    unit = axes.get_window_extent().height / 100
    spots[:, 1] += 3.4 * unit * np.array([len(member) < 3 for member in members])
    _move_apart(spots, np.array([2.4 * max(map(text_width, names)) + 2.6, 5.6]) * unit)
    options: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold", "size": 10.5}
    for (x, y), name in zip(axes.transData.inverted().transform(spots), names, strict=True):
        axes.text(x, y, name, color=INK, path_effects=halo(3.0), **font, **options)


def _move_apart(spots: np.ndarray, room: np.ndarray) -> None:
    """Move spots (K, 2), in place, until boxes of the size `room` (2,) round them hardly touch."""
    for _ in range(60):
        for i in range(len(spots)):
            for j in range(i):
                gap = spots[i] - spots[j]
                overlap = room - np.abs(gap)
                if (overlap <= 0).any():
                    continue
                axis = int(overlap.argmin())  # the shorter way out
                push = overlap[axis] / 2 * (1.0 if gap[axis] >= 0 else -1.0)
                spots[i, axis] += push
                spots[j, axis] -= push


def _draw_histograms(
    axes: Axes, codes: np.ndarray, classes: Classes | None, label_name: str
) -> None:
    """Draw codes of one dimension: a histogram, or one above the other for each class."""
    low, high = float(codes.min()), float(codes.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    n_bins = int(np.clip(len(codes) // 4, 5, _HISTOGRAM_BINS))
    edges = np.linspace(low, high, n_bins + 1)
    if classes is None:
        axes.hist(codes, bins=edges.tolist(), color=ACCENT, edgecolor="white", linewidth=0.4)
        axes.set_ylabel("codes")
        return
    for row, color in enumerate(classes.colors):
        counts, _ = np.histogram(codes[classes.places == row], bins=edges)
        heights = row + 0.88 * counts / counts.max()
        axes.stairs(heights, edges, baseline=row, fill=True, color=color)
    (words, *names), font = lettering(label_name, *classes.texts, length=_MAX_NAME_BESIDE)
    axes.set_yticks(range(len(names)), names, **font)
    axes.set_ylim(-0.1, len(names))
    axes.set_ylabel(words, **font)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
