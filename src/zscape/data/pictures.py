"""Picture files: as a source lists them, and decoded, upright, into images for a model."""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from zscape.errors import PARSE_ERRORS, DataError, reason_of
from zscape.remote import RemotePath
from zscape.reporter import Reporter

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
MAX_PIXELS = 2**27  # 134 million, of one byte each, or of a JPEG file that is decoded smaller
_MAX_WIDE_PIXELS = 2**26  # of several bytes; of more, decoding takes gigabytes
# These take up to 20 bytes for each, which a header alone claims, or hold several copies.
_MAX_PIXELS_OF = {"JPEG2000": 2**24, "WEBP": 2**25, "AVIF": 2**25, "GIF": 2**26}
_LARGE = 2**25  # pixels; larger ones are decoded one at a time, and made smaller at once
_JP2 = b"\0\0\0\x0cjP  "
DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "F")  # gray of 16 bits and more
CACHE_VERSION = 4  # counted up when the same pictures are decoded to other values

MAX_SKIPPED_LINES = 20

_last = threading.local()
_alone = threading.Lock()


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


class Part(NamedTuple):
    """A part of a picture file that is an image of its own."""

    page: int = 0
    box: tuple[int, int, int, int] | None = None  # left, top, right, bottom, on the upright page


class Opener(Protocol):
    """Opens the pictures of a list by their rows, in any thread."""

    def __call__(self, row: int, /) -> Path | io.BytesIO:
        """Return the path or the content of a picture."""

    def take(self, rows: Sequence[int], /) -> Opener:
        """Return what opens those at `rows`; it can be pickled, and then has no others."""


class OpenEach:
    """Opens files, and what has a function of its own that reads it.

    Args:
        ways: a path or a function for each picture.
    """

    def __init__(self, ways: Sequence[Path | Callable[[], io.BytesIO]]) -> None:
        self._ways = ways

    def __call__(self, row: int, /) -> Path | io.BytesIO:
        """Return the path or the content of a picture."""
        way = self._ways[row]
        return way if isinstance(way, Path) else way()

    def take(self, rows: Sequence[int], /) -> OpenEach:
        """Return what opens those at `rows`."""
        return OpenEach([self._ways[row] for row in rows])


