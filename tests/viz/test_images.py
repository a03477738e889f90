"""Figures made of images: what is drawn, where, and with which words."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from zscape.errors import DataError
from zscape.viz import GridPanel, figure_png, plot_latent_grid, plot_latent_grids
from zscape.viz import plot_reconstructions as plot
from zscape.viz.sheets import plot_image_rows, plot_interpolation, plot_nearest, plot_traversal

PNG_START = b"\x89PNG\r\n\x1a\n"


def pictures(figure: Any) -> list[np.ndarray]:
    """The arrays of all images in a figure, in drawing order, without colour bars."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def words(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.texts]


def random_images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def test_a_column_holds_input_reconstruction_and_absolute_error() -> None:
    images, reconstructions = random_images(3, 8, 6, 1), random_images(3, 8, 6, 1, seed=1)
    drawn = pictures(plot(images, reconstructions))
    assert len(drawn) == 9
    for column in range(3):
        top, middle, bottom = drawn[3 * column : 3 * column + 3]
        np.testing.assert_allclose(top, images[column, ..., 0])
        np.testing.assert_allclose(middle, reconstructions[column, ..., 0])
        np.testing.assert_allclose(bottom, np.abs(top - middle), atol=1e-6)


def test_rows_stand_under_each_other_and_columns_side_by_side() -> None:
    figure = plot(random_images(2, 5, 5, 1), random_images(2, 5, 5, 1, seed=1))
    boxes = [axes.get_position() for axes in figure.axes[:6]]
    assert boxes[0].y0 > boxes[1].y1 > boxes[1].y0 > boxes[2].y1
    assert boxes[0].x0 == pytest.approx(boxes[1].x0)
    assert boxes[0].x1 < boxes[3].x0


def test_row_names_labels_title_and_each_mse_are_written() -> None:
    images = np.zeros((2, 4, 4, 1), np.float32)
    reconstructions = np.stack([np.full((4, 4, 1), 0.5), np.full((4, 4, 1), 0.1)])
    written = words(plot(images, reconstructions, [7, 3], title="Cost: $5 to $6"))
    for text in ("input", "reconstruction", "error", "MSE", "7", "3", "Cost: $5 to $6"):
        assert text in written
    assert written.count("0.250") == 1
    assert written.count("0.0100") == 1


def test_errors_share_one_scale_that_the_colour_bar_states() -> None:
    images = np.zeros((2, 4, 4, 1), np.float32)
    reconstructions = np.stack([np.full((4, 4, 1), 0.5), np.full((4, 4, 1), 0.25)])
    figure = plot(images, reconstructions)
    limits = {axes.images[0].get_clim() for axes in (figure.axes[2], figure.axes[5])}
    assert limits == {(0.0, 0.5)}
    bar = figure.axes[-1]
    assert [tick.get_text() for tick in bar.get_yticklabels()] == ["0", "0.5"]


def test_n_limits_the_columns_and_may_exceed_the_images() -> None:
    images = random_images(4, 3, 3, 1)
    assert len(pictures(plot(images, images, n=2))) == 6
    assert len(pictures(plot(images, images, n=99))) == 12


def test_whole_numbers_are_scaled_to_the_unit_range() -> None:
    images = np.full((1, 2, 2, 1), 255, np.uint8)
    drawn = pictures(plot(images, np.ones((1, 2, 2, 1), np.float32)))
    assert drawn[0].max() == 1.0
    assert drawn[2].max() == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1), (1, 1, 3), (3, 200, 4), (256, 256, 3), (40, 7, 2), (28, 28, 1), (1, 256, 5)],
)
def test_every_shape_is_drawn_and_nothing_leaves_the_figure(shape: tuple[int, int, int]) -> None:
    images = random_images(2, *shape)
    labels = ["one", "a long name of a class"]
    figure = plot(images, 1 - images, labels, title="A title of more words than images")
    assert figure_png(figure, dpi=60).startswith(PNG_START)
    figure.draw_without_rendering()
    for artist in [*figure.texts, *figure.axes, *figure.axes[-1].get_yticklabels()]:
        box = artist.get_tightbbox()
        assert box is not None
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= figure.bbox.width + 1
        assert box.y1 <= figure.bbox.height + 1


def test_transparent_pixels_show_white() -> None:
    images = np.zeros((1, 2, 2, 4), np.float32)
    assert (pictures(plot(images, images))[0] == 1.0).all()


def test_unusual_channels_are_averaged_and_the_figure_says_so() -> None:
    images = random_images(1, 4, 4, 5)
    figure = plot(images, images)
    np.testing.assert_allclose(pictures(figure)[0], images[0].mean(axis=-1), rtol=1e-6)
    assert any("mean of the 5 channels" in text for text in words(figure))


