"""Axes, lattices and ranges in the latent space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zscape.errors import ConfigError, DataError
from zscape.latent.paths import (
    axis_values,
    data_range,
    density_path,
    latent_grid,
    linear_path,
    spherical_path,
    traversal,
)


def test_tutorial_axis_has_both_ends() -> None:
    assert axis_values(-5, 5, 1.0).tolist() == [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0.0, 0.3, 0.1, [0.0, 0.1, 0.2, 0.3]),  # 0.3 / 0.1 is just below 3
        (-0.3, 0.3, 0.1, [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]),
        (0.0, 1.0, 0.4, [0.0, 0.4, 0.8]),
        (2.0, 2.5, 3.0, [2.0]),
        (2.0, 2.0 + 1e-7, 1.0, [2.0]),
        (0.0, 1.0, 1.0, [0.0, 1.0]),
    ],
)
def test_axis_values(low: float, high: float, step: float, expected: list[float]) -> None:
    values = axis_values(low, high, step)
    assert values.shape == (len(expected),)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


def test_axis_through_the_origin_holds_zero_itself() -> None:
    assert axis_values(-0.3, 0.3, 0.1)[3] == 0.0
    assert axis_values(-(0.1 + 0.2), 0.6, 0.3)[1] == 0.0


@given(
    low=st.floats(-1000, 1000),
    step=st.floats(0.001, 100),
    n_steps=st.integers(1, 199),
)
def test_axis_ends_exactly_where_asked_when_the_step_divides(
    low: float, step: float, n_steps: int
) -> None:
    high = low + n_steps * step
    values = axis_values(low, high, step)
    assert len(values) == n_steps + 1
    assert values[-1] == high
    np.testing.assert_allclose(np.diff(values), step, rtol=1e-5)


@given(
    low=st.floats(-1000, 1000),
    width=st.floats(0.01, 1000),
    parts=st.floats(0.1, 198),
)
def test_axis_never_leaves_the_range_nor_stops_early(
    low: float, width: float, parts: float
) -> None:
    high, step = low + width, width / parts
    values = axis_values(low, high, step)
    assert values[0] == low
    assert values[-1] <= high
    assert high - values[-1] <= step * (1 + 1e-5)
    assert np.all(np.diff(values) > 0)


@pytest.mark.parametrize(
    ("low", "high", "step", "words"),
    [
        (1.0, 1.0, 0.1, "low below high"),
        (2.0, 1.0, 0.1, "low below high"),
        (0.0, 1.0, 0.0, "positive"),
        (0.0, 1.0, -0.5, "positive"),
        (float("nan"), 1.0, 0.5, "low is nan"),
        (0.0, float("inf"), 0.5, "high is inf"),
        (0.0, 1.0, float("nan"), "step is nan"),
        (0.0, 200.0, 1.0, "more than 200 values"),
        (0.0, 1.0, 5e-324, "more than 200 values"),
        (-1.7e308, 1.7e308, 1.0, "more than 200 values"),
    ],
)
def test_bad_axis_is_one_clear_line(low: float, high: float, step: float, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        axis_values(low, high, step)
    assert "\n" not in str(caught.value)


def test_two_hundred_values_are_allowed() -> None:
    assert len(axis_values(0.0, 199.0, 1.0)) == 200


@given(
    xs=st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=6),
    ys=st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=6),
)
def test_grid_holds_x_along_columns_and_y_along_rows(xs: list[float], ys: list[float]) -> None:
    grid = latent_grid(np.array(xs), np.array(ys))
    assert grid.shape == (len(ys), len(xs), 2)
    assert grid.dtype == np.float32
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            assert grid[i, j].tolist() == [x, y]


def test_data_range_is_the_central_share() -> None:
    codes = np.stack([np.arange(1001.0), -2 * np.arange(1001.0)], axis=1)
    low, high = data_range(codes)
    np.testing.assert_allclose(low, [5, -1990], atol=1e-9)
    np.testing.assert_allclose(high, [995, -10], atol=1e-9)


def test_whole_coverage_is_minimum_to_maximum() -> None:
    codes = np.random.default_rng(0).normal(size=(50, 3))
    low, high = data_range(codes, coverage=1.0)
    np.testing.assert_array_equal(low, codes.min(axis=0))
    np.testing.assert_array_equal(high, codes.max(axis=0))


def test_range_of_one_code_is_that_code() -> None:
    low, high = data_range(np.array([[3.0, -1.0]]))
    assert low.tolist() == high.tolist() == [3.0, -1.0]


@pytest.mark.parametrize("coverage", [0.0, -0.5, 1.5, float("nan")])
def test_bad_coverage(coverage: float) -> None:
    with pytest.raises(ConfigError, match="coverage"):
        data_range(np.zeros((3, 2)), coverage=coverage)


@pytest.mark.parametrize(
    "codes", [np.zeros((0, 2)), np.zeros((3, 0)), np.zeros(3), np.full((2, 2), np.nan)]
)
def test_range_of_bad_codes(codes: np.ndarray) -> None:
    with pytest.raises(DataError, match="codes"):
        data_range(codes)


# --- ways from code to code ---


@pytest.mark.parametrize("way", [linear_path, spherical_path])
def test_a_way_begins_and_ends_where_it_should(way: Any) -> None:
    start, end = np.array([1.0, 2.0, -1.0]), np.array([-3.0, 0.5, 2.0])
    points = way(start, end, 7)
    assert points.shape == (7, 3)
    assert points.dtype == np.float32
    np.testing.assert_allclose(points[[0, -1]], [start, end], atol=1e-6)


def test_the_straight_way_has_even_steps() -> None:
    points = linear_path(np.zeros(2), np.array([4.0, -8.0]), 5)
    np.testing.assert_allclose(points, np.outer(np.arange(5), [1, -2]))


def test_the_spherical_way_turns_evenly_and_keeps_the_length() -> None:
    points = spherical_path(np.array([2.0, 0.0]), np.array([0.0, 2.0]), 4)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 2, rtol=1e-6)
    angles = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    np.testing.assert_allclose(angles, [0, 30, 60, 90], atol=1e-4)
    longer = spherical_path(np.array([2.0, 0.0]), np.array([0.0, 6.0]), 5)
    np.testing.assert_allclose(np.linalg.norm(longer, axis=1), [2, 3, 4, 5, 6], rtol=1e-6)


@pytest.mark.parametrize("end", [[3.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_the_spherical_way_is_straight_where_nothing_turns(end: list[float]) -> None:
    start = np.array([1.0, 0.0])
    points = spherical_path(start, np.array(end), 5)
    np.testing.assert_allclose(points, linear_path(start, np.array(end), 5), atol=1e-6)


def test_the_spherical_way_is_straight_between_multiples_of_a_code() -> None:
    for start in np.random.default_rng(0).normal(size=(100, 3)):  # rounding: cosines beyond 1
        for factor in (-2, 3):
            points = spherical_path(start, factor * start, 3)
            np.testing.assert_allclose(points, linear_path(start, factor * start, 3), rtol=1e-5)


def half_ring() -> np.ndarray:
    """Return codes in the upper half of a ring of radius 5; straight on is a hole."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, np.pi, 2000)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.normal(5, 0.2, (2000, 1))


