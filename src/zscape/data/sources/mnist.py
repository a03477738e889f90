"""MNIST, which comes with the package."""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np

from zscape.data.images import Images
from zscape.data.sources import Source, Wanted


class Mnist(Source):
    """The embedded MNIST; `MNIST.md` beside it has its licence and citation."""

    name = "mnist"
    names = (name,)
    rank = 0

    def read(self, wanted: Wanted) -> Images:
        """Return the digits (N, 28, 28, 1) of both splits, with their labels."""
        parts = ("train", "test")
        with as_file(files("zscape.data") / "mnist.npz") as path, np.load(path) as stored:
            images = np.concatenate([stored[f"{part}_images"] for part in parts])
            labels = np.concatenate([stored[f"{part}_labels"] for part in parts])
            splits = np.repeat(parts, [len(stored[f"{part}_labels"]) for part in parts])
        images = images[..., np.newaxis]
        return Images(images, labels.astype(np.int64), self.name, splits=splits, white=255.0)
