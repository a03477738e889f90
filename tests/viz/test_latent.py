"""The map of codes: points, colours, labels and words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from zscape.data.images import NO_LABEL
from zscape.errors import DataError
from zscape.viz import figure_png, plot_latent


def codes(n: int = 200, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 2))


def bar_of(figure: Any) -> Any:
    (bar,) = (axes for axes in figure.axes if axes.get_label() == "<colorbar>")
    return bar


def legend_of(figure: Any) -> tuple[list[str], list[Any]]:
    """The names and the colours of the legend."""
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    return names, [to_hex(line.get_color()) for line in legend.get_lines()]


def dot_colors(figure: Any) -> list[str]:
    dots = figure.axes[0].collections[0]
    return [to_hex(color) for color in dots.get_facecolor()]


def class_names(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_points_are_drawn_where_they_are() -> None:
    points = codes()
    figure = plot_latent(points, axis_names=("PC 1 (31.2 % of variance)", "PC 2"), title="Map")
    axes: Any = figure.axes[0]
    np.testing.assert_allclose(axes.collections[0].get_offsets(), points)
    assert axes.get_xlabel() == "PC 1 (31.2 % of variance)"
    assert axes.get_ylabel() == "PC 2"
    assert axes.get_title("left") == "Map"
    assert len(figure.axes) == 1  # nothing to explain by a colour bar


def test_the_legend_names_every_class_in_the_colour_of_its_points() -> None:
    labels = np.repeat([9, 2, 4, 7], 50)
    figure = plot_latent(codes(), labels, label_name="digit")
    figure.draw_without_rendering()
    names, colors = legend_of(figure)
    assert names == ["2", "4", "7", "9"]
    assert figure.legends[0].get_title().get_text() == "digit"
    assert sorted(class_names(figure)) == ["2", "4", "7", "9"]
    by_name = dict(zip(names, colors, strict=True))
    assert dot_colors(figure) == [by_name[str(label)] for label in labels]
    assert len(set(colors)) == 4


def test_what_has_no_label_is_grey_and_no_class() -> None:
    labels = np.repeat([0, 1, NO_LABEL, 0], 50)
    figure = plot_latent(codes(), labels, class_names=["cat", "dog"])
    names, colors = legend_of(figure)
    assert names == ["cat", "dog", "no label"]
    red, green, blue = (int(colors[2][i : i + 2], 16) for i in (1, 3, 5))
    assert max(red, green, blue) - min(red, green, blue) < 24
    assert dot_colors(figure)[100:150] == [colors[2]] * 50
    assert class_names(plot_latent(codes(), labels)) == ["0", "1"]
    assert legend_of(plot_latent(codes(), np.full(200, NO_LABEL)))[0] == ["no label"]


def test_a_class_keeps_its_colour_where_others_are_missing() -> None:
    names = ["ant", "bee", "cat"]
    all_of_them = legend_of(plot_latent(codes(), np.arange(200) % 3, class_names=names))
    two = legend_of(plot_latent(codes(), np.arange(200) % 2 + 1, class_names=names))
    assert two == (["bee", "cat"], all_of_them[1][1:])


def test_more_classes_than_colours_get_a_scale_that_says_so() -> None:
    labels = np.arange(200) % 35
    labels[:5] = NO_LABEL
    figure = plot_latent(codes(), labels, class_names=[f"kind {k}" for k in range(35)])
    assert figure.legends == []
    bar = bar_of(figure)
    assert bar.get_ylabel() == "label: 35, too many for a colour each\ngrey: no label"
    ticks = [tick.get_text() for tick in bar.get_yticklabels()]
    assert (ticks[0], ticks[-1]) == ("kind 0", "kind 34")


@pytest.mark.parametrize("dimensions", [1, 2])
def test_names_are_drawn_as_they_are_whatever_is_in_them(dimensions: int) -> None:
    names = ["$x_$", "_hidden", "a\nb", "caf\udce9", "<b>&amp;", "x" * 80]
    points = codes() * [1, dimensions - 1]
    figure = plot_latent(points, np.arange(200) % 6, class_names=names)
    assert figure_png(figure, dpi=40).startswith(b"\x89PNG")
    ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    shown = ticks if dimensions == 1 else legend_of(figure)[0]
    assert shown[:5] == ["$x_$", "_hidden", "a\\nb", "caf\\udce9", "<b>&amp;"]
    assert len(shown[5]) == 24
    width = figure.get_size_inches()[0]
    assert width < 9


def test_class_names_stand_at_the_medians_when_these_are_far_apart() -> None:
    labels = np.repeat([0, 1], 100)
    points = codes() * 0.1 + np.where(labels, 5.0, -5.0)[:, None]
    texts = plot_latent(points, labels).axes[0].texts
    for text, label in zip(texts, (0, 1), strict=True):
        np.testing.assert_allclose(
            text.get_position(), np.median(points[labels == label], axis=0), atol=1e-6
        )


def test_class_names_are_moved_apart_when_medians_coincide() -> None:
    figure = plot_latent(codes(1000), np.arange(1000) % 10)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 10
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.mark.parametrize("labels", [np.linspace(0.0, 3.0, 200), np.arange(200)])
def test_quantities_get_a_continuous_bar_and_no_names(labels: np.ndarray) -> None:
    figure = plot_latent(codes(), labels)
    assert class_names(figure) == []
    low, high = bar_of(figure).get_ylim()
    assert (low, high) == (labels.min(), labels.max())


def test_twenty_classes_are_classes_still() -> None:
    figure = plot_latent(codes(), np.arange(200) % 20)
    assert len(class_names(figure)) == 20


def test_booleans_are_two_classes() -> None:
    figure = plot_latent(codes(), np.arange(200) % 2 == 0)
    assert sorted(class_names(figure)) == ["0", "1"]


def test_the_share_of_variance_is_stated() -> None:
    figure = plot_latent(codes(), explained=(0.3, 0.125))
    assert any("42.5 %" in text for text in class_names(figure))


def test_equal_aspect_makes_a_unit_as_long_on_both_axes() -> None:
    points = codes() * [10.0, 1.0]
    figure = plot_latent(points, equal_aspect=True)
    figure.draw_without_rendering()
    (x0, y0), (x1, y1) = figure.axes[0].transData.transform([(0, 0), (1, 1)])
    assert x1 - x0 == pytest.approx(y1 - y0, rel=1e-3)


def test_codes_of_one_dimension_become_histograms_one_a_class() -> None:
    points = codes()
    points[:, 1] = 0.0
    labels = np.repeat([3, 8], 100)
    axes: Any = plot_latent(points, labels, label_name="digit").axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["3", "8"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "digit")
    lower, upper = (patch.get_data() for patch in axes.patches)
    assert lower.values.max() < upper.baseline
    expected, _ = np.histogram(points[labels == 3, 0], bins=lower.edges)
    np.testing.assert_allclose(lower.values / lower.values.max(), expected / expected.max())


def test_codes_of_one_dimension_without_labels_are_counted() -> None:
    points = codes()
    points[:, 1] = 0.0
    axes: Any = plot_latent(points).axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == len(points)


@pytest.mark.parametrize("point", [(0.0, 0.0), (1.5, -2.0)])
def test_a_single_code_is_drawn(point: tuple[float, float]) -> None:
    assert figure_png(plot_latent(np.array([point]), [3]), dpi=40).startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_same_figure_gives_the_same_bytes() -> None:
    labels = np.arange(200) % 3
    first, second = (figure_png(plot_latent(codes(), labels), dpi=60) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("points", "labels", "message"),
    [
        (np.zeros((0, 2)), None, "at least one point"),
        (np.zeros((4, 3)), None, r"expected \(N, 2\)"),
        (np.array([[0.0, np.nan]]), None, "finite"),
        (np.zeros((4, 2)), [1, 2], "one a point"),
        (np.zeros((1, 2)), [b"cat"], "expected numbers or names"),
    ],
)
def test_what_cannot_be_drawn_is_refused(points: np.ndarray, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        plot_latent(points, labels)


def test_names_are_classes_and_too_many_of_them_a_quantity() -> None:
    def ticks(n: int) -> list[str]:
        labels = np.array([f"class{number:02d}" for number in np.arange(200) % n])
        figure = plot_latent(codes(), labels)
        if figure.legends:
            return legend_of(figure)[0]
        return [tick.get_text() for tick in bar_of(figure).get_yticklabels()]

    assert ticks(3) == ["class00", "class01", "class02"]
    assert len(ticks(20)) == 20
    assert len(ticks(40)) == 8
