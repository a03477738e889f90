"""Measures of reconstructions and of codes, against their definitions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from skimage.metrics import structural_similarity as skimage_ssim

from zscape.errors import ConfigError, DataError
from zscape.evaluation import (
    compression_ratio,
    knn_accuracy,
    latent_health,
    mean_squared_error,
    peak_signal_to_noise_ratio,
    structural_similarity,
)
from zscape.evaluation.metrics import METRICS, Coded, measure

Measure = Callable[[np.ndarray, np.ndarray], float | None]


def pair(n: int, height: int, width: int, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return smooth images and noisy copies, float32 in [0, 1]."""
    rng = np.random.default_rng(0)
    waves = np.sin(rng.uniform(0, 6, (n, 1, 1, channels)) + np.arange(width)[:, None] / 3)
    images = np.broadcast_to(0.5 + 0.4 * waves, (n, height, width, channels)).astype(np.float32)
    noise = rng.normal(size=images.shape) * rng.uniform(0.02, 0.3, (n, 1, 1, 1))
    return images, np.clip(images + noise, 0, 1).astype(np.float32)


# ------------------------------------------------------------------ reconstructions


def test_mean_squared_error_by_hand() -> None:
    images = np.zeros((2, 1, 2, 1))
    reconstructions = np.array([[[[0.5], [0.0]]], [[[1.0], [1.0]]]])
    assert mean_squared_error(images, reconstructions) == (0.25 + 0 + 1 + 1) / 4


def test_mean_squared_error_over_many_parts() -> None:
    images, reconstructions = pair(900, 40, 40, 3)  # more than one part of the array
    expected = np.mean((images.astype(np.float64) - reconstructions) ** 2)
    assert mean_squared_error(images, reconstructions) == pytest.approx(expected, rel=1e-12)


def test_small_errors_are_not_lost_in_float32() -> None:
    images = np.full((1000, 28, 28, 1), 0.5, np.float32)
    reconstructions = images + np.float32(2**-12)
    assert mean_squared_error(images, reconstructions) == pytest.approx(2**-24, rel=1e-12)


def test_stored_images_are_scaled() -> None:
    stored = np.array([0, 51, 255], np.uint8).reshape(1, 1, 3, 1)
    black = np.zeros((1, 1, 3, 1), np.float32)
    assert mean_squared_error(stored, black) == pytest.approx((0.04 + 1) / 3)


def test_psnr_is_the_mean_over_images_not_of_the_mean() -> None:
    images = np.zeros((2, 4, 4, 1))
    reconstructions = np.stack([np.full((4, 4, 1), 0.1), np.full((4, 4, 1), 0.001)])
    assert peak_signal_to_noise_ratio(images, reconstructions) == pytest.approx((20 + 60) / 2)


def test_exact_reconstructions_count_100_db() -> None:
    images, reconstructions = pair(2, 8, 8)
    assert peak_signal_to_noise_ratio(images, images) == pytest.approx(100)
    one_exact = np.stack([images[0], reconstructions[1]])
    other = peak_signal_to_noise_ratio(images[1:], reconstructions[1:])
    assert peak_signal_to_noise_ratio(images, one_exact) == pytest.approx((100 + other) / 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_the_mean_of_each_image_alone(channels: int) -> None:
    images, reconstructions = pair(12, 28, 20, channels)
    alone = [
        skimage_ssim(
            image.astype(np.float64),
            reconstruction.astype(np.float64),
            channel_axis=-1,
            data_range=1.0,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        for image, reconstruction in zip(images, reconstructions, strict=True)
    ]
    value = structural_similarity(images, reconstructions)
    assert value == pytest.approx(np.mean(alone), rel=1e-12)


def test_ssim_over_many_parts() -> None:
    images, reconstructions = pair(5, 200, 1100)  # four images a part
    total = 0.0
    for i in range(5):
        alone = structural_similarity(images[i : i + 1], reconstructions[i : i + 1])
        assert alone is not None
        total += alone
    assert structural_similarity(images, reconstructions) == pytest.approx(total / 5)


@pytest.mark.parametrize("side", [3, 4, 7, 10, 11])
def test_ssim_of_small_images_follows_the_formula(side: int) -> None:
    """Wang et al., equation 13, for one window in the middle of an image of odd side."""
    window = side - 1 + side % 2
    images, reconstructions = pair(1, window, window)
    offsets = np.arange(window) - window // 2
    gauss = np.exp(-0.5 * (offsets / (1.5 * window / 11)) ** 2)
    weights = np.outer(gauss, gauss) / np.sum(np.outer(gauss, gauss))
    x, y = (part[0, :, :, 0].astype(np.float64) for part in (images, reconstructions))
    mean_x, mean_y = np.sum(weights * x), np.sum(weights * y)
    var_x, var_y = np.sum(weights * (x - mean_x) ** 2), np.sum(weights * (y - mean_y) ** 2)
    covariance = np.sum(weights * (x - mean_x) * (y - mean_y))
    c1, c2 = 0.01**2, 0.03**2
    expected = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    )
    assert structural_similarity(images, reconstructions) == pytest.approx(expected, rel=1e-9)
    padded = structural_similarity(*pair(2, side, side + 5))
    assert padded is not None
    assert -1 <= padded < 1


@pytest.mark.parametrize(("height", "width"), [(12, 4), (13, 7), (20, 10), (11, 12)])
def test_ssim_does_not_depend_on_which_side_is_the_short_one(height: int, width: int) -> None:
    images, reconstructions = pair(2, height, width)
    turned = structural_similarity(images.swapaxes(1, 2), reconstructions.swapaxes(1, 2))
    assert structural_similarity(images, reconstructions) == pytest.approx(turned)


def test_ssim_of_equal_images_is_one() -> None:
    images, _ = pair(3, 9, 30)
    assert structural_similarity(images, images) == pytest.approx(1.0)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 2), (2, 28), (28, 1)])
