"""Images from the codes of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zscape.data.images import chunk_length, chunks
from zscape.errors import DataError
from zscape.files import ArrayParts, write_arrays
from zscape.npz import load_arrays
from zscape.runs import Run


def write_decoded(run: Run, codes_path: Path, out: Path) -> dict[str, int]:
    """Decode the array `codes` of a `.npz` file into one with `images` (N, H, W, C)."""
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


def _read_codes(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays `codes`, as float32, and `labels` of a file."""
    expected = "expected a .npz file with an array codes (N, d), as zscape encode writes it"
    if not path.exists() or path.is_dir():
        what = "is a folder" if path.exists() else "does not exist"
        raise DataError(f"{path} {what}; {expected}.")
    try:
        arrays = load_arrays(path, ("codes", "labels"))
    except ValueError as error:
        raise DataError(f"{path} cannot be read ({error}); {expected}.") from error
    if "codes" not in arrays:
        raise DataError(f"{path} has no array named codes; {expected}.")
    codes = arrays["codes"]
    if codes.dtype.kind not in "iuf":
        raise DataError(f"the codes in {path} are of type {codes.dtype}, not numbers; {expected}.")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is found below
        codes = arrays["codes"] = codes.astype(np.float32)
    if n_bad := int((~np.isfinite(codes)).sum()):
        raise DataError(
            f"the codes in {path} hold {n_bad:,} values that are NaN, infinite or too large; "
            "replace them first."
        )
    return arrays