def test_reconstructions_outside_the_range_or_not_finite_are_drawn() -> None:
    images = np.zeros((1, 2, 2, 1), np.float32)
    reconstructions = np.array([np.nan, -3.0, 4.0, np.inf], np.float32).reshape(1, 2, 2, 1)
    figure = plot(images, reconstructions)
    np.testing.assert_array_equal(pictures(figure)[1].ravel(), [0.0, 0.0, 1.0, 1.0])
    assert figure_png(figure, dpi=40).startswith(PNG_START)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((0, 2, 2, 1)), np.zeros((0, 2, 2, 1))), "at least one image"),
        ((np.zeros((2, 2, 2)), np.zeros((2, 2, 2))), r"expected \(N, H, W, C\)"),
        ((np.zeros((2, 2, 2, 1)), np.zeros((3, 2, 2, 1))), "same shape"),
        ((np.zeros((2, 2, 2, 1)), np.zeros((2, 2, 2, 1)), [1]), "1 labels for 2 images"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        plot(*arguments)


def lattice(rows: int, columns: int, height: int = 2, width: int = 3) -> np.ndarray:
    """Tile (r, c) has the constant value (10 r + c) / 100."""
    values = (10 * np.arange(rows)[:, None] + np.arange(columns)) / 100
    return np.broadcast_to(values[..., None, None, None], (rows, columns, height, width, 1))


def test_the_lowest_corner_lies_at_the_bottom_left() -> None:
    figure = plot_latent_grid(lattice(3, 4), [-1, 0, 1, 2], [5, 6, 7])
    axes = figure.axes[0]
    image = axes.images[0]
    array = np.asarray(image.get_array())
    assert image.origin == "upper"  # so the array's last rows are the lowest ones drawn
    assert array.shape == (6, 12)
    np.testing.assert_allclose(array[-2:, :3], 0.00)
    np.testing.assert_allclose(array[-2:, -3:], 0.03)
    np.testing.assert_allclose(array[:2, :3], 0.20)
    np.testing.assert_allclose(array[:2, -3:], 0.23)
    assert axes.get_ylim()[0] < axes.get_ylim()[1]
    assert axes.get_xlim()[0] < axes.get_xlim()[1]


def test_ticks_name_the_coordinates_at_the_middles_of_the_tiles() -> None:
    axes = plot_latent_grid(lattice(3, 4), [-1, 0, 1, 2], [0.5, 1, 1.5]).axes[0]
    assert axes.get_xticks().tolist() == [0, 1, 2, 3]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["\N{MINUS SIGN}1", "0", "1", "2"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["0.5", "1.0", "1.5"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("z1", "z2")


@pytest.mark.parametrize("n", [1, 2, 11, 21, 60])
def test_tick_labels_never_touch(n: int) -> None:
    values = np.linspace(-5.25, 5.25, n)
    figure = plot_latent_grid(lattice(n, n, 8, 8) / 7, values, values)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    across = [label.get_window_extent() for label in axes.get_xticklabels()]
    upward = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(across))
    assert all(a.y1 < b.y0 for a, b in itertools.pairwise(upward))
    assert min(box.x0 for box in upward) > axes.yaxis.label.get_window_extent().x1


def test_two_grids_stand_side_by_side_with_their_titles() -> None:
    panels = [
        GridPanel(lattice(2, 2), [0, 1], [0, 1], "Fixed"),
        (lattice(3, 2), [0.25, 0.5], [1, 2, 3], "Where the codes are"),
    ]
    figure = plot_latent_grids(panels, axis_names=("a", "b"), title="Grids")
    left, right = figure.axes
    assert [left.get_title("left"), right.get_title("left")] == ["Fixed", "Where the codes are"]
    assert left.get_position().x1 < right.get_position().x0
    assert right.get_xlabel() == "a"
    assert right.get_ylabel() == "b"
    assert "Grids" in words(figure)


def test_large_tiles_are_averaged_to_about_what_is_seen() -> None:
    images = np.tile(np.array([0.0, 1.0], np.float32), (8, 8, 256, 128))[..., None]
    array = pictures(plot_latent_grid(images, range(8), range(8)))[0]
    assert array.shape[0] < 8 * 256
    np.testing.assert_allclose(array, 0.5)


def test_colour_grids_keep_their_colours() -> None:
    images = np.zeros((2, 2, 4, 4, 3), np.float32)
    images[1, 0, ..., 2] = 1.0
    array = pictures(plot_latent_grid(images, [0, 1], [0, 1]))[0]
    np.testing.assert_array_equal(array[0, 0], [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(array[-1, 0], [0.0, 0.0, 0.0])


def test_grids_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="one for each column"):
        plot_latent_grid(lattice(2, 3), [0, 1], [0, 1])
    with pytest.raises(DataError, match=r"expected \(rows, cols, H, W, C\)"):
        plot_latent_grid(np.zeros((4, 2, 2, 1)), [0, 1], [0, 1])
    with pytest.raises(DataError, match="no latent grid"):
        plot_latent_grids([])


def test_the_users_settings_neither_change_the_figure_nor_are_changed() -> None:
    import matplotlib as mpl

    images = random_images(2, 8, 8, 1)
    expected = figure_png(plot(images, 1 - images), dpi=50)
    mine: Any = {"axes.facecolor": "black", "font.size": 30.0, "savefig.bbox": "tight"}
    with mpl.rc_context(mine):
        assert figure_png(plot(images, 1 - images), dpi=50) == expected
        assert {key: mpl.rcParams[key] for key in mine} == mine


@pytest.mark.slow
def test_the_nearest_training_image_stands_below_each_generated_one() -> None:
    images, nearest = random_images(14, 8, 8, 1), random_images(14, 8, 8, 1, seed=1)
    figure = plot_nearest(images, nearest)
    drawn = pictures(figure)
    assert len(drawn) == 4 * 12
    np.testing.assert_allclose(drawn[3], images[3, ..., 0])
    np.testing.assert_allclose(drawn[12 + 3], nearest[3, ..., 0])
    np.testing.assert_allclose(drawn[24 + 1], images[13, ..., 0])
    np.testing.assert_allclose(drawn[36 + 1], nearest[13, ..., 0])
    assert (drawn[24 + 2] == 1).all()  # nothing more to show
    assert words(figure).count("training image") == 2
    assert len(pictures(plot_nearest(images[:1], nearest[:1]))) == 2
    with pytest.raises(DataError, match="same shape"):
        plot_nearest(images, nearest[:3])


def test_an_interpolation_stands_between_its_originals() -> None:
    path, ends = random_images(4, 5, 5, 1), random_images(2, 5, 5, 1, seed=1)
    figure = plot_interpolation(path, ends, "linear")
    shown = np.stack(pictures(figure))
    np.testing.assert_array_equal(shown, np.concatenate([ends[:1], path, ends[1:]])[..., 0])
    assert sorted(words(figure)) == ["linear", "original", "original"]
    places = [text.get_position()[0] for text in figure.texts if text.get_text() == "original"]
    boxes = [axes.get_position() for axes in figure.axes]
    for place, box in zip(sorted(places), (boxes[0], boxes[-1]), strict=True):
        assert box.x0 < place < box.x1


def test_a_traversal_has_its_values_over_the_columns() -> None:
    values = np.array([[-1.5, 0.0, 1.5], [2.0, 2.25, 2.5]])
    figure = plot_traversal(random_images(2, 3, 5, 5, 1), ["z1", "z2"], values)
    expected = ["z1", "\N{MINUS SIGN}1.50", "0.00", "1.50", "z2", "2.00", "2.25", "2.50"]
    assert sorted(words(figure)) == sorted(expected)


@pytest.mark.parametrize("steps", [2, 7, 40, 200])
def test_words_over_columns_do_not_touch_and_stay_inside(steps: int) -> None:
    values = np.linspace(-12.5, 12.5, steps)[None]
    figures = [
        plot_traversal(random_images(1, steps, 4, 4, 1), ["z1"], values),
        plot_interpolation(random_images(steps, 4, 4, 1), random_images(2, 4, 4, 1), "linear"),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.texts]
        assert len(boxes) >= 3
        for number, box in enumerate(boxes):
            assert box.x0 >= 0
            assert box.x1 <= figure.bbox.width
            assert not any(box.overlaps(other) for other in boxes[:number])


def test_heads_that_do_not_fit_the_images_are_refused() -> None:
    with pytest.raises(DataError, match=r"heads have shape \(1, 2\); expected \(1, 3\)"):
        plot_image_rows(random_images(1, 3, 2, 2, 1), ["a"], heads=[["x", "y"]])


def test_long_labels_are_cut() -> None:
    images = random_images(10, 8, 8, 1)
    figure = plot(images, images, ["a name " * 40] * 10)
    assert figure.get_size_inches()[0] < 20
    assert "a name a name a\N{HORIZONTAL ELLIPSIS}" in words(figure)
