"""Corruption of images: what a network that shall learn to denoise is given to see.

Each function takes float32 images (N, H, W, C) in [0, 1] and gives new ones; what leaves [0, 1] is
clipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from zscape._shim import CORRUPTION_LIMITS, CORRUPTION_OPTIONS, CORRUPTIONS, CorruptionName, Noise
from zscape.data.images import as_float
from zscape.settings import CorruptionConfig

_UPSIDE_DOWN = ("peak",)  # options of which less means more noise


def corrupt(images: np.ndarray, config: CorruptionConfig, seed: int | Sequence[int]) -> np.ndarray:
    """Return corrupted images; the same seed gives the same.

    Args:
        images: (N, H, W, C) of any type that `as_float` takes; they stay as they are.
        config: the corruptions, applied one after the other.
        seed: seeds all of them, as `numpy.random.default_rng` takes it.

    Returns:
        (N, H, W, C), float32 in [0, 1].
    """
    corrupted = as_float(images)
    rng = np.random.default_rng(seed)
    for step in map(CORRUPTIONS.complete, config.steps):
        corrupted = np.clip(_FUNCTIONS[step.name](corrupted, rng, **step.options), 0, 1)
    return corrupted


def scaled(config: CorruptionConfig, factor: float) -> CorruptionConfig:
    """Return the same corruptions `factor` times as strong, as far as their options go."""
    return CorruptionConfig(
        steps=tuple(_scaled(step, factor) for step in map(CORRUPTIONS.complete, config.steps))
    )


def _scaled(step: Noise, factor: float) -> Noise:
    options = {}
    for name, value in step.options.items():
        changed = value / factor if name in _UPSIDE_DOWN else value * factor
        if isinstance(CORRUPTION_OPTIONS[step.name][name], int):
            changed = max(1, round(changed))
        # Six digits: 1.5 times 0.2 is 0.3, not 0.30000000000000004.
        options[name] = min(float(f"{changed:.6g}"), CORRUPTION_LIMITS[name])
    if step.name == "mask":  # as large squares, and more of them
        options["size"] = step.options["size"]
    return Noise(name=step.name, options=options)


def _gaussian(images: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Add normal noise of standard deviation `sigma` to every value."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    noise *= sigma
    noise += images
    return noise


def _salt_pepper(images: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """Make a share `amount` of the pixels black or white, in all channels."""
    draws = rng.random((*images.shape[:3], 1), dtype=np.float32)  # (N, H, W, 1)
    spoilt = np.where(draws < amount, np.float32(0), images)
    return np.where(draws < amount / 2, np.float32(1), spoilt)


def _mask(images: np.ndarray, rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    """Make `count` squares of `size` pixels black in each image, wholly inside it."""
    n, height, width, _ = images.shape
    rows, columns = min(size, height), min(size, width)
    tops = rng.integers(0, height - rows + 1, (n, count))
    lefts = rng.integers(0, width - columns + 1, (n, count))
    masked = images.copy()
    for image, image_tops, image_lefts in zip(masked, tops, lefts, strict=True):
        for top, left in zip(image_tops, image_lefts, strict=True):
            image[top : top + rows, left : left + columns] = 0
    return masked


def _blur(images: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Blur with a Gaussian of `sigma` pixels; the edge is continued outwards."""
    from scipy.ndimage import gaussian_filter

    blurred: np.ndarray = gaussian_filter(images, (0, sigma, sigma, 0), mode="nearest")
    return blurred


def _poisson(images: np.ndarray, rng: np.random.Generator, peak: float) -> np.ndarray:
    """Count photons: each value is drawn from a Poisson distribution, with `peak` for white."""
    return (rng.poisson(images * np.float64(peak)) / peak).astype(np.float32)


def _speckle(images: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    """Multiply every value with 1 and normal noise of standard deviation `sigma`."""
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    noise *= sigma
    noise += 1
    noise *= images
    return noise


_FUNCTIONS: dict[CorruptionName, Callable[..., np.ndarray]] = {
    "gaussian": _gaussian,
    "salt_pepper": _salt_pepper,
    "mask": _mask,
    "blur": _blur,
    "poisson": _poisson,
    "speckle": _speckle,
}