def test_the_dense_way_goes_around_a_hole() -> None:
    codes = half_ring()
    start, end = np.array([-5.0, 0.0]), np.array([5.0, 0.0])
    points = density_path(start, end, codes, 9)
    np.testing.assert_allclose(points[[0, -1]], [start, end], atol=1e-5)
    assert (np.abs(np.linalg.norm(points, axis=1) - 5) < 0.8).all()
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert lengths.max() < 1.2 * lengths.min()


def test_the_dense_way_does_not_depend_on_the_scale() -> None:
    codes, start, end = half_ring(), np.array([-5.0, 0.0]), np.array([5.0, 0.0])
    small = density_path(start / 64, end / 64, codes / 64, 9)
    np.testing.assert_allclose(64 * small, density_path(start, end, codes, 9), rtol=1e-5, atol=1e-5)


def test_the_dense_way_reaches_codes_that_are_nobodys_neighbour() -> None:
    start, end = np.array([-5.0, 0.0]), np.array([7.0, 0.0])  # the ring ends at 5
    for way in (density_path(start, end, half_ring(), 9), density_path(end, start, half_ring(), 9)):
        assert np.linalg.norm(way, axis=1).min() > 4


def test_the_dense_way_through_few_codes() -> None:
    start, end = np.array([-1.0, 0.0]), np.array([1.0, 0.0])
    points = density_path(start, end, np.array([[0.0, 0.0]]), 5)
    np.testing.assert_allclose(points, linear_path(start, end, 5), atol=1e-6)


