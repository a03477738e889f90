"""The autoregressive prior: chances that add up, draws that follow them, rules that are learned."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zscape.errors import DataError, RunError
from zscape.latent.densities import Density, fit_density, load_density, save_density

pytestmark = [pytest.mark.xdist_group("density"), pytest.mark.slow]


@pytest.fixture(scope="module")
def checks() -> np.ndarray:
    """2,000 codes of 2 x 2 symbols: the left column is copied by the right one, two times in three
    the lower row turns 0 into 2 and 2 into 0, and 1 is rare."""
    rng = np.random.default_rng(0)
    upper = rng.choice(3, size=2000, p=[0.5, 0.1, 0.4])
    lower = np.where(rng.random(2000) < 2 / 3, 2 - upper, upper)
    return np.stack([np.stack([upper, upper], 1), np.stack([lower, lower], 1)], axis=1)


@pytest.fixture(scope="module")
def prior(checks: np.ndarray) -> Iterator[Density]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zscape.latent.densities.autoregressive.N_STEPS", 120)
        patch.setattr("zscape.latent.densities.autoregressive.STEPS_A_ROUND", 60)
        yield fit_density("prior", checks, prior="autoregressive")


EVERY_CODE = np.array(list(itertools.product(range(3), repeat=4))).reshape(-1, 2, 2)


def test_the_chances_of_all_codes_add_up_to_one(prior: Density) -> None:
    assert np.exp(prior.log_prob(EVERY_CODE)).sum() == pytest.approx(1, abs=1e-4)
    assert prior.log_prob(np.array([[[0, 0], [0, 3]]]))[0] == -np.inf  # was never seen


def test_draws_come_as_often_as_their_chances_say(prior: Density) -> None:
    draws = prior.sample(20_000, seed=1)
    assert draws.shape == (20_000, 2, 2)
    numbers = draws.reshape(-1, 4) @ [27, 9, 3, 1]
    found = np.bincount(numbers, minlength=81) / 20_000
    np.testing.assert_allclose(found, np.exp(prior.log_prob(EVERY_CODE)), atol=0.01)


def test_what_the_codes_have_in_common_is_learned(prior: Density, checks: np.ndarray) -> None:
    draws = prior.sample(2000, seed=2)
    assert (draws[:, :, 0] == draws[:, :, 1]).mean() > 0.97
    turned = draws[:, 1, 0] == 2 - draws[:, 0, 0]
    assert turned[draws[:, 0, 0] != 1].mean() == pytest.approx(2 / 3, abs=0.06)
    # The entropy of these codes is 1.44 nats; nothing can say more about them.
    assert prior.log_prob(checks).mean() == pytest.approx(-1.44, abs=0.08)


def test_draws_depend_on_the_seed_alone(prior: Density) -> None:
    first, other, again = (prior.sample(50, seed=seed) for seed in (1, 2, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_prior_comes_back_from_its_file(prior: Density, tmp_path: Path) -> None:
    save_density(prior, tmp_path / "prior.npz")
    again = load_density("prior", tmp_path / "prior.npz", prior="autoregressive")
    np.testing.assert_allclose(
        again.log_prob(EVERY_CODE), prior.log_prob(EVERY_CODE), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(again.sample(50), prior.sample(50))
    (tmp_path / "prior.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(RunError, match=r"prior\.npz is damaged"):
        load_density("prior", tmp_path / "prior.npz", prior="autoregressive")


def test_codes_without_height_are_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zscape.latent.densities.autoregressive.N_STEPS", 5)
    codes = np.random.default_rng(0).integers(0, 4, (5, 6))
    few = fit_density("prior", codes, prior="autoregressive")
    assert few.sample(3).shape == (3, 6)
    assert few.log_prob(codes).shape == (5,)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.ones((5, 2)), "expected whole numbers"),
        (np.ones((0, 2), int), "at least one code"),
        (np.ones(5, int), "expected whole numbers"),
        (np.full((5, 2), -1), "go down to -1"),
    ],
)
def test_codes_that_are_no_symbols_are_refused(codes: Any, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        fit_density("prior", codes, prior="autoregressive")
    assert "\n" not in str(caught.value)


def test_codes_of_another_shape_are_refused(prior: Density) -> None:
    with pytest.raises(DataError, match=r"this prior is of \(N, 2, 2\)"):
        prior.log_prob(np.ones((3, 5), int))