def test_ssim_of_tiny_images_is_not_defined(height: int, width: int) -> None:
    assert structural_similarity(*pair(2, height, width)) is None


@pytest.mark.parametrize(
    "measure", [mean_squared_error, peak_signal_to_noise_ratio, structural_similarity]
)
def test_image_measures_refuse_arrays_that_do_not_fit(measure: Measure) -> None:
    images = np.zeros((2, 12, 12, 1))
    for other in (images[:1], images[..., 0], np.zeros((2, 12, 12, 3))):
        with pytest.raises(DataError, match="expected the same"):
            measure(images, other)
    with pytest.raises(DataError, match="at least one image"):
        measure(images[:0], images[:0])


def test_compression_ratio() -> None:
    assert compression_ratio((28, 28, 1), 10) == pytest.approx(78.4)
    assert compression_ratio((4, 5, 3), 120) == 0.5
    assert compression_ratio((4, 5, 1), 1) == 20
    for shape, latent_dim in (((28, 28, 1), 0), ((28, 0, 1), 5), ((), 5)):
        with pytest.raises(ConfigError, match="1 or more"):
            compression_ratio(shape, latent_dim)


# ------------------------------------------------------------------ nearest neighbours


def vote(train: np.ndarray, labels: np.ndarray, codes: np.ndarray, k: int) -> np.ndarray:
    """Classify by the definition, one code at a time."""
    votes = []
    for code in codes:
        nearest = np.argsort(np.sum((train - code) ** 2, axis=1))[:k]
        votes.append(np.bincount(labels[nearest]).argmax())
    return np.array(votes)


@pytest.mark.parametrize(("k", "latent_dim"), [(1, 2), (5, 3), (7, 20)])
def test_knn_accuracy_by_brute_force(k: int, latent_dim: int) -> None:
    rng = np.random.default_rng(k)
    centres = 2 / np.sqrt(latent_dim) * rng.normal(size=(4, latent_dim))
    labels, test_labels = rng.integers(0, 4, 200), rng.integers(0, 4, 90)
    train = centres[labels] + rng.normal(size=(200, latent_dim))
    test = centres[test_labels] + rng.normal(size=(90, latent_dim))
    expected = np.mean(vote(train, labels, test, k) == test_labels)
    assert 0.3 < expected < 1
    assert knn_accuracy(train, labels, test, test_labels, n_neighbors=k) == expected


def test_knn_uses_the_codes_as_they_are() -> None:
    # The wide first dimension decides; standardised, the second would.
    train = np.array([[0.0, 0.0], [100.0, 0.001]])
    test = np.array([[10.0, 0.001]])
    assert knn_accuracy(train, np.array([0, 1]), test, np.array([0]), n_neighbors=1) == 1.0


def test_knn_with_fewer_codes_than_neighbours() -> None:
    train, labels = np.array([[0.0], [1.0], [2.0]]), np.array([1, 1, 0])
    test, test_labels = np.array([[2.0], [0.0]]), np.array([0, 1])
    assert knn_accuracy(train, labels, test, test_labels, n_neighbors=5) == 0.5


