"""Pictures of discs for tests: the class decides where a disc is and how large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def disc(
    k: int = 0,
    height: int = 64,
    width: int = 64,
    top: float = 255,
    dtype: Any = np.uint8,
    seed: int = 0,
) -> np.ndarray:
    """Return a disc of class k, (H, W), of brightness `top` on black."""
    rng = np.random.default_rng([seed, k])
    y, x = np.mgrid[:height, :width]
    cy, cx = height / 2 + rng.normal(0, 3), width * (k + 1) / 12 + rng.normal(0, 2)
    inside = (y - cy) ** 2 + (x - cx) ** 2 < (5 + k + rng.normal(0, 1)) ** 2
    image: np.ndarray = (inside * float(top)).astype(dtype)
    return image


def pictures(folder: Path, n: int, ending: str = "png", **options: Any) -> None:
    """Write n pictures of discs into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        Image.fromarray(disc(seed=i, **options)).save(folder / f"{i:05d}.{ending}")
