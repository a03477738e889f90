"""Corruptions: what they do to pixels, and that a seed repeats them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zscape.data.corruptions import CORRUPTIONS, Corruption, corrupt, option, scaled
from zscape.errors import ConfigError
from zscape.registry import Choice
from zscape.settings import CorruptionConfig

NAMES = CORRUPTIONS.names()


def gray(value: float = 0.5, n: int = 20, size: int = 32, channels: int = 1) -> np.ndarray:
    return np.full((n, size, size, channels), value, np.float32)


def done(text: str, images: np.ndarray, seed: int = 0) -> np.ndarray:
    return corrupt(images, CorruptionConfig.parse(text), seed)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_gives_new_images_within_bounds_and_the_same_for_a_seed(name: str, channels: int) -> None:
    images = np.random.default_rng(0).random((5, 12, 9, channels), dtype=np.float32)
    before = images.copy()
    corrupted = done(name, images)
    assert corrupted.shape == images.shape
    assert corrupted.dtype == np.float32
    assert corrupted.min() >= 0
    assert corrupted.max() <= 1
    assert np.abs(corrupted - images).mean() > 0.005
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(done(name, images), corrupted)
    if name != "blur":
        assert (done(name, images, seed=1) != corrupted).any()


def test_gaussian_has_the_standard_deviation_asked_for() -> None:
    noise = done("gaussian:sigma=0.1", gray()) - 0.5
    assert abs(noise.mean()) < 0.002
    assert noise.std() == pytest.approx(0.1, rel=0.02)


def test_speckle_grows_with_the_value() -> None:
    assert done("speckle:sigma=0.2", gray(0.5)).std() == pytest.approx(0.1, rel=0.03)
    assert done("speckle:sigma=0.2", gray(0.1)).std() == pytest.approx(0.02, rel=0.03)


def test_poisson_has_the_variance_of_counted_photons() -> None:
    counted = done("poisson:peak=100", gray(0.25))
    assert counted.mean() == pytest.approx(0.25, rel=0.01)
    assert counted.var() == pytest.approx(0.25 / 100, rel=0.05)


def test_salt_and_pepper_hit_a_share_of_whole_pixels() -> None:
    spoilt = done("salt_pepper:amount=0.3", gray(channels=3))
    assert (spoilt == 1).mean() == pytest.approx(0.15, abs=0.01)
    assert (spoilt == 0).mean() == pytest.approx(0.15, abs=0.01)
    assert (np.ptp(spoilt, axis=-1) == 0).all()


def test_masks_are_squares_within_each_image() -> None:
    masked = done("mask:size=5,count=1", gray())
    assert ((masked == 0).sum(axis=(1, 2, 3)) == 25).all()
    assert len({tuple(np.argwhere(image == 0)[0]) for image in masked}) > 5
    assert (done("mask:size=99,count=1", gray()) == 0).all()


def test_blur_keeps_the_mean_and_takes_the_edges() -> None:
    images = gray(0.0)
    images[:, 10:20, 10:20] = 1
    blurred = done("blur:sigma=1.5", images)
    assert blurred.mean() == pytest.approx(images.mean(), rel=0.01)
    assert np.abs(np.diff(blurred, axis=1)).max() < 0.4


def test_blur_continues_the_edge_and_leaves_channels_and_images_apart() -> None:
    np.testing.assert_allclose(done("blur:sigma=3", gray(0.7)), gray(0.7), atol=1e-6)
    images = gray(0.0, n=3, channels=3)
    images[1, 10:20, 10:20, 1] = 1
    blurred = done("blur:sigma=3", images)
    assert blurred[1, ..., 1].any()
    assert not blurred[..., [0, 2]].any()
    assert not blurred[[0, 2]].any()


def test_several_are_done_in_turn() -> None:
    images = gray()
    both = done("salt_pepper:amount=1+blur:sigma=3", images)
    assert 0.2 < both.std() / done("salt_pepper:amount=1", images).std() * 2 < 0.5
    reverse = done("blur:sigma=3+salt_pepper:amount=1", images)
    assert set(np.unique(reverse)) == {0.0, 1.0}


@given(st.sampled_from(NAMES), st.floats(0.1, 10))
def test_scaled_corruptions_can_be_done(name: str, factor: float) -> None:
    config = scaled(CorruptionConfig.parse(name), factor)
    assert corrupt(gray(n=1, size=6), config, 0).shape == (1, 6, 6, 1)


@pytest.mark.parametrize("name", ["gaussian", "salt_pepper", "poisson", "speckle", "mask", "blur"])
def test_scaled_up_is_more(name: str) -> None:
    images = np.random.default_rng(0).random((20, 32, 32, 1), dtype=np.float32)
    config = CorruptionConfig.parse(name)
    errors = [
        np.square(corrupt(images, scaled(config, factor), 0) - images).mean()
        for factor in (0.5, 1, 2)
    ]
    assert errors[0] < errors[1] < errors[2]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice("gaussian", {"sigma": -1}), "sigma of Gaussian is -1.*above 0, at most 100"),
        (Choice("poisson", {"peak": 0}), "peak of Poisson is 0"),
        (Choice("salt_pepper", {"amount": 1.5}), "amount of SaltPepper is 1.5.*at most 1"),
        (Choice("mask", {"size": 2.5}), "size is 2.5; expected a whole number"),
        (Choice("mask", {"sigma": 1}), "the corruption mask has no option 'sigma'"),
        (Choice("gausian"), "did you mean gaussian"),
    ],
)
def test_options_are_checked_by_the_class(choice: Choice, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        CORRUPTIONS.make(choice)


def test_strength_goes_as_far_as_the_options_do() -> None:
    config = CorruptionConfig.parse("salt_pepper:amount=0.8+poisson:peak=30+mask:size=4,count=1")
    assert str(scaled(config, 1.5)) == "salt_pepper:amount=1+poisson:peak=20+mask:size=4,count=2"
    assert str(scaled(config, 0.1)) == (
        "salt_pepper:amount=0.08+poisson:peak=300+mask:size=4,count=1"
    )


def test_one_class_is_all_that_a_corruption_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CORRUPTIONS, "_classes", dict(CORRUPTIONS._classes))  # for this test

    @CORRUPTIONS.register("fade")
    @dataclass(frozen=True)
    class Fade(Corruption):
        share: float = option(0.5, most=1.0)

        def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            return images * np.float32(1 - self.share)

    @dataclass(frozen=True)
    class Steps:
        steps: Any

    faded: Any = Steps((Choice("fade"), Choice("fade", {"share": 0.2})))
    np.testing.assert_allclose(corrupt(gray(0.5), faded, 0), gray(0.2), atol=1e-6)
    assert scaled(faded, 2).steps[1].options == {"share": 0.4}
