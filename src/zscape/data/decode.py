"""One picture, decoded upright and fitted into an image for a model."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zscape.data.pictures import (
    DEEP_MODES,
    Part,
    UnreadablePictureError,
    load_upright,
    quiet_pillow,
)
from zscape.data.white import BYTE, White, find_white
from zscape.errors import PARSE_ERRORS, DataError, reason_of
from zscape.remote import as_path
from zscape.settings import Background, Fit

if TYPE_CHECKING:
    from PIL import Image

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_TAGS = {"bits": 258, "largest": 281}  # of TIFF: BitsPerSample and MaxSampleValue


@dataclass(frozen=True)
class Rendering:
    """How pictures become images, for all pictures of a set alike."""

    fit: Fit = "stretch"
    background: Background = "white"  # behind what is transparent, and beside a padded picture
    exact: bool = False  # values as they are stored, float32, for the white is not known yet

    @property
    def paper(self) -> str:
        """The colour of the background."""
        return "black" if self.background == "black" else "white"


def read_picture(
    path: str | Path,
    image_shape: tuple[int, int, int],
    how: Rendering | None = None,
    *,
    white: float | None = None,
) -> np.ndarray:
    """Read a picture file in the shape (H, W, C) that a model takes, as float32 in [0, 1].

    The picture is turned as its camera says, laid over the background where it is transparent
    (unless the model has a channel for transparency), made gray or coloured, and fitted to the
    size: `crop` cuts off what is too long, `pad` adds background, `stretch` changes proportions.
    Of an animation the first frame is taken. The content of the file decides its kind, not its
    name. `white` is the value that becomes 1.0, if it holds all values of the picture.
    """
    path = as_path(path)
    if image_shape[2] not in _MODES:
        raise DataError(
            f"{path}: this model takes images of {image_shape[2]} channels, not pictures."
        )
    if not path.is_file():
        raise DataError(f"{path} is no file; expected a picture, or the number of a test image.")
    how = how or Rendering()
    with quiet_pillow():
        image, limit = decode_picture(path, image_shape, Rendering(how.fit, how.background, True))
    top = float(image[np.isfinite(image)].max(initial=0))
    return find_white(*((top, None) if limit == BYTE else (None, top)), kept=white).scale(
        image, limit
    )


def decode_picture(
    path: Path | io.BytesIO,
    image_shape: tuple[int, int, int],
    how: Rendering,
    part: Part | None = None,
    white: White | None = None,
) -> tuple[np.ndarray, float]:
    """Decode a picture in any thread; call it under `quiet_pillow`.

    Returns:
        The image (H, W, C) and what its values may be at most: 255 for a picture of 8 bits, the
        value that the file says is white, or infinity. If `how.exact` is set the image is float32
        with the values that are stored, and infinite where it is white whatever they are. Else it
        is uint8, and a picture of more bits is divided by `white`.
    """
    height, width, channels = image_shape
    # A JPEG file can be decoded at a half, a quarter or an eighth of its size, which is faster.
    picture = load_upright(path, part, at_least=(2 * width, 2 * height))
    try:
        if picture.mode in DEEP_MODES:
            image, limit = _deep(path, picture, image_shape, how), white_of_file(picture)
            if how.exact:
                return image, limit
            scaled = within(path, image, limit, white or White(BYTE))
            return (255 * scaled).astype(np.uint8), limit
        picture = flattened(picture, how.paper, channels)
        if how.exact:
            bands = [np.asarray(band, np.float32) for band in picture.split()]
            return np.stack([_exact(band, width, height, how) for band in bands], axis=-1), BYTE
        fitted = _fitted(picture, width, height, how)
    except PARSE_ERRORS as error:
        if isinstance(error, UnreadablePictureError):
            raise
        raise UnreadablePictureError(path, reason_of(error)) from error
    return fitted.reshape(height, width, channels), BYTE


def white_of_file(picture: Image.Image) -> float:
    """Return the value that a deep picture's file says is white; infinity if it does not."""
    if picture.format == "PPM":  # Pillow stretches what the header says is white to this
        return 65535.0
    tags = getattr(picture, "tag_v2", {})
    largest, bits = tags.get(_TAGS["largest"]), tags.get(_TAGS["bits"])
    if largest and 0 < float(largest[0]) < 65535:
        return float(largest[0])
    if bits and 8 < int(bits[0]) < 16:
        return float(2 ** int(bits[0]) - 1)
    return float("inf")


def flattened(picture: Image.Image, background: str, channels: int) -> Image.Image:
    """Return a picture of 8 bits with so many channels, laid over the background."""
    from PIL import Image

    if picture.has_transparency_data and channels < 4:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, background), picture)
    return picture.convert(_MODES[channels])


def _deep(
    path: Path | io.BytesIO,
    picture: Image.Image,
    image_shape: tuple[int, int, int],
    how: Rendering,
) -> np.ndarray:
    """Return the values of a gray picture of more than 8 bits, fitted, (H, W, C) float32."""
    height, width, channels = image_shape
    values = np.asarray(picture, dtype=np.float32)
    if not np.isfinite(values).all():
        raise UnreadablePictureError(path, "it has NaN or infinite values")
    if (low := float(values.min(initial=0))) < 0:
        raise UnreadablePictureError(path, f"it has values below 0, down to {low:.6g}")
    image = _exact(values, width, height, how)[..., None]
    if channels == 4:
        return np.concatenate([np.repeat(image, 3, -1), np.full_like(image, np.inf)], axis=-1)
    return np.repeat(image, channels, axis=-1)


def _exact(values: np.ndarray, width: int, height: int, how: Rendering) -> np.ndarray:
    """Return one channel (H, W) of float32 fitted, with no value beyond those it has."""
    from PIL import Image

    fitted = _fitted(Image.fromarray(values), width, height, how)
    # Lanczos overshoots at edges.
    limited = np.clip(fitted, values.min(), values.max())
    return np.where(np.isfinite(fitted), limited, fitted)


def within(path: Path | io.BytesIO, image: np.ndarray, limit: float, white: White) -> np.ndarray:
    """Scale an exact image (H, W, C) by the white of its set, which must hold its values."""
    top = float(image[np.isfinite(image)].max(initial=0))
    if limit == float("inf") and top > white.value:
        raise UnreadablePictureError(
            path,
            f"its values reach {top:,.6g}, above the white of the other pictures, "
            f"{white.value:,.6g}: name the white of all",
        )
    return white.scale(image, limit)


def _fitted(picture: Image.Image, width: int, height: int, how: Rendering) -> np.ndarray:
    """Return a picture of one size, (H, W) or (H, W, C)."""
    from PIL import Image, ImageOps

    resampling = Image.Resampling.LANCZOS
    if how.fit == "crop":
        return np.asarray(ImageOps.fit(picture, (width, height), resampling))
    if how.fit == "stretch":
        return np.asarray(picture.resize((width, height), resampling))
    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    resized = picture.resize(size, resampling)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    if picture.mode == "F":
        framed = np.full((height, width), np.inf if how.paper == "white" else 0, np.float32)
        framed[top : top + size[1], left : left + size[0]] = np.asarray(resized)
        return framed
    frame = Image.new(picture.mode, (width, height), how.paper)
    frame.paste(resized, (left, top))
    return np.asarray(frame)
