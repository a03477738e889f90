"""A look at some pictures of a set, by which is decided how all become images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zscape.data.decode import flattened, white_of_file
from zscape.data.images import drawn
from zscape.data.pictures import (
    DEEP_MODES,
    FORMATS,
    PictureList,
    UnreadablePictureError,
    bounded,
    load_upright,
    quiet_pillow,
)
from zscape.errors import PARSE_ERRORS
from zscape.remote import in_threads
from zscape.settings import Fit

N_LOOKED_AT = 64
LEAST_CUT = 0.02  # share of pictures that may go without a word
_MAX_TINT = 8  # by how much the channels of a gray picture may differ, as JPEG rounds
_BLANK = 16  # levels of gray that a picture must have more of to show something


@dataclass(frozen=True)
class Look:
    """What some pictures of a set are like.

    Attributes:
        n: how many could be read.
        is_gray: no picture has colours.
        is_exact: what is white depends on the values: there are 16 bits, floats or 0 and 1 only.
        byte_top: the brightest value of pictures of 8 bits; None if there are none.
        deep_top: that of deeper ones whose file does not say what is white.
        n_transparent: pictures with transparent parts.
        n_blank: of these, how many show nothing over white and something over black.
        n_animated: animations.
        sizes: height and width of each, (n, 2).
    """

    n: int
    is_gray: bool
    is_exact: bool
    byte_top: float | None
    deep_top: float | None
    n_transparent: int
    n_blank: int
    n_animated: int
    sizes: np.ndarray

    def scale(self, height: int, width: int, fit: Fit) -> float:
        """Return the median of how many pixels of an image stand for one of a picture's side."""
        if not self.n:
            return 1.0
        ratios = np.array([height, width]) / self.sizes
        if fit == "stretch":
            return float(np.median(np.sqrt(ratios.prod(axis=1))))
        return float(np.median((ratios.max if fit == "crop" else ratios.min)(axis=1)))

    def share_cut(self, height: int, width: int) -> float:
        """Return which share of the pictures is cut off where they are cropped, the mean."""
        if not self.n:
            return 0.0
        aspects = self.sizes[:, 1] / self.sizes[:, 0] * height / width
        return float(1 - np.minimum(aspects, 1 / aspects).mean())

    @property
    def aspect(self) -> float:
        """Width by height, the median."""
        return float(np.median(self.sizes[:, 1] / self.sizes[:, 0])) if self.n else 1.0


def look_at(listed: PictureList) -> Look:
    """Look at some pictures from all over a set."""
    rows = drawn(len(listed), N_LOOKED_AT)
    with quiet_pillow():
        found = in_threads(lambda row: _glance(listed, row), rows.tolist(), listed.files)
    seen = [glance for glance in found if glance is not None]
    bytes_, deeps = ([g.top for g in seen if g.kind == kind] for kind in ("byte", "deep"))
    byte_top, deep_top = max(bytes_, default=None), max(deeps, default=None)
    return Look(
        n=len(seen),
        is_gray=all(glance.is_gray for glance in seen),
        is_exact=any(g.kind != "byte" for g in seen) or (byte_top is not None and byte_top <= 1),
        byte_top=byte_top,
        deep_top=deep_top,
        n_transparent=sum(glance.is_transparent for glance in seen),
        n_blank=sum(glance.is_blank for glance in seen),
        n_animated=sum(glance.is_animated for glance in seen),
        sizes=np.array([glance.size for glance in seen], float).reshape(-1, 2),
    )


@dataclass(frozen=True)
class _Glance:
    kind: str  # byte, deep, or file where the file says what is white
    top: float
    is_gray: bool
    is_transparent: bool
    is_blank: bool
    is_animated: bool
    size: tuple[int, int]


def _glance(listed: PictureList, row: int) -> _Glance | None:
    """Look at one picture; None if it cannot be read."""
    from PIL import Image

    try:
        part = listed.part(row)
        content = bounded(listed.open(row))
        with Image.open(content, formats=FORMATS) as header:
            is_animated = header.format != "TIFF" and bool(getattr(header, "is_animated", False))
            whole = header.size
        picture = load_upright(content, part, at_least=(64, 64))
        # A JPEG may have been decoded at an eighth of its size, and may have been turned.
        scale = max(whole) / max(picture.size) if part is None else 1.0
        size = round(picture.height * scale), round(picture.width * scale)
        if picture.mode in DEEP_MODES:
            values = np.asarray(picture, np.float32)
            top = float(values[np.isfinite(values)].max(initial=0))
            kind = "deep" if white_of_file(picture) == float("inf") else "file"
            return _Glance(kind, top, True, False, False, is_animated, size)
        is_transparent = picture.has_transparency_data
        over_white, over_black = (
            np.asarray(flattened(picture, background, 3), np.int16)
            for background in ("white", "black")
        )
        is_gray = int(np.ptp(over_white, axis=-1).max(initial=0)) <= _MAX_TINT
        is_blank = is_transparent and np.ptp(over_white) < _BLANK <= np.ptp(over_black)
        top = float(over_white.max(initial=0))
        return _Glance("byte", top, is_gray, is_transparent, bool(is_blank), is_animated, size)
    except (UnreadablePictureError, Image.DecompressionBombError, *PARSE_ERRORS):
        return None
