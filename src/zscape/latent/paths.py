"""Points in the latent space to decode: axes, lattices, and the range where codes lie.

Pure NumPy; no model is needed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zscape.errors import ConfigError, DataError

MAX_AXIS_VALUES = 200

# A step counts as dividing the range when it misses the far end by less than this share of
# a step. In binary 0.3 / 0.1 is 2.9999999999999996, and the user meant 3.
_STEP_TOLERANCE = 1e-6


def axis_values(low: float, high: float, step: float) -> NDArray[np.float64]:
    """Return `low`, `low + step`, ... up to `high`, both ends included.

    When `step` does not divide the range, the last value is the largest below `high`.

    Args:
        low: the first value.
        high: the bound that no value exceeds; the last value when `step` divides the range.
        step: the distance between neighbours, positive.

    Returns:
        Increasing values, shape (n,), 1 <= n <= 200.

    Raises:
        ConfigError: a number is not finite, the range is empty, the step is not positive, or
            there would be more than 200 values.

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
    """Return the lattice of two-dimensional codes over two axes.

    Args:
        xs: first coordinates z1, shape (columns,).
        ys: second coordinates z2, shape (rows,).

    Returns:
        Codes of shape (rows, columns, 2), `codes[i, j] = (xs[j], ys[i])`. Rows follow `ys`, so
        with increasing values row 0 is the lowest: draw it at the bottom.
    """
    z1, z2 = np.meshgrid(xs, ys, indexing="xy")  # each (rows, columns)
    return np.stack([z1, z2], axis=-1).astype(np.float32)


def data_range(
    codes: NDArray[Any], coverage: float = 0.99
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return, for each dimension, the central interval that holds a share of the codes.

    Quantiles, not extremes: a single far code does not stretch the range. `low` equals `high`
    in a dimension where every code is the same.

    Args:
        codes: shape (N, d), finite.
        coverage: the share of codes inside each interval, above 0 and at most 1.

    Returns:
        `(low, high)`, each of shape (d,).

    Raises:
        ConfigError: the coverage is out of its range.
        DataError: there are no codes, or some are not finite.
    """
    if not 0.0 < coverage <= 1.0:
        raise ConfigError(f"coverage is {coverage}; expected a share above 0 and at most 1.")
    checked = finite_codes(codes)
    tail = (1.0 - coverage) / 2.0
    low, high = np.quantile(checked, [tail, 1.0 - tail], axis=0)  # each (d,)
    return low, high


def finite_codes(codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return codes as float64 (N, d), N >= 1, d >= 1, every value finite.

    Raises:
        DataError: the codes do not have that form.
    """
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
