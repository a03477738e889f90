"""Reconstructing an image of any size tile by tile."""

from __future__ import annotations

import math

import numpy as np

from zscape.model import Autoencoder


def reconstruct_tiled(model: Autoencoder, image: np.ndarray) -> np.ndarray:
    """Reconstruct an image (H, W, C) of any size whose channels are those of the model."""
    tile_height, tile_width, channels = model.image_shape
    height, width = image.shape[:2]
    missing = (0, max(0, tile_height - height)), (0, max(0, tile_width - width)), (0, 0)
    padded = np.pad(image, missing, mode="symmetric")
    tops = _starts(padded.shape[0], tile_height)
    lefts = _starts(padded.shape[1], tile_width)
    # Of a pixel in a tile: a raised cosine in both directions, above 0 everywhere.
    waves = [np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in (tile_height, tile_width)]
    weight = np.outer(*waves)[..., None].astype(np.float32)  # (h, w, 1)
    total = np.zeros((*padded.shape[:2], channels), np.float32)
    weights = np.zeros((*padded.shape[:2], 1), np.float32)
    for top in tops:
        down = slice(top, top + tile_height)
        places = [(down, slice(left, left + tile_width)) for left in lefts]
        tiles = model.reconstruct(np.stack([padded[place] for place in places]))  # (n, h, w, C)
        for place, tile in zip(places, tiles, strict=True):
            total[place] += weight * tile
            weights[place] += weight
    return np.clip((total / weights)[:height, :width], 0, 1)


def _starts(size: int, tile: int) -> list[int]:
    """Return where tiles begin that cover `size` pixels and overlap by half or more."""
    n_tiles = 1 + math.ceil((size - tile) / max(1, tile // 2))
    return [round(start) for start in np.linspace(0, size - tile, n_tiles)]
