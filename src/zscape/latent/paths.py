"""Points in the latent space to decode: axes, lattices, ways from code to code, traversals.

Pure NumPy; no model is needed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zscape.errors import ConfigError, DataError

MAX_AXIS_VALUES = 200

MAX_PATH_CODES = 10_000
PATH_NEIGHBOURS = 15
PATH_POWER = 3
SMOOTHINGS = 10

# A step counts as dividing the range when it misses the far end by less than this share of
# a step. In binary 0.3 / 0.1 is 2.9999999999999996, and the user meant 3.
_STEP_TOLERANCE = 1e-6


def axis_values(low: float, high: float, step: float) -> NDArray[np.float64]:
    """Return `low`, `low + step`, ... up to `high`, both ends included; 200 values at most.

    When `step` does not divide the range, the last value is the largest below `high`.

    Example:
        >>> axis_values(-5, 5, 2.5)
        array([-5. , -2.5,  0. ,  2.5,  5. ])
    """
    low, high, step = float(low), float(high), float(step)
    for name, value in (("low", low), ("high", high), ("step", step)):
        if not math.isfinite(value):
            raise ConfigError(f"{name} is {value}; expected a finite number.")
    if low >= high:
        raise ConfigError(f"low is {low:g} and high is {high:g}; expected low below high.")
    if step <= 0:
        raise ConfigError(f"step is {step:g}; expected a positive number.")
    n_steps = (high - low) / step
    if n_steps + _STEP_TOLERANCE >= MAX_AXIS_VALUES:
        raise ConfigError(
            f"from {low:g} to {high:g} in steps of {step:g} is more than {MAX_AXIS_VALUES} values; "
            "choose a larger step or a smaller range."
        )
    n_whole = math.floor(n_steps + _STEP_TOLERANCE)
    values = low + step * np.arange(n_whole + 1, dtype=np.float64)
    # An axis through the origin shows 0, not 5.6e-17; its two ends stay as they were given.
    after = values[1:]
    after[np.abs(after) < step * _STEP_TOLERANCE] = 0.0
    if n_whole > 0 and abs(n_steps - n_whole) <= _STEP_TOLERANCE:
        values[-1] = high
    return values


def latent_grid(xs: NDArray[Any], ys: NDArray[Any]) -> NDArray[np.float32]:
    """Return the lattice of codes (rows, columns, 2) over z1 in `xs` and z2 in `ys`.

    `codes[i, j] = (xs[j], ys[i])`: with increasing `ys` row 0 is the lowest; draw it at the bottom.
    """
    z1, z2 = np.meshgrid(xs, ys, indexing="xy")  # each (rows, columns)
    return np.stack([z1, z2], axis=-1).astype(np.float32)


def data_range(
    codes: NDArray[Any], coverage: float = 0.99
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return low and high (d,), between which the central share of codes (N, d) lies.

    Quantiles, not extremes: a single far code does not stretch the range.
    """
    if not 0.0 < coverage <= 1.0:
        raise ConfigError(f"coverage is {coverage}; expected a share above 0 and at most 1.")
    checked = finite_codes(codes)
    tail = (1.0 - coverage) / 2.0
    low, high = np.quantile(checked, [tail, 1.0 - tail], axis=0)  # each (d,)
    return low, high


def linear_path(start: NDArray[Any], end: NDArray[Any], steps: int) -> NDArray[np.float32]:
    """Return codes (steps, d) on the straight line from `start` (d,) to `end`, both included."""
    shares = _shares(steps)
    points = np.outer(1 - shares, start) + np.outer(shares, end)
    return points.astype(np.float32)


def spherical_path(start: NDArray[Any], end: NDArray[Any], steps: int) -> NDArray[np.float32]:
    """Return codes (steps, d) that turn evenly from `start` (d,) to `end`, both included.

    The length of a code changes evenly too. In many dimensions the middle of a straight line is
    shorter than nearly all codes of a normal distribution; here it is not. Codes that point the
    same way, opposite ways or nowhere are joined by a straight line.

    References:
        Shoemake, Animating Rotation with Quaternion Curves, SIGGRAPH 1985; White, Sampling
        Generative Networks, 2016.
    """
    lengths = np.linalg.norm(start), np.linalg.norm(end)
    if min(lengths) == 0:
        return linear_path(start, end, steps)
    directions = start / lengths[0], end / lengths[1]
    angle = math.acos(min(1.0, max(-1.0, float(directions[0] @ directions[1]))))
    if math.sin(angle) < 1e-4:
        return linear_path(start, end, steps)
    shares = _shares(steps)
    turned = np.outer(np.sin((1 - shares) * angle), directions[0])
    turned += np.outer(np.sin(shares * angle), directions[1])
    along = (1 - shares) * lengths[0] + shares * lengths[1]
    points: NDArray[np.float64] = turned / math.sin(angle) * along[:, None]
    return points.astype(np.float32)


