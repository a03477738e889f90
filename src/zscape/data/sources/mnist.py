"""MNIST, which comes with the package."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from zscape.data.images import Images
from zscape.data.sources import Source, Split
from zscape.settings import PictureConfig


class Mnist(Source):
    """The embedded MNIST; `MNIST.md` beside it has its licence and citation."""

    names = ("mnist",)
    has_splits = True
    rank = 0

    def __init__(self, location: str | Path = "mnist") -> None:
        super().__init__(location)

    @property
    def name(self) -> str:
        """The name of the set."""
        return "mnist"

    def open(
        self,
        split: Split,
        pictures: PictureConfig | None = None,
        image_shape: tuple[int, int, int] | None = None,
    ) -> Images:
        """Return the digits (N, 28, 28, 1) of a split, with their labels."""
        parts = ("train", "test") if split == "all" else (split,)
        resource = files("zscape.data") / "mnist.npz"
        with as_file(resource) as path, np.load(path, allow_pickle=False) as stored:
            images = np.concatenate([stored[f"{part}_images"] for part in parts])
            labels = np.concatenate([stored[f"{part}_labels"] for part in parts])
        return Images(images[..., np.newaxis], labels.astype(np.int64), self.name)
