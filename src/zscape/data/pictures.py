"""One picture file as an image for a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zscape.errors import DataError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "F")  # gray of 16 bits and more


def read_picture(path: str | Path, image_shape: tuple[int, int, int]) -> np.ndarray:
    """Read a picture file (PNG, JPEG, ...) in the shape that a model takes.

    The picture is turned as its camera says, laid over white where it is transparent, made gray
    or coloured, and stretched to the size.

    Args:
        path: the file.
        image_shape: (H, W, C), C 1, 3 or 4.

    Returns:
        (H, W, C), float32 in [0, 1].

    Raises:
        DataError: the file cannot be read as a picture, or the model does not take pictures.
    """
    from PIL import Image, ImageOps

    path = Path(path)
    height, width, channels = image_shape
    if channels not in _MODES:
        raise DataError(f"{path}: this model takes images of {channels} channels, not pictures.")
    if not path.is_file():
        raise DataError(f"{path} is no file; expected a picture, or the number of a test image.")
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode in _DEEP_MODES:
                values = np.asarray(picture, dtype=np.float64)
                picture = Image.fromarray(np.uint8(255 * np.clip(values / _top(values), 0, 1)))
            if picture.has_transparency_data and channels < 4:
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            picture = picture.convert(_MODES[channels])
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        reason = str(error).partition("\n")[0][:160] or type(error).__name__
        raise DataError(
            f"{path} cannot be read as a picture ({reason}); give a PNG or JPEG file, "
            "or the number of a test image."
        ) from error
    return np.asarray(picture, dtype=np.float32).reshape(height, width, channels) / 255


def _top(values: np.ndarray) -> float:
    """Return the value that is white: of 16 bits, or of floats in [0, 1]."""
    return 1.0 if values.max(initial=0.0) <= 1 else 65535.0