def density_path(
    start: NDArray[Any], end: NDArray[Any], codes: NDArray[Any], steps: int
) -> NDArray[np.float32]:
    """Return codes (steps, d) from `start` (d,) to `end` that stay where `codes` (N, d) are dense.

    The way goes from neighbour to neighbour among 10,000 codes at most, and a leap costs the cube
    of its length, so that many short ones through dense regions are cheaper than one over a hole.
    The corners are then rounded off, and the points spread evenly along it.

    References:
        Groisman, Jonckheere and Sapienza, Nonhomogeneous Euclidean First-Passage Percolation and
        Distance Learning, 2018 (Fermat distance).
    """
    from scipy.sparse.csgraph import dijkstra
    from sklearn.neighbors import kneighbors_graph

    shares = _shares(steps)
    codes = finite_codes(codes)
    chosen = np.random.default_rng(0).permutation(len(codes))[:MAX_PATH_CODES]
    points = np.concatenate([np.stack([start, end]), codes[chosen]])
    n_neighbours = min(PATH_NEIGHBOURS, len(points) - 1)
    graph = kneighbors_graph(points, n_neighbours, mode="distance")
    graph.data = np.maximum(graph.data, 1e-12) ** PATH_POWER  # 0 would mean no way at all
    _, before = dijkstra(graph, directed=False, indices=0, return_predecessors=True)
    if before[1] < 0:  # an island: there is no way but over the water
        return linear_path(start, end, steps)
    way = [1]
    while way[-1] != 0:
        way.append(int(before[way[-1]]))
    corners = points[way[::-1]]  # (n, d)
    for _ in range(SMOOTHINGS):
        corners[1:-1] = (corners[:-2] + 2 * corners[1:-1] + corners[2:]) / 4
    lengths = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    positions = np.concatenate([[0.0], np.cumsum(lengths)])
    at = shares * positions[-1]
    even = np.stack([np.interp(at, positions, column) for column in corners.T], axis=1)
    return even.astype(np.float32)


def traversal(
    codes: NDArray[Any], base: NDArray[Any], steps: int, *, max_directions: int = 10
) -> tuple[NDArray[np.float32], list[str]]:
    """Move one code along each latent direction, across the range where codes lie.

    The directions are the latent variables, or where those are more than `max_directions` the
    first principal directions of `codes` (N, d), of real images; their central 98 % is the range.
    Returns codes (directions, steps, d), `base` (d,) but for one direction at a time, and a name
    for each direction.
    """
    codes = finite_codes(codes)
    n_dims = codes.shape[1]
    if n_dims <= max_directions:
        directions, names = np.eye(n_dims), [f"z{j + 1}" for j in range(n_dims)]
    else:
        _, directions, shares = principal_directions(codes, max_directions)
        names = [f"direction {j}, {share:.0%}" for j, share in enumerate(shares, 1)]
    low, high = data_range(codes @ directions.T, coverage=0.98)  # each (directions,)
    positions = low[:, None] + np.outer(high - low, _shares(steps))  # (directions, steps)
    moves = positions - (directions @ base)[:, None]
    moved = base + moves[..., None] * directions[:, None]  # (directions, steps, d)
    return moved.astype(np.float32), names


def _shares(steps: int) -> NDArray[np.float64]:
    if not 2 <= steps <= MAX_AXIS_VALUES:
        raise ConfigError(f"steps is {steps}; expected 2 to {MAX_AXIS_VALUES}.")
    return np.linspace(0.0, 1.0, steps)


def principal_directions(
    codes: NDArray[np.float64], n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean (d,) of codes (N, d), unit directions (k, d), their shares of variance (k,).

    k is `n`, or N or d where that is less. The sign of a direction is arbitrary, so its entry of
    largest size is made positive: the same codes always give the same picture.
    """
    mean = codes.mean(axis=0)
    _, sizes, rows = np.linalg.svd(codes - mean, full_matrices=False)  # (k,), (k, d)
    shares = sizes**2 / max(float((sizes**2).sum()), 1e-30)
    largest = np.abs(rows).argmax(axis=1, keepdims=True)
    signs = np.sign(np.take_along_axis(rows, largest, axis=1))
    return mean, (rows * signs)[:n], shares[:n]


def finite_codes(codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return codes as float64 (N, d), N >= 1, d >= 1; DataError unless every value is finite."""
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.size == 0:
        raise DataError(
            f"codes have shape {codes.shape}; expected (N, d) with at least one code, "
            "as encode gives them."
        )
    codes = codes.astype(np.float64)
    n_bad = int(np.count_nonzero(~np.isfinite(codes).all(axis=1)))
    if n_bad:
        raise DataError(
            f"{n_bad} of {len(codes)} codes hold NaN or infinite values; expected finite numbers; "
            "leave these codes out, or train again with a lower learning rate."
        )
    return codes
