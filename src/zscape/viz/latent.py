"""The map of codes: where a model puts its images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.errors import DataError
from zscape.viz.layout import checked_images, drawable
from zscape.viz.style import ACCENT, FAINT, INK, QUIET, halo, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

MAX_CLASSES = 20
"""Integer labels of up to this many values are classes; more are drawn as a quantity."""

_SIZE = (5.4, 4.7)  # inches
_WIDE = (5.4, 3.9)
_HISTOGRAM_BINS = 60
_THUMBNAIL = 0.075  # longer side, of the height of the axes
_MAX_NAME = 3  # longer class names would hide the points they stand on


@look()
def plot_latent(
    points: np.ndarray,
    labels: np.ndarray | Sequence[float] | None = None,
    *,
    images: np.ndarray | None = None,
    axis_names: tuple[str, str] = ("z1", "z2"),
    explained: tuple[float, float] | None = None,
    label_name: str = "label",
    title: str | None = None,
    equal_aspect: bool = False,
) -> Figure:
    """Draw codes in the plane, coloured by label.

    The colours run from dark to light in the order of the labels, so the map survives being
    printed in gray; a class with a short name also carries it at its median. Codes of one
    dimension, which `project_codes` gives a second coordinate of zero, are drawn as histograms
    instead, one above the other for each class.

    Args:
        points: shape (N, 2), finite: `Projection.points`.
        labels: length N. Integers or names of at most `MAX_CLASSES` values are classes, with a
            colour bar that names each; other numbers get a continuous colour bar, and more names
            one by their place in the alphabet. None: a single colour.
        images: shape (N, H, W, C), any dtype that `zscape.data.images.as_float` takes: as many
            as there is room for are drawn small at their points, framed in the colour of their
            label. Not for codes of one dimension.
        axis_names: what to write at the two axes: `Projection.axis_names`.
        explained: the share of the variance along each axis; their sum is then stated.
        label_name: what the labels are, written at the colour bar.
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
    axes.set_xlabel(axis_names[0], parse_math=False)
    if title:
        # Above the line that states the share of variance, however long the title is.
        axes.set_title(title, pad=10 if explained is None else 20, parse_math=False)
    axes.axvline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    if one_dimension:
        _draw_histograms(axes, points[:, 0], values, label_name)
        return figure

    axes.set_ylabel(axis_names[1], parse_math=False)
    axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
    if equal_aspect:
        axes.set_aspect("equal", adjustable="datalim")
    dots = _draw_points(axes, points, values, label_name)
    if explained is not None:
        axes.text(
            1.0, 1.01, f"{100 * sum(explained):.1f} % of the variance is shown",
            size=7.5, color=QUIET, transform=axes.transAxes, ha="right", va="bottom",
        )  # fmt: skip
    if pictures is not None:
        _draw_thumbnails(axes, points, pictures, dots)
    elif values is not None:
        _name_classes(axes, points, values)
    return figure


def _checked_labels(labels: np.ndarray | Sequence[float], n_points: int) -> np.ndarray:
    values = np.asarray(labels)
    if values.shape != (n_points,):
        raise DataError(f"labels have shape {values.shape}; expected ({n_points},), one a point.")
    if values.dtype.kind not in "iufbU":
        raise DataError(f"labels have dtype {values.dtype}; expected numbers or names.")
    if values.dtype.kind == "U":
        names, places = np.unique(values, return_inverse=True)
        return values if len(names) <= MAX_CLASSES else places
    return values.astype(int) if values.dtype.kind == "b" else values


def label_classes(values: np.ndarray) -> np.ndarray | None:
    """Return the sorted classes, or None where labels are a quantity."""
    if values.dtype.kind == "f":
        return None
    classes = np.unique(values)
    return classes if len(classes) <= MAX_CLASSES else None


