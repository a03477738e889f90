"""The preset `fast`."""

from zscape.nn.presets import Recipe, register_preset
from zscape.nn.presets._residual import ResidualPreset


@register_preset("fast")
class FastPreset(ResidualPreset):
    """A small residual network, with one block at the innermost size."""

    recipe = Recipe(110_000, "muon", 1e-2)
    depth = 1
