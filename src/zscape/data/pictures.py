"""Picture files: as a source lists them, and decoded, upright, into images for a model."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zscape.errors import DataError
from zscape.reporter import Reporter
from zscape.settings import Fit

if TYPE_CHECKING:
    from PIL import Image

# Those that Pillow reads itself and tells by their first bytes.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
ENDINGS = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".webp", ".bmp",
    ".dib", ".gif", ".tif", ".tiff", ".pgm", ".ppm", ".pbm", ".pnm", ".jp2", ".j2k", ".jpx",
    ".jpf", ".avif",
)  # fmt: skip
KINDS = "PNG, JPEG, WebP, BMP, GIF, TIFF, PGM, PPM, JPEG 2000 or AVIF"
NO_PICTURE = "no picture by the ending of its name"
HEIC_ENDINGS = (".heic", ".heif", ".hif")
HEIC = "HEIC is not read; save it as JPEG, for example: magick mogrify -format jpg *.heic"
MAX_PIXELS = 2**27  # 134 million; of more, decoding takes gigabytes
MAX_PIXELS_OF = {"JPEG2000": 2**24}  # takes up to 20 bytes for each, which a header alone claims
DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "F")  # gray of 16 bits and more
BACKGROUND = "white"  # behind what is transparent, and beside a padded picture
CACHE_VERSION = 2  # counted up when the same pictures are decoded to other values

MAX_SKIPPED_LINES = 20

_MAX_TINT = 8  # by how much the channels of a gray picture may differ, as JPEG rounds
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

# What damaged and hostile files make the libraries raise that read them.
PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def hindrance_of(name: str) -> str:
    """Return why a file of this name is not read as a picture, in a few words, or nothing."""
    if name.lower().endswith(HEIC_ENDINGS):
        return HEIC
    return "" if name.lower().endswith(ENDINGS) else NO_PICTURE


@dataclass(frozen=True)
class Skipped:
    """A file that was left out."""

    path: str  # within the folder, with `/`
    reason: str  # in a few words


def report_skipped(skipped: Sequence[Skipped], reporter: Reporter, where: str = "") -> None:
    """Say which files were left out and why; of many, the first ones, and `where` the rest is."""
    for item in skipped[:MAX_SKIPPED_LINES]:
        reporter.say(f"left out: {item.path}: {item.reason}")
    if len(skipped) > MAX_SKIPPED_LINES:
        reporter.say(f"left out: {len(skipped) - MAX_SKIPPED_LINES:,} more files{where}")


@dataclass(frozen=True)
class PictureList:
    """Pictures that are still encoded."""

    names: list[str]  # of each picture: its path in the folder, in the archive, or a number
    labels: list[str] | list[int] | None  # one for each picture; "" or -1 where it is not known
    class_names: tuple[str, ...] | None  # what whole numbers stand for, where that is known
    skipped: list[Skipped]
    files: list[Path]  # that all comes from
    sizes: list[int]  # bytes of each picture, or of each file where that is not known
    open: Callable[[int], Path | io.BytesIO]  # path or content of a picture, in any thread
    splits: list[str] | None = None  # train, validation or test, for each picture
    notes: tuple[str, ...] = ()  # what the user is to be told about how they are listed

    def __len__(self) -> int:
        return len(self.names)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the names and the sizes."""
        return hashlib.sha256(repr((self.names, self.sizes)).encode(errors="replace")).hexdigest()

    def key(self, fit: Fit, image_shape: Sequence[int], rows: np.ndarray | None = None) -> str:
        """Return a name for decoded pictures, all or those at `rows`, in any order.

        Any change of a file, of `fit` or of the `image_shape` (H, W, C) gives another.
        """
        digest = hashlib.sha256(repr((CACHE_VERSION, fit, *image_shape)).encode())
        if rows is not None and len(rows) < len(self):
            digest.update(np.sort(rows).tobytes())
        for path in self.files:
            facts = path.stat()
            text = f"\0{path}\0{facts.st_size}\0{facts.st_mtime_ns}"
            digest.update(text.encode(errors="replace"))
        return digest.hexdigest()[:32]

    def numbered_labels(self) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
        """Return the labels as whole numbers (N,), and the names of these, where there are any."""
        if self.labels is None:
            return None, None
        values = np.array(self.labels)
        if values.dtype.kind != "U":
            return values.astype(np.int64), self.class_names
        names = np.unique(values[values != ""])
        numbers = np.where(values == "", -1, np.searchsorted(names, values))
        return numbers.astype(np.int64), tuple(names.tolist())


class UnreadablePictureError(DataError):
    """A file cannot be read as a picture; `reason` says why in a few words."""

    def __init__(self, path: Path | io.BytesIO, reason: str) -> None:
        name = path if isinstance(path, Path) else "the file"
        super().__init__(
            f"{name} cannot be read as a picture ({reason}); expected a whole {KINDS} file."
        )
        self.reason = reason


def read_picture(
    path: str | Path, image_shape: tuple[int, int, int], fit: Fit = "stretch"
) -> np.ndarray:
    """Read a picture file in the shape (H, W, C) that a model takes, as uint8.

    The picture is turned as its camera says, laid over white where it is transparent (unless the
    model has a channel for transparency), made gray or coloured, and fitted to the size: `crop`
    cuts off what is too long, `pad` adds white, `stretch` changes proportions. Of an animation the
    first frame is taken. The content of the file decides its kind, not its name.
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
    """Do what `read_picture` does, in any thread; call it under `quiet_pillow`."""
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
        raise UnreadablePictureError(path, reason_of(error)) from error
    return np.asarray(picture).reshape(height, width, channels)


def load_upright(
    path: Path | io.BytesIO, *, at_least: tuple[int, int] | None = None
) -> Image.Image:
    """Decode a picture file as it is, with its `format`, and turn it as its camera says.

    A JPEG larger than `at_least` (width, height) may be decoded smaller.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as opened:
            width, height = opened.size
            most = MAX_PIXELS_OF.get(opened.format or "", MAX_PIXELS)
            if width * height > most:
                raise UnreadablePictureError(
                    path, f"it has {width:,} x {height:,} pixels; at most {most:,} are read"
                )
            if at_least is not None:
                opened.draft(None, at_least)  # keeps the mode; other formats ignore it
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            upright.format = opened.format  # a copy has none
            return upright
    except (Image.DecompressionBombError, *PARSE_ERRORS) as error:
        reason = reason_of(error)
        if isinstance(error, Image.DecompressionBombError):
            reason = f"it has too many pixels; at most {MAX_PIXELS:,} are read"
        elif isinstance(error, UnidentifiedImageError):
            empty = not (path.getvalue() if isinstance(path, io.BytesIO) else path.stat().st_size)
            reason = "it is empty" if empty else f"its content is not {KINDS}"
        raise UnreadablePictureError(path, reason) from error


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


def reason_of(error: BaseException) -> str:
    """Return what an error says, in one short line."""
    text = " ".join(str(error).split())[:160].rstrip(".")
    return text or type(error).__name__
