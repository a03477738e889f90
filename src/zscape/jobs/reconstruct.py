"""Reconstructions of images, as pictures, a sheet and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, as_float, chunks, drawn
from zscape.files import ArrayParts, write_arrays, write_bytes
from zscape.jobs.picture_files import picture_folder, write_pictures
from zscape.registry import check_number
from zscape.runs import Run

N_SHEET = 10


def write_reconstructions(
    run: Run, data: str | Path | Images, folder: Path, *, n: int | None = None
) -> dict[str, Any]:
    """Reconstruct images, or `n` of them drawn over all, into a folder.

    It gets `00000.png`, ... for images of 1, 3 or 4 channels, `sheet.png` to look at, and
    `reconstructions.npz` with `images` (N, H, W, C), float32 in [0, 1], `mse` (N,) and `rows`
    (N,): the number of each image among all, from 0, which is also the name of its file.
    """
    from zscape.viz.classes import label_texts
    from zscape.viz.sheets import plot_reconstructions
    from zscape.viz.style import figure_png

    if n is not None:
        check_number("n", n, low=1, whole=True)
    every = run.load_images(data)
    chosen = drawn(len(every), len(every) if n is None else n)
    images = every.take(chosen)
    run.model.check_images(images.images)
    picture_folder(folder, beside="reconstructions.npz")
    errors = np.empty(len(images), np.float32)

    def reconstructed() -> Iterator[np.ndarray]:
        for rows, part in chunks(images.images):
            inputs = as_float(part)
            outputs = run.model.reconstruct(inputs)
            errors[rows] = np.square(outputs - inputs).mean(axis=(1, 2, 3))
            for row, output in zip(chosen[rows], outputs, strict=True):
                write_pictures(folder, output[None], first=row, n=len(every))
            yield outputs

    outputs = ArrayParts((len(images), *images.image_shape), reconstructed())
    arrays = {"mse": errors, "rows": chosen}
    write_arrays(folder / "reconstructions.npz", {"images": outputs, **arrays})
    shown = images.some(N_SHEET)
    sheet = plot_reconstructions(
        as_float(shown.images), run.model.reconstruct(shown.images), label_texts(shown), n=N_SHEET
    )
    write_bytes(folder / "sheet.png", figure_png(sheet))
    mse = float(errors.mean(dtype=np.float64))
    return {"folder": str(folder), "n_images": len(images), "mse": mse}
