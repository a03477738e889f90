"""Pictures of a model: functions that take arrays and return a matplotlib Figure.

Nothing is shown, and nothing is saved but by `save_figure`; `figure_png` gives the bytes.
"""

from zscape.viz.grids import GridPanel, plot_latent_grid, plot_latent_grids
from zscape.viz.images import plot_reconstructions
from zscape.viz.latent import plot_latent
from zscape.viz.loss import plot_loss
from zscape.viz.style import figure_png, save_figure

__all__ = [
    "GridPanel",
    "figure_png",
    "plot_latent",
    "plot_latent_grid",
    "plot_latent_grids",
    "plot_loss",
    "plot_reconstructions",
    "save_figure",
]
