"""Densities of codes: learned from the codes of real images, then drawn from; one module for each.

A decoder makes good images from codes like those it was trained on. A density describes those:
`fit(codes)`, then `sample(n, seed)` and `log_prob(codes)`.

Example:
    >>> density = fit_density("gmm", model.encode(images))
    >>> new = model.decode(density.sample(16, seed=0))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from zscape.errors import ConfigError, DataError, RunError
from zscape.files import write_arrays
from zscape.latent.paths import finite_codes
from zscape.npz import load_arrays
from zscape.registry import Registry


class Density(ABC):
    """The base class of all densities: a distribution of codes (N, d); see `docs/extend.md`.

    Attributes:
        learned: names of the attributes that `fit` sets, arrays or numbers. They go to a file and
            come back from it.
        needs_codes: whether there is anything to learn from codes; if not, `fit` looks at the
            number of dimensions only.
        of_indices: whether it is fitted to the code indices of discrete codes instead of codes.
    """

    learned: ClassVar[tuple[str, ...]] = ()
    needs_codes: ClassVar[bool] = True
    of_indices: ClassVar[bool] = False

    @abstractmethod
    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        """Learn from codes (N, d); `seed` decides where there is a choice.

        Raises:
            DataError: there are no codes, or some are not finite.
        """

    @abstractmethod
    def sample(self, n: int, seed: int = 0) -> NDArray[Any]:
        """Draw codes (n, d)."""

    @abstractmethod
    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Return the logarithm of the density at codes (N, d), in nats, shape (N,)."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that was learned, for `from_arrays`."""
        return {name: np.asarray(getattr(self, name)) for name in self.learned}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes that some of what was learned must have, by name, to fit the rest."""
        return {}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the density that `arrays` describes; ValueError if they do not fit together."""
        density = cls()
        for name in cls.learned:
            value = arrays[name]
            setattr(density, name, value if value.ndim else value.item())
        for name, shape in density.shapes().items():
            if np.shape(arrays[name]) != shape:
                raise ValueError(f"{name} has shape {np.shape(arrays[name])}, not {shape}")
        return density


DENSITIES: Registry[Density] = Registry("density", "zscape.latent.densities", base=Density)
register_density = DENSITIES.register


def density_class(name: str, prior: str | None = None) -> type[Density]:
    """Return the class of a density; the name `prior` stands for the one of the bottleneck."""
    if name == "prior" and prior is None:
        raise ConfigError(
            "this run has no prior to draw from: its bottleneck does not ask where codes lie. "
            "Choose a density that is fitted, such as gmm."
        )
    try:
        return DENSITIES[prior if name == "prior" and prior is not None else name]
    except ConfigError as error:
        expected = ", ".join(("prior", *DENSITIES.names()))
        raise ConfigError(f"density is {name!r}; expected one of {expected}.") from error


def fit_density(
    name: str, codes: NDArray[Any], *, prior: str | None = None, seed: int = 0
) -> Density:
    """Fit a density to codes (N, d) of real images, or one `of_indices` to code indices.

    The name is one of `DENSITIES`, or `prior` for the density named by the argument `prior`.
    """
    return density_class(name, prior)().fit(codes, seed)


def save_density(density: Density, path: Path) -> None:
    """Write a density to a `.npz` file, atomically."""
    write_arrays(path, density.arrays())


def load_density(name: str, path: Path, *, prior: str | None = None) -> Density:
    """Read what `save_density` wrote of the density `name`; see `fit_density`."""
    try:
        arrays = load_arrays(path)
        for key, values in arrays.items():
            is_good = values.dtype.kind in "biuf" and values.size and np.isfinite(values).all()
            if not is_good:
                raise ValueError(f"{key} is empty, or has others than finite numbers")
        return density_class(name, prior).from_arrays(arrays)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged ({error}); delete it, and it will be made again."
        ) from error


def moments(codes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation, each (d,); 1 for a dimension that never changes."""
    scale = codes.std(axis=0)
    return codes.mean(axis=0), np.where(scale > 0, scale, 1.0)


def positive_count(n: int) -> int:
    """Return n, the number of codes to draw; ConfigError when below 1."""
    if n < 1:
        raise ConfigError(f"n is {n}; expected 1 or more.")
    return n


def matching_codes(codes: NDArray[Any], n_dims: int) -> NDArray[np.float64]:
    """Return codes as float64; DataError unless they are finite and (N, n_dims)."""
    checked = finite_codes(codes)
    if checked.shape[1] != n_dims:
        raise DataError(f"codes have shape {checked.shape}; this density is of (N, {n_dims}).")
    return checked
