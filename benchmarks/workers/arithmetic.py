"""Operations per image of the tutorial's network: `python -m benchmarks.workers.arithmetic`."""

from __future__ import annotations

import json
import math
from typing import Any


def operations_per_image(model: Any) -> int:
    """Return multiplications and additions of one pass forward, upsampling fused.

    Biases and activations, a hundredth of it, are left out.

    Args:
        model: an `Autoencoder`.
    """
    return 2 * sum(
        _products(layer) for part in (model.encoder, model.decoder) for layer in part.layers
    )


def _products(layer: Any) -> int:
    from zscape.nn.layers import UpsampleConv2D

    if not hasattr(layer, "kernel"):
        return 0
    if isinstance(layer, UpsampleConv2D):
        # 16 taps at each input pixel; its own kernel, before taps are summed, has 9.
        return math.prod(layer.input.shape[1:]) * 16 * layer.filters
    # A dense layer has no pixels: the product is then 1.
    n_pixels = math.prod(layer.output.shape[1:-1])
    return n_pixels * math.prod(layer.kernel.shape)


def main() -> None:
    """Print the figure for the tutorial's network."""
    from zscape.model import build_autoencoder
    from zscape.settings import NetworkConfig

    network = NetworkConfig(preset="classic", latent_dim=10)
    print(json.dumps(operations_per_image(build_autoencoder((28, 28, 1), network))))


if __name__ == "__main__":
    main()
