"""Densities of codes: learned from the codes of real images, then drawn from.

A decoder makes good images from codes like those it was trained on. A density says which those
are: `fit(codes)`, then `sample(n, seed)` and `log_prob(codes)`.

Example:
    >>> density = fit_density("gmm", model.encode(images))
    >>> new = model.decode(density.sample(16, seed=0))
"""

from __future__ import annotations

import math
import zipfile
import zlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from zscape.errors import ConfigError, DataError, RunError
from zscape.files import write_arrays
from zscape.latent.paths import finite_codes

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

FITTED: tuple[str, ...] = ("normal", "gmm", "kde", "flow")

N_COMPONENTS = 256
CODES_PER_COMPONENT = 200  # with fewer, unseen codes become less likely
MAX_KERNELS = 10_000
N_HELD_OUT = 1000
BANDWIDTHS = np.geomspace(0.02, 1.0, 18)  # in standard deviations


class Density(ABC):
    """A distribution of codes (N, d)."""

    name: ClassVar[str]

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

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all that was learned, for `from_arrays`."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the density that `arrays` describes."""


class NormalPrior(Density):
    """The standard normal distribution, which bottlenecks with that prior aim at; not learned."""

    name = "prior"

    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        """Note the number of dimensions of codes (N, d)."""
        self.n_dims = finite_codes(codes).shape[1]
        return self

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        """Draw codes (n, d)."""
        draws = np.random.default_rng(seed).standard_normal((positive_count(n), self.n_dims))
        return draws.astype(np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Return the log density at codes (N, d), in nats."""
        squares = np.square(matching_codes(codes, self.n_dims)).sum(axis=1)
        result: NDArray[np.float64] = -0.5 * (squares + self.n_dims * math.log(2 * math.pi))
        return result

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the number of dimensions."""
        return {"n_dims": np.array(self.n_dims)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the density."""
        density = cls()
        density.n_dims = int(arrays["n_dims"])
        return density


class SpherePrior(NormalPrior):
    """The uniform distribution on the sphere of radius sqrt(d); not learned."""

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        """Draw codes (n, d)."""
        draws = super().sample(n, seed)
        lengths = np.linalg.norm(draws, axis=1, keepdims=True)
        return np.asarray(draws / lengths * math.sqrt(self.n_dims), dtype=np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Return the log density on the sphere; where a code is off it does not matter."""
        d, n = self.n_dims, len(matching_codes(codes, self.n_dims))
        log_area = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)
        return np.full(n, -log_area - (d - 1) / 2 * math.log(d))


class Mixture(Density):
    """A mixture of normal distributions with full covariances, by expectation maximisation.

    Args:
        n_components: how many at most; fewer when there are few codes.
    """

    name = "gmm"

    def __init__(self, n_components: int = N_COMPONENTS) -> None:
        self.n_components = n_components

    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        """Learn from codes (N, d)."""
        from sklearn.mixture import GaussianMixture

        codes = finite_codes(codes)
        n_components = max(1, min(self.n_components, len(codes) // CODES_PER_COMPONENT))
        # In units of the spread of the codes: the floor under variances means the same for all.
        self._shift, self._scale = moments(codes)
        self._mixture = GaussianMixture(
            # The last steps take most of the time and change the draws little.
            n_components,
            reg_covar=1e-5,
            tol=1e-2,
            max_iter=200,
            random_state=seed,
        ).fit(_at_least_two((codes - self._shift) / self._scale))
        return self

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        """Draw codes (n, d)."""
        self._mixture.random_state = seed
        draws, _ = self._mixture.sample(positive_count(n))
        order = np.random.default_rng(seed).permutation(n)  # they come sorted by component
        return np.asarray(draws[order] * self._scale + self._shift, dtype=np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Return the log density at codes (N, d), in nats."""
        scaled = (matching_codes(codes, len(self._shift)) - self._shift) / self._scale
        values: NDArray[np.float64] = self._mixture.score_samples(scaled)
        return values - float(np.log(self._scale).sum())

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return weights, means, covariances, and the scale they are in."""
        fitted = self._mixture
        return {
            "weights": fitted.weights_,
            "means": fitted.means_,
            "covariances": fitted.covariances_,
            "shift": self._shift,
            "scale": self._scale,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the density."""
        density = cls()
        density._shift, density._scale = arrays["shift"], arrays["scale"]
        density._mixture = _mixture(*(arrays[name] for name in ("weights", "means", "covariances")))
        return density


class Normal(Mixture):
    """One normal distribution with a full covariance."""

    name = "normal"

    def __init__(self) -> None:
        super().__init__(n_components=1)


class Kernels(Density):
    """A small round normal distribution at every code, after the codes were made round.

    The width is the one under which held-out codes are likeliest.

    References:
        Rosenblatt, Remarks on Some Nonparametric Estimates of a Density Function, 1956;
        Duin, On the Choice of Smoothing Parameters for Parzen Estimators, 1976 (held-out codes).
    """

    name = "kde"

    def fit(self, codes: NDArray[Any], seed: int = 0) -> Self:
        """Learn from codes (N, d); at most 10,000 of them are kept."""
        from sklearn.neighbors import KernelDensity

        codes = finite_codes(codes)
        order = np.random.default_rng(seed).permutation(len(codes))
        self._shift = codes.mean(axis=0)
        self._factor = _spread(codes)  # (d, d): round codes times it are as wide as the codes
        round_codes = np.linalg.solve(self._factor, (codes - self._shift).T).T
        n_held_out = min(N_HELD_OUT, len(codes) // 5)
        held_out = round_codes[order[:n_held_out]]
        self._codes = round_codes[order[n_held_out:][:MAX_KERNELS]]
        likelihoods = [
            KernelDensity(bandwidth=width).fit(self._codes).score(held_out) if n_held_out else 0.0
            for width in BANDWIDTHS
        ]
        self._width = float(BANDWIDTHS[int(np.argmax(likelihoods))])
        return self

    def sample(self, n: int, seed: int = 0) -> NDArray[np.float32]:
        """Draw codes (n, d)."""
        rng = np.random.default_rng(seed)
        centres = self._codes[rng.integers(len(self._codes), size=positive_count(n))]
        draws = centres + rng.normal(scale=self._width, size=centres.shape)
        return np.asarray(draws @ self._factor.T + self._shift, dtype=np.float32)

    def log_prob(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Return the log density at codes (N, d), in nats."""
        from sklearn.neighbors import KernelDensity

        centred = matching_codes(codes, len(self._shift)) - self._shift
        kernels = KernelDensity(bandwidth=self._width).fit(self._codes)
        result: NDArray[np.float64] = kernels.score_samples(
            np.linalg.solve(self._factor, centred.T).T
        )
        return result - float(np.linalg.slogdet(self._factor)[1])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the codes, their width, and what made them round."""
        return {
            "codes": self._codes,
            "width": np.array(self._width),
            "shift": self._shift,
            "factor": self._factor,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Rebuild the density."""
        density = cls()
        density._codes, density._width = arrays["codes"], float(arrays["width"])
        density._shift, density._factor = arrays["shift"], arrays["factor"]
        return density


def density_class(name: str, prior: str | None = None) -> type[Density]:
    """Return the class of a density.

    Args:
        name: `prior`, `normal`, `gmm`, `kde` or `flow`.
        prior: what the bottleneck aims at, `normal`, `sphere` or `autoregressive`; for `prior`
            only.

    Raises:
        ConfigError: the name is unknown, or there is no prior.
    """
    from zscape.latent.autoregressive import Autoregressive
    from zscape.latent.flow import Flow

    classes: dict[str, type[Density]] = {
        "normal": Normal,
        "gmm": Mixture,
        "kde": Kernels,
        "flow": Flow,
    }
    priors: dict[str | None, type[Density]] = {
        "normal": NormalPrior,
        "sphere": SpherePrior,
        "autoregressive": Autoregressive,
    }
    if name not in ("prior", *FITTED):
        expected = ", ".join(("prior", *FITTED))
        raise ConfigError(f"density is {name!r}; expected one of {expected}.")
    if name == "prior":
        if prior not in priors:
            raise ConfigError(
                "this run has no prior to draw from: its bottleneck does not ask where codes lie. "
                f"Choose a density that is fitted: {', '.join(FITTED)}."
            )
        return priors[prior]
    return classes[name]


def fit_density(
    name: str, codes: NDArray[Any], *, prior: str | None = None, seed: int = 0
) -> Density:
    """Fit a density to codes (N, d) of real images.

    Args:
        name: `normal`; `gmm`, a mixture of normal distributions; `kde`, a kernel at every code;
            `flow`, a normalising flow; or `prior`, which is fitted where it is autoregressive
            only.
        codes: (N, d), finite; for an autoregressive prior the symbols of codes.
        prior: what the bottleneck aims at; for `prior` only.
        seed: decides where there is a choice.

    Raises:
        ConfigError: the name is unknown, or there is no prior.
        DataError: there are no codes, or some are not finite.
    """
    return density_class(name, prior)().fit(codes, seed)


def save_density(density: Density, path: Path) -> None:
    """Write a density to a `.npz` file, atomically.

    Raises:
        OSError: the file cannot be written.
    """
    write_arrays(path, density.arrays())


def load_density(name: str, path: Path, *, prior: str | None = None) -> Density:
    """Read what `save_density` wrote of the density `name`.

    Raises:
        RunError: the file is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        return density_class(name, prior).from_arrays(arrays)
    except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path} is damaged ({error}); delete it, and it will be made again."
        ) from error


def weight_arrays(network: Any) -> dict[str, NDArray[Any]]:
    """Return the weights of a Keras model by names that sort in their order."""
    return {f"weight_{i:03d}": value for i, value in enumerate(network.get_weights())}


def set_weight_arrays(network: Any, arrays: dict[str, NDArray[Any]]) -> None:
    """Give a Keras model the weights that `weight_arrays` named."""
    names = sorted(name for name in arrays if name.startswith("weight_"))
    network.set_weights([arrays[name] for name in names])


def _mixture(
    weights: NDArray[Any], means: NDArray[Any], covariances: NDArray[Any]
) -> GaussianMixture:
    from sklearn.mixture import GaussianMixture

    made = GaussianMixture(len(weights))
    made.weights_, made.means_, made.covariances_ = weights, means, covariances
    # P with P P^T the inverse of the covariance L L^T is the transposed inverse of L.
    made.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(covariances)).swapaxes(1, 2)
    return made


def moments(codes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation, each (d,); 1 for a dimension that never changes."""
    scale = codes.std(axis=0)
    return codes.mean(axis=0), np.where(scale > 0, scale, 1.0)


def _spread(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a matrix L (d, d) with L L^T the covariance of codes, never singular."""
    _, scale = moments(codes)
    covariance = np.cov(codes, rowvar=False).reshape(len(scale), -1) if len(codes) > 1 else 0.0
    return np.linalg.cholesky(covariance + 1e-6 * np.diag(scale**2)).astype(np.float64)


def _at_least_two(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    return codes if len(codes) > 1 else np.repeat(codes, 2, axis=0)


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
