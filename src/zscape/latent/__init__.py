"""Codes once a model is trained: where they lie, paths through them, two-dimensional views."""

from zscape.latent.paths import axis_values, data_range, latent_grid
from zscape.latent.projection import PcaBaseline, Projection, project_codes

__all__ = [
    "PcaBaseline",
    "Projection",
    "axis_values",
    "data_range",
    "latent_grid",
    "project_codes",
]
