"""Densities: they integrate to one, find what is there, and come back from their files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from zscape.errors import ConfigError, DataError, RunError
from zscape.latent.densities import (
    DENSITIES,
    Density,
    fit_density,
    load_density,
    register_density,
    save_density,
)

GEM: Any = "gem"
FITTED: tuple[str, ...] = ("normal", "gmm", "kde", "flow")
EACH = pytest.mark.parametrize("name", [*FITTED[:3], pytest.param("flow", marks=pytest.mark.slow)])


# Fitting takes long: all in one process, which does it once.
pytestmark = pytest.mark.xdist_group("density")


@pytest.fixture(scope="module")
def bow() -> np.ndarray:
    """3,000 codes on a bow, which one normal distribution describes badly; far from 0, and wide."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    y = x**2 + rng.normal(scale=0.3, size=3000)
    return np.stack([40 + 10 * x, 0.2 * y - 3], axis=1).astype(np.float32)


class Fitted(dict[str, Density]):
    """Densities by name, each fitted when it is first asked for."""

    def __init__(self, codes: np.ndarray) -> None:
        super().__init__()
        self.codes = codes

    def __missing__(self, name: str) -> Density:
        self[name] = fit_density(name, self.codes)
        return self[name]


@pytest.fixture(scope="module")
def densities(bow: np.ndarray) -> Iterator[dict[str, Density]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zscape.latent.densities.flow.N_STEPS", 400)  # enough for a bow
        yield Fitted(bow)


@EACH
def test_a_density_integrates_to_one(name: str, densities: dict[str, Density]) -> None:
    xs, ys = np.linspace(-10, 90, 120), np.linspace(-5, 2, 180)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    cell = (xs[1] - xs[0]) * (ys[1] - ys[0])
    values = densities[name].log_prob(grid)
    assert values.shape == (len(grid),)
    assert np.exp(values).sum() * cell == pytest.approx(1, abs=0.02)


@EACH
def test_draws_lie_where_the_codes_lie(
    name: str, densities: dict[str, Density], bow: np.ndarray
) -> None:
    draws = densities[name].sample(4000, seed=1)
    assert draws.shape == (4000, 2)
    assert draws.dtype == np.float32
    away = (draws.mean(axis=0) - bow.mean(axis=0)) / bow.std(axis=0)
    np.testing.assert_allclose(away, 0, atol=0.15)
    np.testing.assert_allclose(draws.std(axis=0), bow.std(axis=0), rtol=0.15)
    if name != "normal":  # on the bow, not only around its middle
        x, y = (draws[:, 0] - 40) / 10, (draws[:, 1] + 3) / 0.2
        assert np.median(np.abs(y - x**2)) < 0.6


@EACH
def test_draws_depend_on_the_seed_alone(name: str, densities: dict[str, Density]) -> None:
    density = densities[name]
    first, other, again = (density.sample(5, seed=seed) for seed in (1, 2, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    steps = density.sample(500, seed=1)[1:] - density.sample(500, seed=1)[:-1]
    assert np.abs(np.median(steps[:, 0])) < 2  # in no order


@pytest.mark.slow
def test_what_can_bend_describes_a_bow_better(
    densities: dict[str, Density], bow: np.ndarray
) -> None:
    nats = {name: densities[name].log_prob(bow).mean() for name in FITTED}
    assert min(nats["gmm"], nats["kde"], nats["flow"]) > nats["normal"] + 0.5


def test_normal_is_that_of_scipy(densities: dict[str, Density], bow: np.ndarray) -> None:
    codes = bow.astype(np.float64)
    expected = scipy.stats.multivariate_normal(codes.mean(axis=0), np.cov(codes.T, bias=True))
    found = densities["normal"].log_prob(bow[:50])
    np.testing.assert_allclose(found, expected.logpdf(bow[:50]), atol=0.01)


@EACH
def test_a_density_comes_back_from_its_file(
    name: str, densities: dict[str, Density], bow: np.ndarray, tmp_path: Path
) -> None:
    save_density(densities[name], tmp_path / "density" / "it.npz")
    again = load_density(name, tmp_path / "density" / "it.npz")
    np.testing.assert_allclose(
        again.log_prob(bow[:9]), densities[name].log_prob(bow[:9]), rtol=1e-5
    )
    np.testing.assert_allclose(again.sample(9), densities[name].sample(9), rtol=1e-4)


@EACH
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive at all"])
def test_a_damaged_file_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "it.npz").write_bytes(content)
    with pytest.raises(RunError, match=r"it\.npz is damaged"):
        load_density(name, tmp_path / "it.npz")


def test_the_normal_prior_is_standard_normal() -> None:
    prior = fit_density("prior", np.zeros((1, 3)), prior="standard_normal")
    codes = np.random.default_rng(0).normal(size=(4, 3))
    expected = scipy.stats.norm.logpdf(codes).sum(axis=1)
    np.testing.assert_allclose(prior.log_prob(codes), expected)
    np.testing.assert_allclose(np.cov(prior.sample(20_000).T), np.eye(3), atol=0.05)


def test_the_sphere_prior_is_uniform_on_the_sphere() -> None:
    prior = fit_density("prior", np.zeros((1, 2)), prior="sphere")
    draws = prior.sample(10_000)
    np.testing.assert_allclose(np.linalg.norm(draws, axis=1), math.sqrt(2), rtol=1e-5)
    angles = np.arctan2(draws[:, 1], draws[:, 0])
    assert scipy.stats.kstest(angles, scipy.stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 0.01
    circumference = 2 * math.pi * math.sqrt(2)
    np.testing.assert_allclose(prior.log_prob(draws[:3]), -math.log(circumference))
    ball = fit_density("prior", np.zeros((1, 3)), prior="sphere")
    np.testing.assert_allclose(ball.log_prob(np.ones((1, 3))), -math.log(4 * math.pi * 3))


@pytest.mark.parametrize("name", ["normal", "gmm", "kde"])
@pytest.mark.parametrize("codes", [np.ones((1, 1)), np.ones((30, 2)), np.eye(2)[[0, 1] * 15]])
def test_few_codes_and_codes_without_spread_are_fitted_all_the_same(
    name: str, codes: np.ndarray
) -> None:
    density = fit_density(name, codes)
    draws = density.sample(100)
    assert draws.shape == (100, codes.shape[1])
    low, high = codes.min(axis=0), codes.max(axis=0)
    margin = 0.1 + 4 * (high - low)
    assert ((draws > low - margin) & (draws < high + margin)).all()
    assert np.isfinite(density.log_prob(codes)).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("work", "error", "message"),
    [
        (
            lambda d: fit_density(GEM, np.ones((9, 2))),
            ConfigError,
            "'gem'; expected one of prior",
        ),
        (lambda d: fit_density("prior", np.ones((9, 2))), ConfigError, "no prior to draw from"),
        (lambda d: fit_density("gmm", np.full((9, 2), np.nan)), DataError, "NaN"),
        (lambda d: fit_density("kde", np.ones((0, 2))), DataError, "at least one code"),
        (lambda d: fit_density("flow", np.ones((9, 1))), ConfigError, "2 dimensions or more"),
        (lambda d: d.sample(0), ConfigError, "n is 0"),
        (lambda d: d.log_prob(np.ones((3, 5))), DataError, r"this density is of \(N, 2\)"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    densities: dict[str, Density], work: Any, error: type[Exception], message: str
) -> None:
    for name in FITTED:
        density = densities[name]
        with pytest.raises(error, match=message) as caught:
            work(density)
        assert "\n" not in str(caught.value)


@register_density("box")
class Box(Density):
    learned = ("low", "high", "n_codes")

    def fit(self, codes: np.ndarray, seed: int = 0) -> Box:
        self.low, self.high, self.n_codes = codes.min(axis=0), codes.max(axis=0), len(codes)
        return self

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).uniform(self.low, self.high, (n, len(self.low)))

    def log_prob(self, codes: np.ndarray) -> np.ndarray:
        return np.full(len(codes), -np.log(self.high - self.low).sum())


def test_a_density_of_the_users_is_usable_at_once(bow: np.ndarray, tmp_path: Path) -> None:
    assert "box" in DENSITIES.names()
    density = fit_density("box", bow)
    save_density(density, tmp_path / "box.npz")
    again = load_density("box", tmp_path / "box.npz")
    np.testing.assert_array_equal(again.sample(5, seed=3), density.sample(5, seed=3))
    assert isinstance(again, Box)
    assert again.n_codes == 3000
    np.savez(tmp_path / "box.npz", low=bow.min(axis=0))
    with pytest.raises(RunError, match=r"damaged.*high"):
        load_density("box", tmp_path / "box.npz")


@pytest.mark.parametrize("name", DENSITIES.names())
def test_every_name_stands_for_one_class(name: str) -> None:
    assert issubclass(DENSITIES[name], Density)
    assert DENSITIES.complete(name).options == DENSITIES.options(name)
