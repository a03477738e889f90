"""Codes once a model is trained: where they lie, paths through them, two-dimensional views."""

from zscape.latent.densities import Density, fit_density, load_density, save_density
from zscape.latent.paths import (
    axis_values,
    data_range,
    density_path,
    latent_grid,
    linear_path,
    spherical_path,
    traversal,
)
from zscape.latent.projection import PcaBaseline, Projection, project_codes

__all__ = [
    "Density",
    "PcaBaseline",
    "Projection",
    "axis_values",
    "data_range",
    "density_path",
    "fit_density",
    "latent_grid",
    "linear_path",
    "load_density",
    "project_codes",
    "save_density",
    "spherical_path",
    "traversal",
]
