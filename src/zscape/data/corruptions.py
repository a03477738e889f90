"""Image corruptions for training denoising autoencoders.

Each is one class. To add one, write another and register it under its name.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from zscape.data.images import ImageStore, as_float
from zscape.registry import Choice, Registry, check_number
from zscape.settings import CorruptionConfig


@dataclass(frozen=True)
class Corruption(ABC):
    """What is done to clean images. A subclass declares its options as fields, by `option`.

    Raises:
        ConfigError: an option is outside its range.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            name, whole = f"{field.name} of {type(self).__name__}", isinstance(field.default, int)
            value, most = getattr(self, field.name), field.metadata["most"]
            value = check_number(name, value, above=True, high=most, whole=whole)
            object.__setattr__(self, field.name, value)

    @abstractmethod
    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return new images (N, H, W, C), float32, not yet clipped; the given ones stay.

        Args:
            images: (N, H, W, C), float32 in [0, 1].
            rng: where all chance comes from.
        """

    def scaled(self, factor: float) -> Self:
        """Return the same corruption `factor` times as strong, as far as its options go."""
        options: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            changed = getattr(self, field.name) * factor ** field.metadata["power"]
            if isinstance(field.default, int):
                changed = max(1, round(changed))
            # Six digits: 1.5 times 0.2 is 0.3, not 0.30000000000000004.
            options[field.name] = min(float(f"{changed:.6g}"), field.metadata["most"])
        return replace(self, **options)


def option(default: float, *, most: float, power: int = 1) -> Any:
    """Return the field of an option, a number above 0 and at most `most`; whole if the default is.

    `power` is 1 where more is a stronger corruption, -1 where less is, 0 where neither is.
    """
    return dataclasses.field(default=default, metadata={"most": most, "power": power})


CORRUPTIONS: Registry[Corruption] = Registry(
    "corruption", "zscape.data.corruptions", base=Corruption
)
register_corruption = CORRUPTIONS.register


def corrupt(images: ImageStore, config: CorruptionConfig, seed: int | Sequence[int]) -> np.ndarray:
    """Return corrupted images (N, H, W, C), float32 in [0, 1]; the same seed gives the same."""
    corrupted = as_float(images)
    rng = np.random.default_rng(seed)
    for step in config.steps:
        corrupted = np.clip(CORRUPTIONS.make(step)(corrupted, rng), 0, 1)
    return corrupted


def scaled(config: CorruptionConfig, factor: float) -> CorruptionConfig:
    """Return the same corruptions `factor` times as strong, as far as their options go."""
    steps = (
        Choice(step.name, dataclasses.asdict(CORRUPTIONS.make(step).scaled(factor)))
        for step in config.steps
    )
    return CorruptionConfig(tuple(steps))


@register_corruption("gaussian")
@dataclass(frozen=True)
class Gaussian(Corruption):
    """Add normal noise of standard deviation `sigma` to every value."""

    sigma: float = option(0.3, most=100.0)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.asarray(images + self.sigma * rng.standard_normal(images.shape, np.float32))


@register_corruption("salt_pepper")
@dataclass(frozen=True)
class SaltPepper(Corruption):
    """Make a share `amount` of the pixels black or white, in all channels."""

    amount: float = option(0.2, most=1.0)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        draws = rng.random((*images.shape[:3], 1), dtype=np.float32)  # (N, H, W, 1)
        spoilt = np.where(draws < self.amount, np.float32(0), images)
        return np.where(draws < self.amount / 2, np.float32(1), spoilt)


@register_corruption("mask")
@dataclass(frozen=True)
class Mask(Corruption):
    """Make `count` squares of `size` pixels black in each image, wholly inside it."""

    size: int = option(8, most=10_000, power=0)  # stronger is more squares, as large
    count: int = option(3, most=1000)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, height, width, _ = images.shape
        rows, columns = min(self.size, height), min(self.size, width)
        tops = rng.integers(0, height - rows + 1, (n, self.count))
        lefts = rng.integers(0, width - columns + 1, (n, self.count))
        masked = images.copy()
        for image, image_tops, image_lefts in zip(masked, tops, lefts, strict=True):
            for top, left in zip(image_tops, image_lefts, strict=True):
                image[top : top + rows, left : left + columns] = 0
        return masked


@register_corruption("blur")
@dataclass(frozen=True)
class Blur(Corruption):
    """Blur with a Gaussian of `sigma` pixels; the edge is continued outwards."""

    sigma: float = option(1.5, most=100.0)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        return np.asarray(gaussian_filter(images, (0, self.sigma, self.sigma, 0), mode="nearest"))


@register_corruption("poisson")
@dataclass(frozen=True)
class Poisson(Corruption):
    """Count photons: each value is drawn from a Poisson distribution, with `peak` for white."""

    peak: float = option(30.0, most=1e9, power=-1)  # fewer photons are more noise

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return (rng.poisson(images * np.float64(self.peak)) / self.peak).astype(np.float32)


@register_corruption("speckle")
@dataclass(frozen=True)
class Speckle(Corruption):
    """Multiply every value with 1 and normal noise of standard deviation `sigma`."""

    sigma: float = option(0.2, most=100.0)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noise = self.sigma * rng.standard_normal(images.shape, np.float32)
        return np.asarray(images * (1 + noise))
