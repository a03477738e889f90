"""Bottlenecks against SciPy, sums written out, simulations and closed forms."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from tests.harness import check_component, numpy_of
from zscape.nn.bottlenecks import BOTTLENECKS, Bottleneck, build_bottleneck
from zscape.nn.bottlenecks.gaussian import kl_from_standard_normal
from zscape.nn.bottlenecks.mmd import KERNEL_SCALES, squared_mmd
from zscape.nn.bottlenecks.tc import kl_parts

N_VALUES = 50
NAMES = ("plain", "gaussian", "tc", "mmd", "regularized", "vq", "fsq", "sphere")


def normal(shape: tuple[int, ...], seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=scale, size=shape).astype(np.float32)


def built(text: str, n_dims: int = 3) -> Bottleneck:
    bottleneck = build_bottleneck(text, n_values=N_VALUES, seed=1)
    bottleneck.build((None, n_dims * bottleneck.n_features_per_code))
    return bottleneck


def features_for(bottleneck: Bottleneck, n: int = 64, n_dims: int = 3) -> np.ndarray:
    places = (2, 3) if bottleneck.spatial else ()
    return normal((n, *places, n_dims * bottleneck.n_features_per_code))


def loss_of(bottleneck: Bottleneck, features: np.ndarray, *, training: bool = False) -> float:
    """What a call adds to the loss."""
    bottleneck(features, training=training)
    return float(sum(map(float, bottleneck.losses)))


# --- all of them ---


@pytest.mark.parametrize("name", NAMES)
def test_every_bottleneck_is_a_sound_layer(name: str, tmp_path: Path) -> None:
    features = features_for(built(name))
    places = features.shape[1:-1]
    check_component(lambda: built(name), features, (64, *places, 3), tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_codes_of_one_image_are_the_same_every_time_and_those_of_evaluation(name: str) -> None:
    bottleneck = built(name)
    features = features_for(bottleneck)
    codes = numpy_of(bottleneck.encode(features))
    np.testing.assert_array_equal(numpy_of(bottleneck.encode(features)), codes)
    np.testing.assert_array_equal(numpy_of(bottleneck(features, training=False)), codes)


@pytest.mark.parametrize("name", NAMES)
def test_drawn_codes_depend_on_the_seed_alone(name: str) -> None:
    bottleneck = built(name)
    features = features_for(bottleneck)
    first, again, other = (numpy_of(bottleneck.sample(features, seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    random = name in ("gaussian", "tc", "sphere")
    assert np.array_equal(first, other) is not random


@pytest.mark.parametrize("name", NAMES)
def test_the_configuration_holds_every_option(name: str) -> None:
    config = BOTTLENECKS[name]().get_config()
    options = BOTTLENECKS.options(name)
    assert {option: config[option] for option in options} == options


def test_plain_changes_nothing() -> None:
    features = normal((3, 4))
    np.testing.assert_array_equal(numpy_of(built("plain", n_dims=4)(features)), features)


# --- gaussian ---


def test_divergence_is_that_of_scipy_and_of_a_simulation() -> None:
    mean = np.array([0.7, -2.0, 0.0], np.float32)
    log_variance = np.array([-1.0, 0.5, 0.0], np.float32)
    found = numpy_of(kl_from_standard_normal(mean, log_variance))
    own = scipy.stats.norm(mean, np.exp(log_variance / 2))
    draws = own.rvs((200_000, 3), random_state=0)
    simulated = (own.logpdf(draws) - scipy.stats.norm.logpdf(draws)).mean(axis=0)
    np.testing.assert_allclose(found, simulated, atol=0.02)
    assert found[2] == 0


def test_the_decoder_sees_draws_in_training_with_the_moments_the_encoder_gave() -> None:
    bottleneck = built("gaussian", n_dims=2)
    features = np.tile(
        np.array([1.0, -3.0, math.log(0.25), math.log(4.0)], np.float32), (20_000, 1)
    )
    codes = numpy_of(bottleneck(features, training=True))
    np.testing.assert_allclose(codes.mean(axis=0), [1.0, -3.0], atol=0.06)
    np.testing.assert_allclose(codes.std(axis=0), [0.5, 2.0], rtol=0.03)
    assert not np.array_equal(numpy_of(bottleneck(features, training=True)), codes)


def test_gaussian_adds_beta_times_the_divergence_and_notes_it_in_nats() -> None:
    bottleneck = built("gaussian:beta=3")
    features = features_for(bottleneck)
    mean, log_variance = np.split(features, 2, axis=1)
    nats = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=1).mean()
    assert loss_of(bottleneck, features) == pytest.approx(3 * nats * 2 / N_VALUES, rel=1e-5)
    assert float(bottleneck.latest["kl_nats"].value) == pytest.approx(nats, rel=1e-5)


def test_the_weight_grows_over_the_steps_of_training_only() -> None:
    bottleneck = built("gaussian:warmup=4")
    features = features_for(bottleneck)
    whole = loss_of(bottleneck, features)
    shares = [loss_of(bottleneck, features, training=True) / whole for _ in range(6)]
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])
    assert loss_of(bottleneck, features) == pytest.approx(whole)


def test_free_bits_cost_nothing_and_are_counted_all_the_same() -> None:
    features = np.zeros((5, 6), np.float32)
    features[:, 0] = 2.0  # the first dimension has 2 nats, the others none
    free = built("gaussian:free_bits=0.5")
    assert loss_of(free, features) == pytest.approx((2.0 + 0.5 + 0.5) * 2 / N_VALUES)
    assert float(free.latest["kl_nats"].value) == pytest.approx(2.0)
    with tf.GradientTape() as tape:
        inputs = tf.constant(features * [0.1, 0, 0, 0, 0, 0])
        tape.watch(inputs)
        free(inputs)
        loss = sum(free.losses)
    assert not np.any(tape.gradient(loss, inputs))  # all below the free bits


# --- tc ---


def test_parts_of_the_divergence_are_those_of_a_gaussian() -> None:
    n, noise = 2_000, 0.5
    covariance = np.array([[2.0, 0.8], [0.8, 1.0]])
    rng = np.random.default_rng(0)
    means = rng.multivariate_normal([0, 0], covariance - noise * np.eye(2), n)
    codes = means + rng.normal(scale=math.sqrt(noise), size=(n, 2))
    log_variance = np.full((n, 2), math.log(noise))
    found = [float(part) for part in kl_parts(*map(np.float32, (codes, means, log_variance)))]
    determinant, variances = np.linalg.det(covariance), np.diag(covariance)
    information = 0.5 * math.log(determinant / noise**2)
    total_correlation = 0.5 * math.log(variances.prod() / determinant)
    own = 0.5 * (variances - 1 - np.log(variances)).sum()
    assert found == pytest.approx([information, total_correlation, own], abs=0.06)


def test_tc_weights_the_total_correlation_alone() -> None:
    features = features_for(built("tc"))
    light, heavy = built("tc:beta=1"), built("tc:beta=5")
    difference = loss_of(heavy, features) - loss_of(light, features)
    correlation = float(light.latest["total_correlation_nats"].value)
    assert difference == pytest.approx(4 * correlation * 2 / N_VALUES, rel=1e-3)
    parts = sum(float(value.value) for value in light.latest.values())
    assert loss_of(built("tc:beta=1"), features) == pytest.approx(parts * 2 / N_VALUES, rel=1e-4)


# --- mmd ---


def test_discrepancy_is_the_double_loop() -> None:
    a, b = normal((7, 3), seed=1), normal((7, 3), seed=2, scale=2.0) + 1

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return sum(
            2 * 3 * scale / (2 * 3 * scale + float(np.sum((x - y) ** 2))) for scale in KERNEL_SCALES
        )

    pairs = list(itertools.permutations(range(7), 2))
    within = sum(kernel(a[i], a[j]) + kernel(b[i], b[j]) for i, j in pairs) / len(pairs)
    across = np.mean([kernel(x, y) for x in a for y in b])
    assert float(squared_mmd(a, b)) == pytest.approx(within - 2 * across, rel=1e-5)


def test_discrepancy_is_near_0_for_the_prior_and_grows_with_the_distance() -> None:
    codes, prior = normal((500, 4), seed=1), normal((500, 4), seed=2)
    found = [float(squared_mmd(codes + shift, prior)) for shift in (0.0, 0.5, 1.0, 2.0)]
    assert abs(found[0]) < 0.02
    assert found == sorted(found)
    assert float(squared_mmd(codes[:1], prior[:1])) == 0


# --- regularized ---


def test_regularized_charges_codes_and_kernels_of_the_decoder() -> None:
    bottleneck = built("regularized:code=2,decoder=0.5")
    features = features_for(bottleneck)
    squares = (features**2).sum(axis=1).mean() / 2
    assert loss_of(bottleneck, features) == pytest.approx(2 * squares * 2 / N_VALUES, rel=1e-5)
    weights = [keras.Variable(normal(shape)) for shape in ((3, 3, 2, 4), (4,), (5, 2))]
    kernels = sum(float(np.square(numpy_of(weights[i])).sum()) for i in (0, 2)) / 2
    penalty = float(bottleneck.decoder_penalty(weights))
    assert penalty == pytest.approx(0.5 * kernels * 2 / N_VALUES, rel=1e-5)
    assert float(bottleneck.latest["decoder_sq"].value) == pytest.approx(kernels, rel=1e-5)
    assert bottleneck.terms == ("code_sq", "decoder_sq")

    stretching = built("regularized:code=2,decoder=0.5,spectral=3")
    norms = sum(
        np.linalg.norm(numpy_of(weights[i]).reshape(-1, columns), 2) ** 2
        for i, columns in ((0, 4), (2, 2))
    )
    added = float(stretching.decoder_penalty(weights)) - penalty
    assert added == pytest.approx(3 * norms / 2 * 2 / N_VALUES, rel=1e-2)
    assert float(stretching.latest["spectral_sq"].value) == pytest.approx(norms / 2, rel=1e-2)


# --- sphere ---


def test_codes_lie_on_the_sphere_with_and_without_noise() -> None:
    bottleneck = built("sphere:noise=0.5")
    features = features_for(bottleneck) * np.float32(100)
    for codes in (bottleneck(features, training=False), bottleneck(features, training=True)):
        np.testing.assert_allclose(np.linalg.norm(codes, axis=1), math.sqrt(3), rtol=1e-5)
    assert np.isfinite(numpy_of(bottleneck.encode(np.zeros((1, 3), np.float32)))).all()


def test_noise_moves_codes_in_training_only() -> None:
    bottleneck = built("sphere:noise=0.1")
    features = features_for(bottleneck, n=2000)
    codes = numpy_of(bottleneck.encode(features))
    moved = numpy_of(bottleneck(features, training=True)) - codes
    assert 0.05 < float(np.sqrt(np.square(moved).mean())) < 0.12
    still: Any = built("sphere:noise=0")(features, training=True)
    np.testing.assert_array_equal(numpy_of(still), codes)
