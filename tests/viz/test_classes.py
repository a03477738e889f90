"""The colours of classes: told apart, seen on their page, and by most eyes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from zscape.viz.classes import COLORS, DARK_COLORS, DARK_GREY, GREY, MAX_CLASSES

# Deuteranopia and protanopia in linear RGB, from Machado et al. (2009).
BLINDNESS: dict[str, list[list[float]]] = {
    "none": np.eye(3).tolist(),
    "green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
              [-0.011820, 0.042940, 0.968881]],
    "red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998]],
}  # fmt: skip


def linear(colors: list[str]) -> np.ndarray:
    values = np.array([to_rgb(color) for color in colors])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Return colours in the space of Ottosson (2020), where distances are those people see."""
    lms = rgb @ np.transpose([[0.4122214708, 0.5363325363, 0.0514459929],
                              [0.2119034982, 0.6806995451, 0.1073969566],
                              [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    return np.cbrt(lms) @ np.transpose([[0.2104542553, 0.7936177850, -0.0040720468],
                                        [1.9779984951, -2.4285922050, 0.4505937099],
                                        [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def closest(colors: list[str], blindness: str) -> float:
    """Return the distance of the two colours that are most alike."""
    lab = oklab(np.clip(linear(colors) @ np.transpose(BLINDNESS[blindness]), 0, 1))
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return float(distances[np.triu_indices(len(colors), 1)].min())


@pytest.mark.parametrize(("colors", "grey"), [(COLORS, GREY), (DARK_COLORS, DARK_GREY)])
def test_twenty_colours_and_grey_are_told_apart(colors: tuple[str, ...], grey: str) -> None:
    assert len(colors) == MAX_CLASSES
    assert closest(list(colors[:10]), "none") > 0.15
    assert closest([*colors, grey], "none") > 0.09
    for blindness in ("green", "red"):
        assert closest(list(colors[:10]), blindness) > 0.075
        assert closest(list(colors), blindness) > 0.04


@pytest.mark.parametrize(
    ("colors", "page", "least"),
    [((*COLORS, GREY), "#ffffff", 1.95), ((*DARK_COLORS, DARK_GREY), "#1a1e24", 3.0)],
)
def test_every_colour_is_seen_on_its_page(colors: list[str], page: str, least: float) -> None:
    luminance = linear([*colors, page]) @ [0.2126, 0.7152, 0.0722] + 0.05
    ratios = luminance[:-1] / luminance[-1]
    assert np.maximum(ratios, 1 / ratios).min() > least