def test_knn_with_codes_that_are_not_finite() -> None:
    train, labels = np.array([[0.0], [np.nan], [5.0]]), np.array([0, 1, 1])
    test, test_labels = np.array([[0.1], [np.inf], [5.1], [4.9]]), np.array([0, 0, 1, 1])
    assert knn_accuracy(train, labels, test, test_labels, n_neighbors=1) == 0.75
    assert knn_accuracy(train * np.nan, labels, test, test_labels) == 0.0


def test_knn_says_what_is_wrong() -> None:
    codes, labels = np.zeros((4, 2)), np.zeros(4, int)
    with pytest.raises(ConfigError, match="n_neighbors is 0"):
        knn_accuracy(codes, labels, codes, labels, n_neighbors=0)
    with pytest.raises(DataError, match="training codes"):
        knn_accuracy(codes, labels[:3], codes, labels)
    with pytest.raises(DataError, match="test codes"):
        knn_accuracy(codes, labels, codes[:0], labels[:0])
    with pytest.raises(DataError, match="same model"):
        knn_accuracy(codes, labels, np.zeros((4, 3)), labels)


# ------------------------------------------------------------------ latent health


def healthy_codes(n_codes: int = 2000, latent_dim: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n_codes, latent_dim)) * 3 + 1).astype(np.float32)


def test_healthy_codes_give_no_warning() -> None:
    codes = healthy_codes()
    health = latent_health(codes)
    assert health.warnings() == []
    assert (health.n_codes, health.n_not_finite) == (2000, 0)
    np.testing.assert_allclose(health.mean, codes.mean(axis=0, dtype=np.float64))
    np.testing.assert_allclose(health.std, codes.std(axis=0, dtype=np.float64))
    for low, high, column in zip(health.low, health.high, codes.T, strict=True):
        inside = np.mean((column >= low) & (column <= high))
        assert inside == pytest.approx(0.99, abs=0.001)


def test_participation_ratio_from_eigenvalues() -> None:
    codes = healthy_codes() * [1, 2, 3, 4]
    codes[:, 0] += codes[:, 3]
    eigenvalues = np.linalg.eigvalsh(np.cov(codes, rowvar=False))
    expected = eigenvalues.sum() ** 2 / np.sum(eigenvalues**2)
    assert latent_health(codes).n_effective == pytest.approx(expected)
    assert latent_health(codes * 1e-4).n_effective == pytest.approx(expected)
    assert latent_health(healthy_codes()).n_effective == pytest.approx(4, abs=0.1)
    assert latent_health(np.ones((20, 3))).n_effective == 0
    assert latent_health(np.full((20, 3), np.nan)).n_effective == 0


def test_dead_dimensions() -> None:
    codes = healthy_codes()
    codes[:, 1] = 0  # relu never fires
    codes[:, 3] = 0.1 + np.float32(1e-8) * np.arange(2000) % np.float32(2e-8)  # rounding only
    health = latent_health(codes)
    assert health.dead == (1, 3)
    assert health.collapsed == ()
    assert health.duplicate == ()
    assert health.n_effective == pytest.approx(2, abs=0.05)
    (sentence,) = health.warnings()
    assert sentence.startswith("2 dead dimensions (z2, z4)")
    assert "smaller latent_dim" in sentence


def test_collapsed_dimensions_have_under_a_hundredth_of_the_largest_variance() -> None:
    codes = healthy_codes(latent_dim=3)
    codes -= codes.mean(axis=0)
    codes *= np.array([1, 0.095, 0.105]) * 2 / codes.std(axis=0)
    health = latent_health(codes)
    assert health.collapsed == (1,)
    assert health.dead == ()
    (sentence,) = health.warnings()
    assert sentence.startswith("1 collapsed dimension (z2)")


def test_duplicate_dimensions_of_either_sign() -> None:
    codes = healthy_codes()
    codes[:, 3] = 5 - 2 * codes[:, 0]
    codes[:, 2] = codes[:, 1] + 0.5 * codes[:, 2]  # correlation about 0.9
    health = latent_health(codes)
    assert health.duplicate == ((0, 3),)
    (sentence,) = health.warnings()
    assert sentence.startswith("1 duplicate pair of dimensions (z1 and z4)")


def test_duplicate_dimensions_may_be_neighbours() -> None:
    codes = healthy_codes()
    codes[:, 2] = codes[:, 1]
    assert latent_health(codes).duplicate == ((1, 2),)


def test_eight_dead_dimensions_are_all_named() -> None:
    (sentence,) = latent_health(np.zeros((100, 8))).warnings()
    assert "8 dead dimensions (z1, z2, z3, z4, z5, z6, z7, z8), with" in sentence


