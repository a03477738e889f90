"""Axes, lattices and ranges in the latent space."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zscape.errors import ConfigError, DataError
from zscape.latent import axis_values, data_range, latent_grid


def test_tutorial_axis_has_both_ends() -> None:
    assert axis_values(-5, 5, 1.0).tolist() == [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0.0, 0.3, 0.1, [0.0, 0.1, 0.2, 0.3]),  # 0.3 / 0.1 is just below 3
        (-0.3, 0.3, 0.1, [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]),
        (0.0, 1.0, 0.4, [0.0, 0.4, 0.8]),
        (2.0, 2.5, 3.0, [2.0]),
        (0.0, 1.0, 1.0, [0.0, 1.0]),
    ],
)
def test_axis_values(low: float, high: float, step: float, expected: list[float]) -> None:
    values = axis_values(low, high, step)
    assert values.shape == (len(expected),)
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


def test_axis_through_the_origin_holds_zero_itself() -> None:
    assert axis_values(-0.3, 0.3, 0.1)[3] == 0.0


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
