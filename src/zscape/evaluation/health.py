"""What codes say about the latent space: dimensions that carry nothing, little or nothing new."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.evaluation.codes import finite_codes, varies
from zscape.files import plain_json
from zscape.latent.paths import data_range

_MIN_CODES = 10
_COVERAGE = 0.99
_COLLAPSED = 0.01
_DUPLICATE = 0.99

if TYPE_CHECKING:
    Numbers = tuple[float, ...]
else:
    Numbers = tuple[float | None, ...]  # JSON files hold null for NaN


@dataclass(frozen=True)
class LatentHealth:
    """What the codes of many images say about the latent space.

    Dimensions are counted from 0 here, and written z1, z2, ... in warnings and in figures. With
    fewer than 10 finite codes no dimension is called dead, collapsed or duplicate.

    Attributes:
        n_codes: the codes looked at.
        n_not_finite: how many of them hold NaN or infinite values; these are left out below.
        mean: the mean of each dimension; NaN, like the next three, when no code is finite.
        std: the standard deviation of each dimension, over N.
        low: the 0.5 % quantile of each dimension, where the data begin.
        high: the 99.5 % quantile of each dimension, where the data end.
        dead: dimensions with the same value for every image.
        collapsed: dimensions with less than 1 % of the largest variance, dead ones left out.
        duplicate: pairs of dimensions with |correlation| > 0.99, which say the same twice.
        n_effective: how many dimensions the variance really fills, from 1 to d: the
            participation ratio (sum l)^2 / sum l^2 of the covariance's eigenvalues l (Gao et
            al., "A theory of multineuronal dimensionality, dynamics and measurement", 2017).
            0 without any variance.
    """

    n_codes: int
    n_not_finite: int
    mean: Numbers
    std: Numbers
    low: Numbers
    high: Numbers
    dead: tuple[int, ...]
    collapsed: tuple[int, ...]
    duplicate: tuple[tuple[int, int], ...]
    n_effective: float

    def warnings(self) -> list[str]:
        """Return a sentence for each thing that is wrong, with what to try; [] when healthy."""
        sentences = []
        if self.n_not_finite:
            sentences.append(
                f"{self.n_not_finite} of {self.n_codes} codes hold NaN or infinite values: check "
                "the images for such values, or train again with a lower learning rate."
            )
        n_finite = self.n_codes - self.n_not_finite
        if n_finite < _MIN_CODES:
            sentences.append(
                f"The latent space cannot be judged from {_count(n_finite, 'finite code')}: encode "
                f"{_MIN_CODES} images or more."
            )
        if self.dead:
            sentences.append(
                f"{_count(len(self.dead), 'dead dimension')} ({_names(self.dead)}), with the same "
                "value for every image: train with another seed, use the linear code activation "
                "if it is relu, or choose a smaller latent_dim."
            )
        if self.collapsed:
            sentences.append(
                f"{_count(len(self.collapsed), 'collapsed dimension')} ({_names(self.collapsed)}), "
                "with less than 1 % of the largest variance: train for more epochs, or choose a "
                "smaller latent_dim."
            )
        if self.duplicate:
            pairs = _listed([f"z{i + 1} and z{j + 1}" for i, j in self.duplicate])
            sentences.append(
                f"{_count(len(self.duplicate), 'duplicate pair')} of dimensions ({pairs}), with a "
                "correlation beyond 0.99: train with another seed, or choose a smaller latent_dim."
            )
        return sentences

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes and the warnings as plain JSON values, with None for NaN."""
        return {**plain_json(self), "warnings": self.warnings()}


def latent_health(codes: np.ndarray) -> LatentHealth:
    """Look for dimensions of the latent space that carry nothing, little or nothing new.

    Args:
        codes: shape (N, d). Codes that are not finite are counted and left out.
    """
    finite = finite_codes(codes)
    n_finite, latent_dim = finite.shape
    if n_finite == 0:
        n_codes, no = len(codes), (math.nan,) * latent_dim
        return LatentHealth(n_codes, n_codes, no, no, no, no, (), (), (), n_effective=0.0)

    mean = finite.mean(axis=0)
    centred = finite - mean
    covariance = centred.T @ centred / n_finite  # (d, d)
    variance = np.diag(covariance)
    std = np.sqrt(variance)
    low, high = data_range(finite, _COVERAGE)

    # From here on the covariance is that of the dimensions that are not dead.
    alive = np.flatnonzero(varies(finite))
    dead = np.setdiff1d(np.arange(latent_dim), alive)
    collapsed = alive[variance[alive] < _COLLAPSED * variance.max()]
    covariance = covariance[np.ix_(alive, alive)]
    correlation = covariance / np.outer(std[alive], std[alive])
    pairs = alive[np.argwhere(np.triu(np.abs(correlation) > _DUPLICATE, k=1))]
    judged = n_finite >= _MIN_CODES

    # The trace of a covariance is the sum of its eigenvalues, that of its square the sum of
    # their squares.
    squares = float(np.sum(covariance**2))
    return LatentHealth(
        n_codes=len(codes),
        n_not_finite=len(codes) - n_finite,
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        dead=tuple(dead.tolist()) if judged else (),
        collapsed=tuple(collapsed.tolist()) if judged else (),
        duplicate=tuple((int(i), int(j)) for i, j in pairs) if judged else (),
        n_effective=float(np.trace(covariance) ** 2 / squares) if squares > 0 else 0.0,
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _names(dimensions: Sequence[int]) -> str:
    return _listed([f"z{index + 1}" for index in dimensions])


def _listed(names: list[str], limit: int = 8) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