def ramp() -> Colormap:
    """Return viridis without its lightest end, which is hard to see on white."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    return ListedColormap(mpl.colormaps["viridis"](np.linspace(0.0, 0.9, 256)))


def class_colors(n_classes: int) -> np.ndarray:
    """Return (n_classes, 4) colours from dark to light."""
    return np.asarray(ramp()(np.linspace(0.0, 1.0, n_classes) if n_classes > 1 else [0.4]))


def _draw_points(
    axes: Axes, points: np.ndarray, values: np.ndarray | None, label_name: str
) -> PathCollection:
    """Draw a dot for each point, and the colour bar of the labels."""
    from matplotlib.colors import BoundaryNorm, ListedColormap

    size = float(np.clip(16_000 / len(points), 3.0, 26.0))
    x, y = points.T
    dots: dict[str, Any] = {"s": size, "alpha": 0.85, "linewidths": 0.25, "edgecolors": "white"}
    if values is None:
        return axes.scatter(x, y, color=ACCENT, **dots)
    classes, ticks = label_classes(values), None
    if classes is None:
        artist = axes.scatter(x, y, c=values, cmap=ramp(), **dots)
    else:
        ticks = np.arange(len(classes))
        dots["norm"] = BoundaryNorm(np.arange(len(classes) + 1) - 0.5, len(classes))
        dots["cmap"] = ListedColormap(class_colors(len(classes)))
        artist = axes.scatter(x, y, c=np.searchsorted(classes, values), **dots)
    figure: Any = axes.get_figure()
    bar = figure.colorbar(artist, ax=axes, ticks=ticks, fraction=0.045, pad=0.03, aspect=26)
    bar.set_label(label_name, parse_math=False)
    bar.solids.set_alpha(1.0)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    if classes is not None:
        bar.ax.minorticks_off()
        bar.ax.set_yticklabels([str(c) for c in classes])
    return artist


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


def _name_classes(axes: Axes, points: np.ndarray, values: np.ndarray) -> None:
    """Write short names of classes at their medians, moved apart where they would overlap.

    Names of classes with one or two points stand above them, not on them.
    """
    classes = label_classes(values)
    if classes is None or max(len(str(c)) for c in classes) > _MAX_NAME:
        return
    members = [points[values == c] for c in classes]
    names = [str(c) for c in classes]
    figure: Any = axes.get_figure()
    figure.draw_without_rendering()
    spots = axes.transData.transform([np.median(member, axis=0) for member in members])  # pixels
    unit = axes.get_window_extent().height / 100
    spots[:, 1] += 3.4 * unit * np.array([len(member) < 3 for member in members])
    _move_apart(spots, np.array([2.4 * max(map(len, names)) + 2.6, 5.6]) * unit)
    options: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold", "size": 10.5}
    for (x, y), name in zip(axes.transData.inverted().transform(spots), names, strict=True):
        axes.text(x, y, name, color=INK, path_effects=halo(3.0), parse_math=False, **options)


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
    axes: Axes, codes: np.ndarray, values: np.ndarray | None, label_name: str
) -> None:
    """Draw codes of one dimension: a histogram, or one above the other for each class."""
    low, high = float(codes.min()), float(codes.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    n_bins = int(np.clip(len(codes) // 4, 5, _HISTOGRAM_BINS))
    edges = np.linspace(low, high, n_bins + 1)
    classes = None if values is None else label_classes(values)
    if classes is None:
        axes.hist(codes, bins=edges.tolist(), color=ACCENT, edgecolor="white", linewidth=0.4)
        axes.set_ylabel("codes")
        return
    for row, (value, color) in enumerate(zip(classes, class_colors(len(classes)), strict=True)):
        counts, _ = np.histogram(codes[values == value], bins=edges)
        heights = row + 0.88 * counts / counts.max()
        axes.stairs(heights, edges, baseline=row, fill=True, color=color)
    axes.set_yticks(range(len(classes)), [str(c) for c in classes])
    axes.set_ylim(-0.1, len(classes))
    axes.set_ylabel(label_name, parse_math=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
