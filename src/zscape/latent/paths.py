"""Points in the latent space to decode: axes, lattices, paths between codes, traversals."""

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
    """Return `low`, `low + step`, ... up to `high`, (n,); ConfigError for more than 200 values.

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
    """Return the codes (rows, columns, 2) over two axes, `codes[i, j] = (xs[j], ys[i])`.

    Rows follow `ys`, so with increasing values row 0 is the lowest: draw it at the bottom.
    """
    z1, z2 = np.meshgrid(xs, ys, indexing="xy")  # each (rows, columns)
    return np.stack([z1, z2], axis=-1).astype(np.float32)


def data_range(
    codes: NDArray[Any], coverage: float = 0.99
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends, each (d,), of the central interval with a share of the codes (N, d).

    Quantiles, not extremes: a single far code does not stretch the range. `low` equals `high`
    in a dimension where every code is the same.
    """
    if not 0.0 < coverage <= 1.0:
        raise ConfigError(f"coverage is {coverage}; expected a share above 0 and at most 1.")
    tail = (1.0 - coverage) / 2.0
    low, high = np.quantile(finite_codes(codes), [tail, 1.0 - tail], axis=0)  # each (d,)
    return low, high


def linear_path(start: NDArray[Any], end: NDArray[Any], steps: int) -> NDArray[np.float32]:
    """Return codes (steps, d) on the straight line from `start` (d,) to `end`, both included."""
    shares = _shares(steps)
    return (np.outer(1 - shares, start) + np.outer(shares, end)).astype(np.float32)


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
    first, last = start / lengths[0], end / lengths[1]
    angle = math.acos(float(np.clip(first @ last, -1.0, 1.0)))
    if math.sin(angle) < 1e-4:
        return linear_path(start, end, steps)
    shares = _shares(steps)
    turned = np.outer(np.sin((1 - shares) * angle), first)
    turned += np.outer(np.sin(shares * angle), last)
    along = (1 - shares) * lengths[0] + shares * lengths[1]
    return np.asarray(turned / math.sin(angle) * along[:, None], np.float32)


def density_path(
    start: NDArray[Any], end: NDArray[Any], codes: NDArray[Any], steps: int
) -> NDArray[np.float32]:
    """Return codes (steps, d) from `start` (d,) to `end` that stay where `codes` (N, d) are dense.

    The way goes from neighbour to neighbour among the codes, and a leap costs the cube of its
    length, so that many short ones through dense regions are cheaper than one over a hole. The
    corners are then rounded off, and the points spread evenly along it. At most 10,000 of the
    codes (N, d) are used.

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
    graph = kneighbors_graph(points, min(PATH_NEIGHBOURS, len(points) - 1), mode="distance")
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
    even = [np.interp(shares * positions[-1], positions, column) for column in corners.T]
    return np.stack(even, axis=1).astype(np.float32)


def traversal(
    codes: NDArray[Any], base: NDArray[Any], steps: int, *, max_directions: int = 10
) -> tuple[NDArray[np.float32], list[str]]:
    """Move the code `base` (d,) along each latent direction, across the range of codes (N, d).

    The directions are the latent variables, or where those are more than `max_directions` the
    first principal directions of the codes; the central 98 % of the codes is the range.

    Returns codes (directions, steps, d), and a name for each direction.
    """
    codes = finite_codes(codes)
    n_dims = codes.shape[1]
    if n_dims <= max_directions:
        directions, names = np.eye(n_dims), [f"z{j + 1}" for j in range(n_dims)]
    else:
        _, sizes, rows = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
        shares = sizes**2 / max(float((sizes**2).sum()), 1e-30)
        directions, shares = rows[:max_directions], shares[:max_directions]
        names = [f"direction {j + 1}, {share:.0%}" for j, share in enumerate(shares)]
    low, high = data_range(codes @ directions.T, coverage=0.98)  # each (directions,)
    positions = low[:, None] + np.outer(high - low, _shares(steps))  # (directions, steps)
    moves = positions - (directions @ base)[:, None]
    moved = base + moves[..., None] * directions[:, None]  # (directions, steps, d)
    return moved.astype(np.float32), names


def _shares(steps: int) -> NDArray[np.float64]:
    if not 2 <= steps <= MAX_AXIS_VALUES:
        raise ConfigError(f"steps is {steps}; expected 2 to {MAX_AXIS_VALUES}.")
    return np.linspace(0.0, 1.0, steps)


def finite_codes(codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return codes as float64 (N, d), N and d at least 1; DataError unless all are finite."""
    codes = np.asarray(codes)
    if codes.ndim != 2 or codes.size == 0:
        raise DataError(
            f"codes have shape {codes.shape}; expected (N, d) with at least one code, "
            "as encode gives them."
        )
    codes = codes.astype(np.float64)
    if n_bad := int(np.count_nonzero(~np.isfinite(codes).all(axis=1))):
        raise DataError(
            f"{n_bad} of {len(codes)} codes hold NaN or infinite values; expected finite numbers; "
            "leave these codes out, or train again with a lower learning rate."
        )
    return codes