@dataclass(frozen=True)
class PictureList:
    """Pictures that are still encoded."""

    names: list[str]  # of each picture: its path in the folder, in the archive, or a number
    labels: list[str] | list[int] | None  # one for each picture; "" or -1 where it is not known
    class_names: tuple[str, ...] | None  # what whole numbers stand for, where that is known
    skipped: list[Skipped]
    files: list[Path]  # that all comes from
    sizes: list[int]  # bytes of each picture, or of each file where that is not known
    open: Opener
    splits: list[str] | None = None  # train, validation or test, for each picture
    parts: list[Part | None] | None = None  # of which the pictures are, where they are no files
    groups: list[int] | None = None  # those of one file have one number
    notes: tuple[str, ...] = ()  # what the user is to be told about how they are listed
    in_order: bool = False  # neighbours are read together, and any other order takes long

    def __len__(self) -> int:
        return len(self.names)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the names and the sizes."""
        return hashlib.sha256(repr((self.names, self.sizes)).encode(errors="replace")).hexdigest()

    def part(self, row: int) -> Part | None:
        """Return which part of its file a picture is; None for the whole."""
        return None if self.parts is None else self.parts[row]

    def key(self, how: object, image_shape: Sequence[int], rows: np.ndarray | None = None) -> str:
        """Return a name for decoded pictures, all or those at `rows`, in any order.

        Any change of a file, of `how` they are decoded or of the `image_shape` (H, W, C) gives
        another.
        """
        # Of an archive only some may be taken.
        facts = (CACHE_VERSION, how, *image_shape, self.parts, self.names)
        digest = hashlib.sha256(repr(facts).encode(errors="replace"))
        if rows is not None and len(rows) < len(self):
            digest.update(np.sort(rows).tobytes())
        for path in self.files:
            stat = path.stat()
            text = f"\0{path}\0{stat.st_size}\0{stat.st_mtime_ns}"
            digest.update(text.encode(errors="replace"))
        return digest.hexdigest()[:32]

    def take(self, rows: Sequence[int]) -> PictureList:
        """Return the pictures at `rows`, in that order."""

        def some(values: Any) -> Any:  # files and sizes may be those of archives
            is_of_each = values is not None and len(values) == len(self)
            return [values[row] for row in rows] if is_of_each else values

        lists = ("names", "labels", "files", "sizes", "splits", "parts", "groups")
        kept = {name: some(getattr(self, name)) for name in lists}
        return replace(self, open=self.open.take(rows), **kept)

    def cut(self, rows: Sequence[int]) -> PictureList:
        """Return those at `rows` with what it takes to decode them, to be sent to a process."""
        bare = replace(self, skipped=[], files=[], sizes=[], groups=None, notes=())
        return bare.take(rows)

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


def load_upright(
    path: Path | io.BytesIO,
    part: Part | None = None,
    *,
    at_least: tuple[int, int] | None = None,
) -> Image.Image:
    """Decode a picture file as it is, with its `format`, and turn it as its camera says.

    A JPEG larger than `at_least` (width, height) may be decoded smaller, unless a box is named,
    and so may other pictures, if they are huge.

    Args:
        path: the file, or its content.
        part: a page of a TIFF file, or a place on the picture; a file of several pages is refused
            when no page is named.
        at_least: how large the picture has to be.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if part is not None and part.box is not None:
        return _cut(path, part)
    try:
        with Image.open(bounded(path), formats=FORMATS) as opened:
            if part is not None:
                opened.seek(part.page)
            elif opened.format == "TIFF" and (n_pages := getattr(opened, "n_frames", 1)) > 1:
                raise UnreadablePictureError(path, f"it has {n_pages} pages: unpack them")
            width, height = opened.size
            kind = opened.format or ""
            is_narrow = opened.mode in ("1", "L") or (at_least is not None and kind == "JPEG")
            most = _MAX_PIXELS_OF.get(kind, MAX_PIXELS if is_narrow else _MAX_WIDE_PIXELS)
            if width * height > most:
                raise UnreadablePictureError(
                    path, f"it has {width:,} x {height:,} pixels; at most {most:,} are read"
                )
            if at_least is not None:
                opened.draft(None, at_least)  # keeps the mode; other formats ignore it
            if opened.width * opened.height > min(most // 2, _LARGE):
                with _alone:
                    opened.load()
                    upright = _reduced(opened, at_least)
                ImageOps.exif_transpose(upright, in_place=True)
            else:
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


def bounded(path: Path | io.BytesIO) -> Path | io.BytesIO:
    """Return a file of which no more can be asked for than it has, where Pillow would do so.

    It takes as much memory as a JPEG 2000 file claims to have. A file that lies elsewhere is read
    as a whole; that it cannot be had is a `RemoteError`, and does not make it a broken picture.
    """
    if isinstance(path, io.BytesIO):
        return path
    if isinstance(path, RemotePath):
        return io.BytesIO(path.contents())
    with path.open("rb", buffering=0) as file:
        start = file.read(len(_JP2))
    return io.BytesIO(path.read_bytes()) if start == _JP2 else path


def _reduced(picture: Image.Image, at_least: tuple[int, int] | None) -> Image.Image:
    """Return a huge picture at a fraction of its size: no copies of it fit into memory."""
    if at_least is None:
        return picture
    factor = min(picture.width // at_least[0], picture.height // at_least[1])
    if factor < 2:
        return picture
    if picture.mode.startswith("I;16"):
        picture = picture.convert("I")
    elif picture.has_transparency_data and picture.mode not in ("LA", "RGBA"):
        picture = picture.convert("RGBA")
    elif picture.mode in ("1", "P"):
        picture = picture.convert("L" if picture.mode == "1" else "RGB")
    return picture.reduce(factor)


def _cut(path: Path | io.BytesIO, part: Part) -> Image.Image:
    """Return a box of a page, of which each thread keeps the last one it decoded."""
    key = (path, part.page)
    if isinstance(path, io.BytesIO) or getattr(_last, "key", None) != key:
        _last.key = _last.picture = None  # there may be no room for two
        _last.picture = load_upright(path, part._replace(box=None))
        _last.key = key
    picture: Image.Image = _last.picture.crop(part.box)
    picture.format = _last.picture.format
    return picture


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Keep Pillow's warnings about odd files from the user; not to be entered by two threads."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        yield
