"""The preset `quality`."""

from zscape.nn.presets import Recipe, register_preset
from zscape.nn.presets._residual import ResidualPreset


@register_preset("quality")
class QualityPreset(ResidualPreset):
    """A larger residual network, with three blocks at the innermost size."""

    recipe = Recipe(324_000, "muon", 1e-2)
    depth = 3