def test_many_dead_dimensions_are_cut_short() -> None:
    codes = np.zeros((100, 30))
    (sentence,) = latent_health(codes).warnings()
    assert "30 dead dimensions (z1, z2, z3, z4, z5, z6, z7, z8 and 22 more)" in sentence


def test_codes_that_are_not_finite_are_counted_and_left_out() -> None:
    codes = healthy_codes(50)
    broken = codes.copy()
    broken[[3, 9], [0, 2]] = np.nan, np.inf
    health = latent_health(broken)
    assert health.n_not_finite == 2
    rest = np.delete(codes, [3, 9], axis=0)
    assert health.mean == latent_health(rest).mean
    (sentence,) = health.warnings()
    assert sentence.startswith("2 of 50 codes hold NaN or infinite values")


def test_nothing_but_nan() -> None:
    health = latent_health(np.full((20, 3), np.nan))
    assert all(math.isnan(value) for value in health.mean + health.low)
    assert len(health.warnings()) == 2
    assert health.dead == health.collapsed == ()
    assert health.duplicate == ()
    assert health.to_dict()["high"] == [None, None, None]


@pytest.mark.parametrize(("n_codes", "latent_dim"), [(1, 1), (1, 5), (2, 3), (9, 2)])
def test_too_few_codes_are_not_judged(n_codes: int, latent_dim: int) -> None:
    health = latent_health(healthy_codes(n_codes, latent_dim))
    assert health.dead == health.collapsed == ()
    assert health.duplicate == ()
    (sentence,) = health.warnings()
    assert "cannot be judged" in sentence
    assert len(health.low) == latent_dim


def test_ten_codes_are_judged() -> None:
    codes = healthy_codes(10, 2)
    assert latent_health(codes).warnings() == []
    codes[:, 1] = 0
    assert latent_health(codes).dead == (1,)


def test_one_dimension() -> None:
    health = latent_health(healthy_codes(latent_dim=1))
    assert health.warnings() == []
    assert health.n_effective == pytest.approx(1)


def test_health_as_json() -> None:
    codes = healthy_codes()
    codes[:, 1] = 0
    codes[:, 3] = codes[:, 0]
    for array in (codes, codes[:1], codes * np.nan):
        values = latent_health(array).to_dict()
        assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert latent_health(codes).to_dict()["duplicate"] == [[0, 3]]


def test_warnings_are_single_lines() -> None:
    codes = healthy_codes(latent_dim=6)
    codes[:, 1] = 0
    codes[:, 3] = codes[:, 0]
    codes[:, 4] *= 0.01
    codes[5] = np.nan
    sentences = latent_health(codes).warnings()
    assert len(sentences) == 4
    assert not any("\n" in sentence for sentence in sentences)


@pytest.mark.parametrize("codes", [np.zeros((0, 3)), np.zeros((3, 0)), np.zeros(4)])
def test_health_of_no_codes(codes: np.ndarray) -> None:
    with pytest.raises(DataError, match="at least one code"):
        latent_health(codes)


# ------------------------------------------------------------------ the table


def test_a_value_is_shown_in_the_form_of_its_metric_or_as_missing() -> None:
    assert METRICS["psnr"].text(21.456) == "21.46"
    assert METRICS["compression_ratio"].text(78.4) == "78.4x"
    assert METRICS["psnr"].text(None) == "n.a."


def test_metrics_of_labels_are_measured_where_there_are_labels() -> None:
    images, outputs = pair(30, 12, 12)
    codes, labels = healthy_codes(30), np.arange(30) % 2
    known = (codes, labels, codes[:20], labels[:20])
    values = measure(METRICS, Coded(images, outputs, codes, True, known))
    assert values["mse"] == mean_squared_error(images, outputs)
    assert values["knn_accuracy"] == knn_accuracy(*known)
    without = measure(METRICS, Coded(images, outputs, codes, True, None))
    of_labels = {"knn_accuracy", "linear_probe_accuracy", "cluster_agreement"}
    assert {name for name, value in without.items() if value is None} == of_labels


def test_results_are_python_numbers() -> None:
    images, reconstructions = pair(2, 12, 12)
    codes, labels = healthy_codes(20), np.arange(20) % 2
    for value in (
        mean_squared_error(images, reconstructions),
        peak_signal_to_noise_ratio(images, reconstructions),
        structural_similarity(images, reconstructions),
        compression_ratio((12, 12, 1), 5),
        knn_accuracy(codes, labels, codes, labels),
        latent_health(codes).n_effective,
    ):
        assert type(value) is float
