"""Pictures of a model: functions that take arrays and return a matplotlib Figure.

Nothing is shown, and nothing is saved but by `save_figure`; `figure_png` gives the bytes.
"""

from zscape.viz.grids import GridPanel as GridPanel
from zscape.viz.grids import plot_latent_grid as plot_latent_grid
from zscape.viz.grids import plot_latent_grids as plot_latent_grids
from zscape.viz.latent import plot_latent as plot_latent
from zscape.viz.loss import plot_loss as plot_loss
from zscape.viz.pareto import plot_pareto as plot_pareto
from zscape.viz.sheets import plot_reconstructions as plot_reconstructions
from zscape.viz.style import figure_png as figure_png
from zscape.viz.style import save_figure as save_figure
