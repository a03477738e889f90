"""Measures of generated images, against closed forms and direct computations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from zscape.errors import ConfigError, DataError
from zscape.evaluation.generation import (
    Compared,
    class_shares,
    frechet_distance,
    midpoints,
    nearest_images,
    precision_recall,
)
from zscape.evaluation.metrics import GENERATION_METRICS, measure

RNG = np.random.default_rng


def with_moments(mean: np.ndarray, covariance: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """Return features with exactly this mean and covariance."""
    z = RNG(seed).normal(size=(n, len(mean)))
    z -= z.mean(axis=0)
    whitened = z @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T
    return np.asarray(whitened @ np.linalg.cholesky(covariance).T + mean)


# ------------------------------------------------------------------ Fréchet distance


def test_frechet_distance_of_independent_features_has_a_closed_form() -> None:
    """The sum over features of (m - m')^2 + (s - s')^2."""
    means, stds = np.array([[0.0, 1, -2], [0.5, 1, 2]]), np.array([[1.0, 2, 0.1], [3, 2, 0.5]])
    a, b = (
        with_moments(mean, np.diag(std**2), 50, seed)
        for seed, (mean, std) in enumerate(zip(means, stds, strict=True))
    )
    expected = np.square(means[0] - means[1]).sum() + np.square(stds[0] - stds[1]).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_agrees_with_the_matrix_square_root_of_the_product() -> None:
    rng = RNG(3)
    a, b = rng.normal(size=(80, 6)) @ rng.normal(size=(6, 6)), rng.normal(size=(50, 6)) + 0.3
    c, d = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(sqrtm(c @ d))
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(c + d - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_singular_covariances() -> None:
    rng = RNG(0)
    a = np.zeros((4, 30))  # fewer images than features, and features that are always 0
    a[:, :10] = rng.normal(size=(4, 10))
    assert frechet_distance(a, a) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(a, a + 2.0) == pytest.approx(30 * 4.0, rel=1e-9)
    # In one direction only: spreads 1 and 3 along the same line.
    line = rng.normal(size=(20, 1)) @ rng.normal(size=(1, 30))
    line -= line.mean(axis=0)
    apart = np.trace(np.cov(line, rowvar=False)) * (3 - 1) ** 2
    assert frechet_distance(line, 3 * line) == pytest.approx(apart, rel=1e-9)
    assert frechet_distance(np.ones((5, 1)), np.ones((9, 1))) == 0.0


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (np.zeros((5, 3)), np.zeros((5, 4)), "same network"),
        (np.zeros((1, 3)), np.zeros((5, 3)), "2 or more"),
        (np.zeros((5, 3)), np.full((5, 3), np.nan), "NaN"),
    ],
)
def test_features_that_cannot_be_compared(a: np.ndarray, b: np.ndarray, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        frechet_distance(a, b)


# ------------------------------------------------------------------ precision and its like


def direct(real: np.ndarray, generated: np.ndarray, k: int) -> dict[str, float]:
    """Return the four figures by their definitions, pair by pair."""

    def radius(points: np.ndarray, i: int) -> float:
        others = [np.linalg.norm(points[i] - points[j]) for j in range(len(points)) if j != i]
        return float(sorted(others)[k - 1])

    real_radii = [radius(real, i) for i in range(len(real))]
    own_radii = [radius(generated, j) for j in range(len(generated))]
    inside = np.zeros((len(real), len(generated)))
    around = np.zeros_like(inside)
    for i, x in enumerate(real):
        for j, y in enumerate(generated):
            inside[i, j] = np.linalg.norm(x - y) < real_radii[i]
            around[i, j] = np.linalg.norm(x - y) < own_radii[j]
    return {
        "precision": float(inside.any(axis=0).mean()),
        "recall": float(around.any(axis=1).mean()),
        "density": float(inside.sum() / k / len(generated)),
        "coverage": float(inside.any(axis=1).mean()),
    }


@pytest.mark.parametrize("k", [1, 5])
def test_precision_recall_density_and_coverage_by_their_definitions(
    k: int, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = RNG(0)
    real, generated = rng.normal(size=(60, 3)), rng.normal(0.6, 0.8, size=(40, 3))
    expected = direct(real, generated, k)
    assert precision_recall(real, generated, nearest_k=k) == pytest.approx(expected)
    assert 0 < expected["coverage"] < 1
    assert capsys.readouterr().out == ""


def test_real_images_score_near_one_and_one_mode_covers_little() -> None:
    rng = RNG(0)
    draws = [rng.normal(size=(1000, 2)) + 9 * rng.integers(0, 2, (1000, 1)) for _ in range(2)]
    same = precision_recall(*draws)
    assert min(same.values()) > 0.93
    assert same["density"] == pytest.approx(1, abs=0.1)
    one = precision_recall(draws[0], rng.normal(size=(1000, 2)))
    assert one["precision"] > 0.93
    assert 0.4 < one["coverage"] < 0.6


def test_of_many_images_some_are_compared() -> None:
    rng = RNG(0)
    real, generated = rng.normal(size=(300, 2)), rng.normal(size=(400, 2))
    found = precision_recall(real, generated, max_images=100, seed=1)
    assert found == precision_recall(real, generated, max_images=100, seed=1)
    assert found != precision_recall(real, generated, max_images=100, seed=2)


def test_too_few_images_for_neighbours() -> None:
    precision_recall(RNG(0).normal(size=(7, 2)), RNG(1).normal(size=(7, 2)))
    with pytest.raises(DataError, match="7 or more"):
        precision_recall(np.zeros((6, 2)), np.zeros((9, 2)))
    with pytest.raises(ConfigError, match="nearest_k is 0"):
        precision_recall(np.zeros((9, 2)), np.zeros((9, 2)), nearest_k=0)


# ------------------------------------------------------------------ classes, neighbours, middles


def test_class_shares_by_hand() -> None:
    probabilities = np.eye(4)[[0] * 17 + [1] * 2 + [2]]
    shares = class_shares(probabilities, np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 2]))
    assert shares.generated == (0.85, 0.1, 0.05, 0.0)
    assert shares.data == (0.3, 0.3, 0.4, 0.0)
    assert shares.missing == (2,)  # 0.05 is below 0.1; class 3 is not in the data either
    with pytest.raises(DataError, match="from 0 to 4"):
        class_shares(probabilities, np.array([0, 4]))


def test_nearest_images_in_many_parts_by_a_direct_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zscape.data.images.CHUNK_VALUES", 200)  # 16 candidates a part
    rng = RNG(0)
    candidates = rng.integers(0, 256, (70, 4, 3, 1), dtype=np.uint8)
    images = rng.random((9, 4, 3, 1), dtype=np.float32)
    images[2] = candidates[33] / np.float32(255)
    numbers, distances = nearest_images(images, candidates)
    for image, number, distance in zip(images, numbers, distances, strict=True):
        apart = [float(np.sqrt(np.mean((image - c / 255.0) ** 2))) for c in candidates]
        assert number == int(np.argmin(apart))
        assert distance == pytest.approx(min(apart), abs=1e-6)
    assert numbers[2] == 33
    assert distances[2] == 0
    with pytest.raises(DataError, match="shape"):
        nearest_images(images, candidates[:, :2])


def test_midpoints_lie_between_different_codes_of_any_shape() -> None:
    codes = 2.0 ** np.arange(6).reshape(6, 1, 1) * np.ones((6, 2, 2))
    middles = midpoints(codes, seed=3)
    assert middles.shape == codes.shape
    possible = {(2.0**i + 2.0**j) / 2 for i in range(6) for j in range(6) if i != j}
    assert {float(m[0, 0]) for m in middles} <= possible
    assert middles.sum() == pytest.approx(codes.sum())  # every code is an end twice
    np.testing.assert_array_equal(middles, midpoints(codes, seed=3))
    with pytest.raises(DataError, match="two or more"):
        midpoints(codes[:1])


def test_figures_put_every_set_beside_the_test_images() -> None:
    rng = RNG(0)
    train, test, samples = rng.normal(size=(3, 400, 4))
    figures = measure(
        GENERATION_METRICS,
        Compared(train=train, test=test, samples=samples + 1, midpoints=test),
    )
    assert figures["floor_fd"] == pytest.approx(frechet_distance(test, train))
    assert figures["sample_fd"] == pytest.approx(frechet_distance(samples + 1, test))
    assert figures["reconstruction_fd"] is None
    assert figures["interpolation_fd"] == pytest.approx(0, abs=1e-9)
    assert figures["precision"] == precision_recall(test, samples + 1)["precision"]
    few = measure(GENERATION_METRICS, Compared(train=train, test=test[:6], samples=samples))
    assert few["precision"] is None
    assert few["sample_fd"] is not None
