"""The figures of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.data.images import Images, as_float
from zscape.errors import ConfigError, DataError, RunError
from zscape.evaluation.comparison import Evaluation, code_words
from zscape.files import write_bytes
from zscape.latent.paths import axis_values, data_range, latent_grid
from zscape.latent.projection import project_codes
from zscape.registry import check_number
from zscape.runs import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_SHEET = 10  # images on the sheet of reconstructions
MAX_GRID_VALUES = 2**28  # a gigabyte
N_GRID_CODES = 5000  # enough to see where the codes lie


def run_figures(run: Run, evaluation: Evaluation) -> dict[str, Figure]:
    """Draw the figures of a run, by the name of their file without its ending."""
    from zscape.viz.classes import label_texts
    from zscape.viz.loss import plot_loss
    from zscape.viz.sheets import plot_image_rows, plot_reconstructions

    history = run.history
    test = run.dataset.test.some(N_SHEET)
    best = min(history, key=lambda row: row["val_loss"])
    mse_only = "reconstruction_mse" not in history[0]
    drawn = {
        "loss": plot_loss(
            {name: [row[name] for row in history] for name in history[0]},
            best_epoch=int(best["epoch"]),
            baseline=(evaluation.pca or {}).get("mse") if mse_only else None,
            unit="MSE" if mse_only else "loss: MSE and terms of the bottleneck",
        ),
        "reconstructions": plot_reconstructions(
            as_float(test.images), run.model.reconstruct(test.images), label_texts(test)
        ),
        "latent": latent_map(run),
    }
    if run.model.code_shape == (2,):
        drawn["grid"] = grid(run)
    if evaluation.denoising is not None:
        samples = evaluation.denoising.samples
        drawn["denoising"] = plot_image_rows(np.stack(list(samples.values())), list(samples))
    return drawn


def write_figures(run: Run, figures: Mapping[str, Figure]) -> None:
    """Write figures into the folder of a run, by the name of their file without its ending."""
    from zscape.viz.style import figure_png

    (run.path / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        write_bytes(run.path / "figures" / f"{name}.png", figure_png(figure))


def latent_map(
    run: Run,
    data: str | Path | np.ndarray | Images | None = None,
    *,
    n: int = 1000,
    thumbnails: bool = False,
) -> Figure:
    """Draw the codes of `n` images, of the test split when `data` is None.

    They are drawn at random from all, the same ones each time; `thumbnails` draws some of them
    at their codes.

    Raises:
        ConfigError: `n` is below 1.
        DataError: the images cannot be read or have another shape.
    """
    from zscape.viz.latent import plot_latent

    check_number("n", n, low=1, whole=True)
    images = run.dataset.test if data is None else run.load_images(data)
    images = images.some(n)
    what = f"{len(images):,} code{'s' if len(images) > 1 else ''}"
    projection = project_codes(run.model.encode(images.images).reshape(len(images), -1))
    return plot_latent(
        projection.points,
        images.labels,
        class_names=images.class_names,
        images=np.asarray(images.images) if thumbnails else None,
        axis_names=projection.axis_names,
        explained=projection.explained,
        title=f"{what} of {code_words(run.model.code_shape)}",
    )


def grid(run: Run, *, low: float = -5.0, high: float = 5.0, step: float = 1.0) -> Figure:
    """Draw decoded codes on a lattice, and beside it a lattice placed where the codes lie.

    The second one is left out when the images of the run are gone or have the same code.

    Args:
        run: a run with two latent dimensions.
        low: the first value of both coordinates.
        high: the last value of both coordinates, itself included when `step` leads to it.
        step: distance between neighbours.

    Raises:
        ConfigError: the run does not have two latent dimensions, or the range is empty.
    """
    from zscape.viz.grids import plot_latent_grids

    fixed = axis_values(low, high, step)
    n, image_shape = len(fixed), run.config.image_shape
    if n * n * math.prod(image_shape) > MAX_GRID_VALUES:
        raise ConfigError(
            f"{n} x {n} images of {image_shape} are too many for one figure; choose a larger step "
            "or a smaller range."
        )
    if run.model.code_shape != (2,):
        raise ConfigError(
            f"a grid needs codes of 2 latent variables and {run.path} has "
            f"{code_words(run.model.code_shape)}; train one with `latent_dim=2`, or see its "
            "codes with zscape map."
        )

    def panel(xs: np.ndarray, ys: np.ndarray, title: str) -> tuple[Any, ...]:
        images = run.model.decode(latent_grid(xs, ys).reshape(-1, 2))
        return images.reshape(len(ys), len(xs), *image_shape), xs, ys, title

    panels = [panel(fixed, fixed, f"from {low:g} to {high:g} in steps of {step:g}")]
    try:
        images = run.dataset.train.some(N_GRID_CODES).images
    except (DataError, RunError):
        return plot_latent_grids(panels)  # they are gone; the fixed lattice needs the model only
    lows, highs = data_range(run.model.encode(images))
    if (highs > lows).all():
        xs, ys = np.linspace(lows, highs, n).T
        panels.append(panel(xs, ys, "where 99 % of the codes lie, in each direction"))
    return plot_latent_grids(panels)
