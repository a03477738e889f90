"""Measures of codes, against exact values and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from zscape.errors import DataError
from zscape.evaluation.codes import (
    active_units,
    cluster_agreement,
    linear_probe_accuracy,
    total_correlation,
)

RNG = np.random.default_rng


def classes(n: int, seed: int = 0, n_dims: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return codes in three clouds that touch, and which cloud each is of."""
    rng = RNG(seed)
    labels = rng.integers(0, 3, n)
    centres = 2.0 * np.eye(3, n_dims)
    return (centres[labels] + rng.normal(0, 0.6, (n, n_dims))).astype(np.float32), labels


# ------------------------------------------------------------------ active units


def test_active_units_of_a_unit_prior_vary_by_more_than_a_hundredth() -> None:
    codes = RNG(0).normal(size=(5000, 4)) * np.sqrt([1.0, 0.012, 0.008, 0.0])
    assert active_units(codes, unit_scale=True) == 2


def test_active_units_without_a_prior_do_not_depend_on_the_scale() -> None:
    codes = RNG(0).normal(size=(5000, 4)) * np.sqrt([1.0, 0.012, 0.008, 0.0]) + 3
    for scale in (1e-3, 1.0, 1e3):
        assert active_units(codes * scale, unit_scale=False) == 2
    assert active_units(codes * 1e-3, unit_scale=True) == 0


def test_units_of_constant_or_broken_codes_are_not_active() -> None:
    assert active_units(np.full((20, 3), 7.1, np.float32), unit_scale=False) == 0
    assert active_units(np.full((20, 3), np.nan), unit_scale=False) == 0
    with pytest.raises(DataError, match="expected"):
        active_units(np.zeros((0, 3)), unit_scale=True)


# ------------------------------------------------------------------ total correlation


def test_total_correlation_of_normal_codes_is_exact() -> None:
    """Two variables with correlation r share -log(1 - r^2) / 2 nats."""
    rng = RNG(0)
    z = rng.normal(size=(200_000, 3))
    codes = np.stack([z[:, 0], 0.8 * z[:, 0] + 0.6 * z[:, 1], 5 * z[:, 2] - 2], axis=1)
    assert total_correlation(codes) == pytest.approx(-0.5 * np.log(1 - 0.8**2), abs=5e-3)


def test_total_correlation_is_the_difference_of_entropies() -> None:
    rng = RNG(1)
    codes = rng.normal(size=(500, 5)) @ rng.normal(size=(5, 5))
    covariance = np.cov(codes, rowvar=False)
    marginals = 0.5 * np.log(2 * np.pi * np.e * np.diag(covariance)).sum()
    joint = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    assert total_correlation(codes) == pytest.approx(marginals - joint, rel=1e-9)


def test_total_correlation_where_it_is_none_or_without_bound() -> None:
    z = RNG(0).normal(size=(100, 2)).astype(np.float32)
    assert total_correlation(np.hstack([z[:, :1], np.ones((100, 2), np.float32)])) == 0.0
    assert total_correlation(np.hstack([z, z.sum(axis=1, keepdims=True)])) is None
    assert total_correlation(z[:2]) is None
    assert total_correlation(np.full((9, 2), np.inf)) is None


# ------------------------------------------------------------------ probes and clusters


def test_the_linear_probe_is_logistic_regression() -> None:
    """The same accuracy as the minimum of its loss, found by another optimiser."""
    codes, labels = classes(300)
    new_codes, new_labels = classes(200, seed=1)
    mean, std = codes.mean(axis=0), codes.std(axis=0)

    def scores(weights: np.ndarray, points: np.ndarray) -> np.ndarray:
        table = weights.reshape(3, 3)
        return np.asarray((points - mean) / std @ table[:, :2].T + table[:, 2])

    def loss(weights: np.ndarray) -> float:
        values = scores(weights, codes)
        log_sum = np.log(np.exp(values).sum(axis=1))
        penalty = 0.5 * np.square(weights.reshape(3, 3)[:, :2]).sum()
        return float((log_sum - values[np.arange(300), labels]).sum() + penalty)

    best = minimize(loss, np.zeros(9), method="Powell", options={"maxiter": 20_000}).x
    expected = np.mean(scores(best, new_codes).argmax(axis=1) == new_labels)
    found = linear_probe_accuracy(codes, labels, new_codes, new_labels)
    assert found == pytest.approx(expected, abs=0.011)
    assert 0.6 < expected < 0.99