def test_the_dense_way_between_islands_is_straight() -> None:
    rng = np.random.default_rng(0)
    codes = np.concatenate([rng.normal(size=(50, 2)), rng.normal(100, 1, (50, 2))])
    start, end = np.zeros(2), np.full(2, 100.0)
    points = density_path(start, end, codes, 3)
    np.testing.assert_allclose(points, linear_path(start, end, 3))


@pytest.mark.parametrize("steps", [2, 200])
def test_a_way_has_two_to_two_hundred_points(steps: int) -> None:
    assert len(linear_path(np.zeros(2), np.ones(2), steps)) == steps


@pytest.mark.parametrize("steps", [-1, 0, 1, 201])
def test_a_way_has_two_points_at_least(steps: int) -> None:
    codes = np.ones((9, 2))
    for way in (
        lambda: linear_path(codes[0], codes[1], steps),
        lambda: spherical_path(codes[0], codes[1], steps),
        lambda: density_path(codes[0], codes[1], codes, steps),
        lambda: traversal(codes, codes[0], steps),
    ):
        with pytest.raises(ConfigError, match=f"steps is {steps}; expected 2 to 200"):
            way()


# --- traversals ---


def test_a_traversal_moves_one_variable_at_a_time_over_the_range_of_the_codes() -> None:
    rng = np.random.default_rng(0)
    codes = rng.uniform(-1, 1, (5000, 3)) * [1, 10, 0.1]
    base = np.array([5.0, 6.0, 7.0])
    moved, names = traversal(codes, base, 5)
    assert names == ["z1", "z2", "z3"]
    assert moved.shape == (3, 5, 3)
    for j, top in enumerate((1, 10, 0.1)):
        np.testing.assert_allclose(moved[j, :, j], np.linspace(-top, top, 5), atol=0.05 * top)
        others = [k for k in range(3) if k != j]
        np.testing.assert_allclose(moved[j][:, others], np.tile(base[others], (5, 1)))


def test_a_traversal_of_many_dimensions_follows_the_principal_directions() -> None:
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(12, 12)))
    spreads = np.array([8.0, 4.0, *[0.1] * 10])
    codes = rng.normal(size=(4000, 12)) * spreads @ basis.T
    moved, names = traversal(codes, np.zeros(12), 3, max_directions=4)
    assert len(names) == len(moved) == 4
    shares = spreads**2
    assert [name.split(", ")[0] for name in names] == [f"direction {j}" for j in range(1, 5)]
    found = [int(name.split(", ")[1].rstrip("%")) for name in names]
    assert found == pytest.approx(100 * shares[:4] / shares.sum(), abs=3)
    way = moved[0, -1] - moved[0, 0]
    assert abs(way @ basis[:, 0]) == pytest.approx(np.linalg.norm(way), rel=1e-3)
    assert np.linalg.norm(way) == pytest.approx(2 * 2.326 * 8, rel=0.1)  # from 1 % to 99 %


def test_a_traversal_has_ten_directions_at_most_if_not_told_otherwise() -> None:
    codes = np.random.default_rng(0).normal(size=(50, 11))
    moved, names = traversal(codes[:, :10], np.zeros(10), 2)
    assert names == [f"z{j}" for j in range(1, 11)]
    moved, names = traversal(codes, np.zeros(11), 2)
    assert moved.shape == (10, 2, 11)
    assert names[9].startswith("direction 10, ")


def test_the_shares_of_directions_do_not_depend_on_the_scale() -> None:
    codes = np.random.default_rng(0).normal(size=(50, 12))
    assert traversal(codes, codes[0], 2)[1] == traversal(codes / 1024, codes[0], 2)[1]
    moved, names = traversal(np.ones((50, 12)), np.ones(12), 2)
    assert names[0] == "direction 1, 0%"
    np.testing.assert_allclose(moved, 1, atol=1e-6)
