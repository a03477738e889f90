"""Reconstructions of images, as pictures, a sheet and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, as_float, chunks
from zscape.files import ArrayParts, write_arrays, write_bytes
from zscape.jobs.picture_files import picture_folder, write_pictures
from zscape.registry import check_number
from zscape.runs import Run

N_SHEET = 10


def write_reconstructions(
    run: Run, data: str | Path | Images, folder: Path, *, n: int | None = None
) -> dict[str, Any]:
    """Reconstruct images, the first `n` of them, into a folder.

    It gets `00000.png`, ... for images of 1, 3 or 4 channels, `sheet.png` to look at, and
    `reconstructions.npz` with `images` (N, H, W, C), float32 in [0, 1], and `mse` (N,).
    """
    from zscape.viz.sheets import plot_reconstructions
    from zscape.viz.style import figure_png

    if n is not None:
        check_number("n", n, low=1, whole=True)
    images = run.load_images(data).take(slice(n))
    run.model.check_images(images.images)
    picture_folder(folder, beside="reconstructions.npz")
    errors = np.empty(len(images), np.float32)

    def reconstructed() -> Iterator[np.ndarray]:
        for rows, part in chunks(images.images):
            inputs = as_float(part)
            outputs = run.model.reconstruct(inputs)
            errors[rows] = np.square(outputs - inputs).mean(axis=(1, 2, 3))
            write_pictures(folder, outputs, first=rows.start, n=len(images))
            yield outputs

    outputs = ArrayParts((len(images), *images.image_shape), reconstructed())
    write_arrays(folder / "reconstructions.npz", {"images": outputs, "mse": errors})
    shown = images.take(slice(N_SHEET))
    sheet = plot_reconstructions(
        as_float(shown.images), run.model.reconstruct(shown.images), shown.shown_labels, n=N_SHEET
    )
    write_bytes(folder / "sheet.png", figure_png(sheet))
    mse = float(errors.mean(dtype=np.float64))
    return {"folder": str(folder), "n_images": len(images), "mse": mse}