def test_the_linear_probe_does_not_depend_on_the_scale_of_a_dimension() -> None:
    codes, labels = classes(400)
    stretched = codes * [1e-4, 1e4]
    assert linear_probe_accuracy(
        stretched[:300], labels[:300], stretched[300:], labels[300:]
    ) == linear_probe_accuracy(codes[:300], labels[:300], codes[300:], labels[300:])


def test_the_linear_probe_of_odd_codes() -> None:
    codes, labels = classes(200)
    assert linear_probe_accuracy(codes, np.zeros(200, int), codes, labels) is None
    broken = codes.copy()
    broken[:50] = np.nan
    whole = linear_probe_accuracy(broken, labels, codes[50:], labels[50:])
    part = linear_probe_accuracy(broken, labels, broken, labels)
    assert whole is not None
    assert part == pytest.approx(0.75 * whole)
    assert linear_probe_accuracy(codes, labels, broken[:50], labels[:50]) == 0.0
    with pytest.raises(DataError, match="labels"):
        linear_probe_accuracy(codes, labels[:9], codes, labels)


def test_the_linear_probe_of_many_codes_sees_some_of_them() -> None:
    codes, labels = classes(30_000)
    found = linear_probe_accuracy(codes, labels, codes, labels, seed=0)
    assert found == linear_probe_accuracy(codes, labels, codes, labels, seed=0)
    part = linear_probe_accuracy(codes[:10_000], labels[:10_000], codes, labels)
    assert found == pytest.approx(part, abs=5e-3)


def test_cluster_agreement_is_the_adjusted_rand_index_by_counting_pairs() -> None:
    from sklearn.cluster import KMeans

    codes, labels = classes(90)
    found = KMeans(3, n_init=10, random_state=0).fit_predict(codes.astype(np.float64))
    both = same_class = same_cluster = 0
    n_pairs = 90 * 89 // 2
    for i in range(90):
        for j in range(i):
            same_class += labels[i] == labels[j]
            same_cluster += found[i] == found[j]
            both += labels[i] == labels[j] and found[i] == found[j]
    by_chance = same_class * same_cluster / n_pairs
    index = (both - by_chance) / ((same_class + same_cluster) / 2 - by_chance)
    assert cluster_agreement(codes, labels) == pytest.approx(index)


def test_cluster_agreement_of_separate_and_of_random_classes() -> None:
    codes, labels = classes(300)
    assert cluster_agreement(np.eye(3, 2)[labels] + codes * 1e-3, labels + 7) == 1.0
    assert abs(cluster_agreement(codes, RNG(5).integers(0, 3, 300)) or 0.0) < 0.05
    assert cluster_agreement(codes, np.ones(300)) is None
    assert cluster_agreement(np.ones((300, 2)), labels) is None


def test_two_classes_are_enough() -> None:
    codes, labels = classes(300)
    codes, labels = codes[labels < 2], labels[labels < 2]
    found = linear_probe_accuracy(codes, labels, codes, labels)
    assert found is not None
    assert found > 0.9
    assert cluster_agreement(np.eye(2)[labels], labels) == 1.0  # as many codes as classes


def test_the_seed_repeats_the_clusters() -> None:
    codes, labels = RNG(0).random((300, 2)), RNG(1).integers(0, 8, 300)
    found = [cluster_agreement(codes, labels, seed=seed) for seed in (0, 0, 0, 1, 2, 3)]
    assert found[0] == found[1] == found[2]
    assert len(set(found)) > 1
