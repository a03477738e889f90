"""Codes and images as files: encode, decode and reconstruct from and to disk."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, as_float, chunk_length, chunks
from zscape.errors import ConfigError, DataError
from zscape.evaluation.reconstruction import mean_squared_error
from zscape.files import ArrayParts, write_arrays, write_bytes
from zscape.runs import Run

N_SHEET = 10
_PNG_CHANNELS = (1, 3, 4)  # gray, colour, colour with transparency
# What damaged files make NumPy and zipfile raise.
_READ_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    MemoryError,
    NotImplementedError,
    SyntaxError,
    zlib.error,
    zipfile.BadZipFile,
)


def write_codes(run: Run, data: str | Path | Images, out: Path) -> dict[str, int]:
    """Encode images into a `.npz` file: `codes`, and `labels` (N,) if there are any.

    Of a folder there are also `paths` (N,), and the `class_names` that labels stand for.

    Raises:
        DataError: the images cannot be read or have another shape.
    """
    images = run.load_images(data)
    arrays: dict[str, np.ndarray | ArrayParts] = {"codes": run.model.encode(images.images)}
    if images.labels is not None:
        arrays["labels"] = images.labels
    if images.class_names is not None:
        arrays["class_names"] = np.array(images.class_names)
    if images.names is not None:
        arrays["paths"] = images.names
    write_arrays(out, arrays)
    return {"n_codes": len(images), "n_latent_variables": run.model.latent_dim}


def write_decoded(run: Run, codes_path: Path, out: Path) -> dict[str, int]:
    """Decode the array `codes` of a `.npz` file into one with `images` (N, H, W, C).

    Raises:
        DataError: the file cannot be read, or its codes do not have the form of the run's.
    """
    arrays = _read_codes(codes_path)
    codes = run.model.check_codes(arrays["codes"])
    shape = (len(codes), *run.model.image_shape)
    most = chunk_length(run.model.image_shape)
    parts = (run.model.decode(part) for _, part in chunks(codes, most=most))
    decoded: dict[str, np.ndarray | ArrayParts] = {"images": ArrayParts(shape, parts)}
    if "labels" in arrays:
        decoded["labels"] = arrays["labels"]
    write_arrays(out, decoded)
    return {"n_images": len(codes)}


def write_reconstructions(
    run: Run, data: str | Path | Images, folder: Path, *, n: int | None = None
) -> dict[str, Any]:
    """Reconstruct images into a folder.

    It gets `00000.png`, ... for images of 1, 3 or 4 channels, `sheet.png` to look at, and
    `reconstructions.npz` with `images` (N, H, W, C), float32 in [0, 1], and `mse` (N,).

    Raises:
        ConfigError: `n` is below 1.
        DataError: the images cannot be read or have another shape.
    """
    from zscape.viz.images import plot_reconstructions
    from zscape.viz.style import figure_png

    if n is not None and n < 1:
        raise ConfigError(f"n is {n}; expected 1 or more.")
    images = run.load_images(data)
    images = images.take(slice(n))
    run.model.check_images(images.images)
    folder.mkdir(parents=True, exist_ok=True)
    remove_pictures(folder, beside="reconstructions.npz")
    errors = np.empty(len(images), np.float32)
    total = 0.0

    def reconstructed() -> Iterator[np.ndarray]:
        nonlocal total
        for rows, part in chunks(images.images):
            inputs = as_float(part)
            outputs = run.model.reconstruct(inputs)
            errors[rows] = np.square(outputs - inputs).mean(axis=(1, 2, 3))
            total += mean_squared_error(inputs, outputs) * len(inputs)
            write_pictures(folder, outputs, first=rows.start, n=len(images))
            yield outputs

    outputs = ArrayParts((len(images), *images.image_shape), reconstructed())
    write_arrays(folder / "reconstructions.npz", {"images": outputs, "mse": errors})
    shown = images.take(slice(N_SHEET))
    sheet = plot_reconstructions(
        as_float(shown.images), run.model.reconstruct(shown.images), shown.shown_labels, n=N_SHEET
    )
    write_bytes(folder / "sheet.png", figure_png(sheet))
    return {"folder": str(folder), "n_images": len(images), "mse": total / len(images)}


def remove_pictures(folder: Path, *, beside: str) -> None:
    """Remove the pictures of an earlier call, maybe more of them; it left the file `beside`."""
    if (folder / beside).exists():
        for path in folder.iterdir():
            if re.fullmatch(r"\d{5,}\.png", path.name):
                path.unlink()


def write_pictures(
    folder: Path, images: np.ndarray, *, first: int = 0, n: int | None = None
) -> None:
    """Write images (N, H, W, C) as `00000.png`, ...; a half-written picture does not stay.

    Images of other than 1, 3 or 4 channels are no pictures, and are left out.

    Args:
        folder: where to.
        images: floats in [0, 1].
        first: the number of the first of them.
        n: how many there are in all; these when None.
    """
    from PIL import Image

    if images.shape[-1] not in _PNG_CHANNELS:
        return
    digits = max(5, len(str((n or len(images)) - 1)))
    for index, image in enumerate(images, first):
        pixels = np.round(image * 255).astype(np.uint8)
        content = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(content, "png")
        path = folder / f"{index:0{digits}d}.png"
        try:
            path.write_bytes(content.getvalue())
        except OSError:
            path.unlink(missing_ok=True)
            raise


def _read_codes(path: Path) -> dict[str, np.ndarray]:
    expected = "expected a .npz file with an array codes (N, d), as zscape encode writes it"
    arrays: dict[str, np.ndarray] = {}
    if not path.exists():
        raise DataError(f"{path} does not exist; {expected}.")
    if path.is_dir():
        raise DataError(f"{path} is a folder; {expected}.")
    try:
        # NumPy leaves a file that it opened itself open when it cannot read it.
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile) or "codes" not in stored.files:
                raise DataError(f"{path} has no array named codes; {expected}.")
            for name in {"codes", "labels"} & set(stored.files):
                arrays[name] = stored[name]
    except _READ_ERRORS as error:
        reason = str(error).partition("\n")[0].rstrip(".")[:160] or type(error).__name__
        raise DataError(f"{path} cannot be read ({reason}); {expected}.") from error
    codes = arrays["codes"]
    if codes.dtype.kind not in "iuf":
        raise DataError(f"the codes in {path} are of type {codes.dtype}, not numbers; {expected}.")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found below
        codes = arrays["codes"] = codes.astype(np.float32)
    n_bad = int((~np.isfinite(codes)).sum())
    if n_bad:
        raise DataError(
            f"the codes in {path} hold {n_bad:,} values that are NaN, infinite or too large; "
            "replace them first."
        )
    return arrays
