"""Codes and images as files: encode, decode and reconstruct from and to disk."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.datasets import as_float, load_images
from zscape.errors import ConfigError, DataError
from zscape.evaluation.metrics import mean_squared_error
from zscape.files import write_atomically, write_bytes
from zscape.runs import Run

_PNG_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def write_codes(run: Run, data: str | Path, out: Path) -> dict[str, int]:
    """Encode images into a `.npz` file: `codes` (N, d) and, if there are any, `labels` (N,).

    Raises:
        DataError: the images cannot be read or have another shape.
    """
    images = load_images(data)
    arrays = {"codes": run.model.encode(images.images)}
    if images.labels is not None:
        arrays["labels"] = images.labels
    _write_npz(out, arrays)
    return {"n_codes": len(images), "n_latent_variables": run.model.latent_dim}


def write_decoded(run: Run, codes_path: Path, out: Path) -> dict[str, int]:
    """Decode the array `codes` (N, d) of a `.npz` file into one with `images` (N, H, W, C).

    Raises:
        DataError: the file cannot be read, or its codes do not have the form of the run's.
    """
    arrays = _read_codes(codes_path)
    decoded = {"images": run.model.decode(arrays["codes"])}
    if "labels" in arrays:
        decoded["labels"] = arrays["labels"]
    _write_npz(out, decoded)
    return {"n_images": len(decoded["images"])}


def write_reconstructions(
    run: Run, data: str | Path, folder: Path, *, n: int | None = None
) -> dict[str, Any]:
    """Reconstruct images into a folder.

    It gets `00000.png`, ... for images of 1, 3 or 4 channels, `sheet.png` to look at, and
    `reconstructions.npz` with `images` (N, H, W, C), float32 in [0, 1], and `mse` (N,).

    Raises:
        ConfigError: `n` is below 1.
        DataError: the images cannot be read or have another shape.
    """
    from PIL import Image

    from zscape.viz.images import plot_reconstructions
    from zscape.viz.style import figure_png

    if n is not None and n < 1:
        raise ConfigError(f"n is {n}; expected 1 or more.")
    images = load_images(data)
    images = images.take(np.arange(min(n or len(images), len(images))))
    inputs = as_float(images.images)
    outputs = run.model.reconstruct(inputs)
    folder.mkdir(parents=True, exist_ok=True)
    errors = np.square(outputs - inputs).mean(axis=(1, 2, 3))  # (N,)
    _write_npz(folder / "reconstructions.npz", {"images": outputs, "mse": errors})
    write_bytes(
        folder / "sheet.png", figure_png(plot_reconstructions(inputs, outputs, images.labels))
    )
    mode = _PNG_MODES.get(outputs.shape[-1])
    if mode is not None:
        digits = max(5, len(str(len(outputs) - 1)))
        for index, pixels in enumerate(np.round(outputs * 255).astype(np.uint8)):
            picture = Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode)
            picture.save(folder / f"{index:0{digits}d}.png")
    return {
        "folder": str(folder),
        "n_images": len(outputs),
        "mse": mean_squared_error(inputs, outputs),
    }


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: np.savez_compressed(temporary, **arrays))


def _read_codes(path: Path) -> dict[str, np.ndarray]:
    expected = "expected a .npz file with an array codes (N, d), as zscape encode writes it"
    try:
        with np.load(path, allow_pickle=False) as stored:
            if not isinstance(stored, np.lib.npyio.NpzFile) or "codes" not in stored.files:
                raise DataError(f"{path} has no array named codes; {expected}.")
            arrays = {name: stored[name] for name in ("codes", "labels") if name in stored.files}
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; {expected}.") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read: {error}; {expected}.") from error
    if arrays["codes"].dtype.kind not in "iuf" or not np.isfinite(arrays["codes"]).all():
        raise DataError(f"the codes in {path} are not all finite numbers; {expected}.")
    return arrays
