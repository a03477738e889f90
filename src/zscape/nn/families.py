"""All bottlenecks, by the name that the configuration gives them."""

from __future__ import annotations

from zscape._shim import BOTTLENECKS, BottleneckName
from zscape.nn.bottleneck import (
    Bottleneck,
    MmdBottleneck,
    PlainBottleneck,
    RegularizedBottleneck,
    SphereBottleneck,
)
from zscape.nn.quantized import ScalarQuantizedBottleneck, VectorQuantizedBottleneck
from zscape.nn.variational import GaussianBottleneck, TotalCorrelationBottleneck
from zscape.settings import BottleneckConfig

CLASSES: dict[BottleneckName, type[Bottleneck]] = {
    "plain": PlainBottleneck,
    "gaussian": GaussianBottleneck,
    "tc": TotalCorrelationBottleneck,
    "mmd": MmdBottleneck,
    "regularized": RegularizedBottleneck,
    "vq": VectorQuantizedBottleneck,
    "fsq": ScalarQuantizedBottleneck,
    "sphere": SphereBottleneck,
}


def build_bottleneck(config: BottleneckConfig, *, n_values: int = 1, seed: int = 0) -> Bottleneck:
    """Build the bottleneck that `config` names.

    Args:
        config: name and options.
        n_values: H W C of an image.
        seed: seeds what is random in training.
    """
    # Codes stay float32, whatever the global policy is: bfloat16 would keep three digits only.
    return CLASSES[config.name](
        n_values=n_values,
        seed=seed,
        name="bottleneck",
        dtype="float32",
        **BOTTLENECKS.complete(config).options,
    )
