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
    has_splits = True
    rank = 0

    def read(self, wanted: Wanted) -> Images:
        """Return the digits (N, 28, 28, 1) of a split, with their labels."""
        parts = ("train", "test") if wanted.split == "all" else (wanted.split,)
        with as_file(files("zscape.data") / "mnist.npz") as path, np.load(path) as stored:
            images = np.concatenate([stored[f"{part}_images"] for part in parts])
            labels = np.concatenate([stored[f"{part}_labels"] for part in parts])
        return Images(images[..., np.newaxis], labels.astype(np.int64), self.name)
