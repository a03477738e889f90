"""Picture files: decoded, turned upright, and made into images for a model."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zscape.data.arrays import PARSE_ERRORS
from zscape.errors import DataError
from zscape.settings import Fit

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".gif", ".tif", ".tiff")
KINDS = "PNG, JPEG, WebP, BMP, GIF or TIFF"
MAX_PIXELS = 2**27  # 134 million; of more, decoding takes gigabytes
DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "F")  # gray of 16 bits and more
BACKGROUND = "white"  # behind what is transparent, and beside a padded picture

_MAX_TINT = 8  # by how much the channels of a gray picture may differ, as JPEG rounds
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class UnreadablePictureError(DataError):
    """A file cannot be read as a picture.

    Attributes:
        reason: why, in a few words.
    """

    def __init__(self, path: Path | io.BytesIO, reason: str) -> None:
        name = path if isinstance(path, Path) else "the file"
        super().__init__(
            f"{name} cannot be read as a picture ({reason}); expected a whole {KINDS} file."
        )
        self.reason = reason


def read_picture(
    path: str | Path, image_shape: tuple[int, int, int], fit: Fit = "stretch"
) -> np.ndarray:
    """Read a picture file in the shape that a model takes.

    The picture is turned as its camera says, laid over white where it is transparent (unless the
    model has a channel for transparency), made gray or coloured, and fitted to the size. Of an
    animation the first frame is taken.

    Args:
        path: a PNG, JPEG, WebP, BMP, GIF or TIFF file; its content decides which, not its name.
        image_shape: (H, W, C), C 1, 3 or 4.
        fit: `crop` cuts off what is too long, `pad` adds white, `stretch` changes proportions.

    Returns:
        (H, W, C), uint8.

    Raises:
        DataError: the file cannot be read as a picture, or the model does not take pictures.
    """
    path = Path(path)
    if image_shape[2] not in _MODES:
        raise DataError(
            f"{path}: this model takes images of {image_shape[2]} channels, not pictures."
        )
    if not path.is_file():
        raise DataError(f"{path} is no file; expected a picture, or the number of a test image.")
    with quiet_pillow():
        return decode_picture(path, image_shape, fit)


def decode_picture(
    path: Path | io.BytesIO, image_shape: tuple[int, int, int], fit: Fit
) -> np.ndarray:
    """Do what `read_picture` does, in any thread; call it under `quiet_pillow`.

    Raises:
        UnreadablePictureError: the file is damaged, too large or of another kind.
    """
    from PIL import Image, ImageOps

    height, width, channels = image_shape
    # A JPEG file can be decoded at a half, a quarter or an eighth of its size, which is faster.
    picture = load_upright(path, at_least=(2 * width, 2 * height))
    try:
        if picture.mode in DEEP_MODES:
            values = np.asarray(picture, dtype=np.float64)
            picture = Image.fromarray(np.uint8(255 * deep_values(values)))
        if picture.has_transparency_data and channels < 4:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, BACKGROUND), picture)
        picture = picture.convert(_MODES[channels])
        resampling = Image.Resampling.LANCZOS
        if fit == "crop":
            picture = ImageOps.fit(picture, (width, height), resampling)
        elif fit == "pad":
            picture = _padded(picture, width, height)
        else:
            picture = picture.resize((width, height), resampling)
    except PARSE_ERRORS as error:
        raise UnreadablePictureError(path, _reason(error)) from error
    return np.asarray(picture).reshape(height, width, channels)


def load_upright(
    path: Path | io.BytesIO, *, at_least: tuple[int, int] | None = None
) -> Image.Image:
    """Decode a picture file as it is, and turn it as its camera says.

    Args:
        path: the file, or its content.
        at_least: (width, height) that will do; a larger JPEG may then be decoded smaller.

    Returns:
        A Pillow image of any mode, with the `format` of the file.

    Raises:
        UnreadablePictureError: the file is damaged, too large or of another kind.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as opened:
            width, height = opened.size
            if width * height > MAX_PIXELS:
                raise UnreadablePictureError(
                    path, f"it has {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} are read"
                )
            if at_least is not None:
                opened.draft(None, at_least)  # keeps the mode; other formats ignore it
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            upright.format = opened.format  # a copy has none
            return upright
    except UnreadablePictureError:
        raise
    except UnidentifiedImageError as error:
        empty = not (path.getvalue() if isinstance(path, io.BytesIO) else path.stat().st_size)
        reason = "it is empty" if empty else f"its content is not {KINDS}"
        raise UnreadablePictureError(path, reason) from error
    except Image.DecompressionBombError as error:
        reason = f"it has too many pixels; at most {MAX_PIXELS:,} are read"
        raise UnreadablePictureError(path, reason) from error
    except PARSE_ERRORS as error:
        raise UnreadablePictureError(path, _reason(error)) from error


def deep_values(values: np.ndarray) -> np.ndarray:
    """Return gray values of 16 bits, or floats, in [0, 1]."""
    scaled: np.ndarray = np.clip(np.nan_to_num(values) / deep_white(values), 0, 1)
    return scaled


def deep_white(values: np.ndarray) -> float:
    """Return the value that is white: 1 for floats in [0, 1], else that of 16 bits."""
    return 1.0 if np.nan_to_num(values).max(initial=0.0) <= 1 else 65535.0


def is_gray(path: Path | io.BytesIO) -> bool:
    """Tell whether a picture has no colours; one that cannot be read has none."""
    try:
        picture = load_upright(path, at_least=(64, 64))
        if picture.mode in ("1", "L", "LA", *DEEP_MODES):
            return True
        pixels = np.asarray(picture.convert("RGB"), np.int16)
    except (UnreadablePictureError, *PARSE_ERRORS):
        return True
    return int(np.ptp(pixels, axis=-1).max(initial=0)) <= _MAX_TINT


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings about odd files from the user; not to be entered by two threads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        yield


def _padded(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Fit a picture into the middle of a white one."""
    from PIL import Image

    scale = min(width / picture.width, height / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    framed = Image.new(picture.mode, (width, height), BACKGROUND)
    resized = picture.resize(size, Image.Resampling.LANCZOS)
    framed.paste(resized, ((width - size[0]) // 2, (height - size[1]) // 2))
    return framed


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())[:160].rstrip(".")
    return text or type(error).__name__
