"""Pictures of the benchmarks: strips of images that runs leave, and the sheets of the docs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import RESULTS
from benchmarks.tables.generation import OWN, PAIRS, PEER
from benchmarks.tables.markdown import Run
from benchmarks.tables.study import BASE

SEED = 0  # of the runs that leave strips
N_SHOWN = 12  # generated images in a row
SAMPLES = range(8)  # images of the validation split whose reconstructions are kept
# The sheet of each study, and its rows below the images themselves.
SHEETS = {
    "fast": (
        "losses.png",
        (
            BASE,
            "loss: MSE and a hundredth of 1 - SSIM",
            "loss: binary cross-entropy",
            "loss: mean absolute error",
        ),
    ),
    "classic": (
        "debates.png",
        (
            "strided convolution; nearest and convolution",
            "max pooling",
            "bilinear and convolution",
            "transposed convolution",
        ),
    ),
}
PAIRED = tuple(
    (library, *side)
    for sides in PAIRS.values()
    for library, side in zip((PEER, OWN), sides, strict=True)
)


def strip_path(out: Path, *names: str) -> Path:
    """Return where the strip of a run is kept, a PNG file."""
    benchmark, *rest = names
    return out / benchmark / (re.sub(r"[^\w.=]+", "-", " ".join(rest)).strip("-").lower() + ".png")


def save_strip(images: np.ndarray, path: Path) -> None:
    """Save gray images, uint8 (N, H, W, 1), side by side."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(list(images[..., 0]), axis=1)).save(path, optimize=True)


def load_strip(path: Path, n: int) -> np.ndarray:
    """Return the `n` images of a strip, float32 (n, H, W, 1) in [0, 1]."""
    from PIL import Image

    from zscape.data.images import as_float

    with Image.open(path) as strip:
        return np.stack(np.split(as_float(np.asarray(strip)), n, axis=1))[..., None]


def draw_samples(study: str, folder: Path) -> None:
    """Draw validation images over their reconstructions by several networks, a row each."""
    from zscape.data.images import as_float
    from zscape.data.load import load_dataset

    sheet, changes = SHEETS[study]
    rows = {"the images": as_float(load_dataset("mnist", seed=SEED).validation.images[SAMPLES])}
    for change in changes:
        title = change.removeprefix("loss: ").replace(BASE, "MSE (as it is)")
        rows[title] = load_strip(strip_path(RESULTS, "study", study, change), len(SAMPLES))
    _draw_rows(rows, folder / sheet)


def draw_generated(path: Path) -> None:
    """Draw generated images of each pair of models, and below ours the nearest training images."""
    rows = {}
    for name, sides in PAIRS.items():
        for library, side in zip((PEER, OWN), sides, strict=True):
            images = load_strip(strip_path(RESULTS, "generation", library, *side), 2 * N_SHOWN)
            rows[f"{name}: {library}"] = images[:N_SHOWN]
        rows[f"{name}: nearest in training"] = images[N_SHOWN:]
    _draw_rows(rows, path)


def _draw_rows(rows: dict[str, np.ndarray], path: Path) -> None:
    from zscape.viz.sheets import plot_image_rows
    from zscape.viz.style import save_figure

    save_figure(plot_image_rows(np.stack(list(rows.values())), list(rows)), path)


def draw_memory(samples: Run, path: Path) -> None:
    """Draw the memory of a process over the number of pictures it has encoded.

    Args:
        samples: those of the soak.
        path: the PNG file to write.
    """
    from matplotlib.figure import Figure

    from zscape.viz.style import ACCENT, SECOND, look, save_figure

    with look():
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes: Any = figure.subplots()
    for kind, color in (("resident", ACCENT), ("anonymous", SECOND)):
        axes.plot(samples["encoded"], samples[kind], label=kind, color=color)
    axes.set(xlabel="pictures encoded", ylabel="memory, MiB")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(frameon=False, loc="lower right")
    save_figure(figure, path)
