"""Which value is white: decided once for all images of a set, from what their values are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zscape.errors import DataError

BYTE = 255.0
WHITES = (1.0, BYTE, 1023.0, 4095.0, 16383.0, 65535.0)  # of masks, and of 8 to 16 bits
_DARK = 0.1  # share of white that the brightest value of a usual set is above
_TOLERANCE = 1e-6  # floats of a file that was written as float32


@dataclass(frozen=True)
class White:
    """The value that is white.

    Attributes:
        value: of the deepest images of the set.
        byte: of pictures of 8 bits in the set.
        top: the brightest value of the set.
        is_asked: the user named the value.
        kept: the value that was white in the training of a model.
    """

    value: float
    byte: float = BYTE
    top: float | None = None
    is_asked: bool = False
    kept: float | None = None

    def scale(self, values: np.ndarray, limit: np.ndarray | float = np.inf) -> np.ndarray:
        """Return values as float32 in [0, 1].

        `limit` is 255 for pictures of 8 bits, what a file says is white, or infinity; one for
        all values, or an array that broadcasts.
        """
        limits = np.asarray(limit, np.float32)
        whites = np.where(limits == BYTE, self.byte, np.where(limits < np.inf, limits, self.value))
        scaled: np.ndarray = np.clip(np.divide(values, whites, dtype=np.float32), 0, 1)
        return scaled

    @property
    def note(self) -> str:
        """What to tell the user of the decision; nothing where all is as usual, or as asked."""
        if self.is_asked and self.top is not None and self.top > self.value:
            return f"values above {self.value:,.6g}, up to {self.top:,.6g}, become white too"
        if self.is_asked or self.value == BYTE or self.top is None:
            return ""
        bits = {1023.0: " (10 bits)", 4095.0: " (12 bits)", 16383.0: " (14 bits)"}
        kind = bits.get(self.value, " (16 bits)" if self.value == WHITES[-1] else "")
        found = f"white is {self.value:,.6g}{kind}"
        if self.value == self.kept:
            return f"{found}, as in the training"
        if self.value < WHITES[-1]:
            found += f", for the values reach {self.top:,.6g}"
        if self.kept is not None:
            return f"{found}; in the training it was {self.kept:,.6g}"
        return f"{found}; if another value is, name it as `white`"

    @property
    def warning(self) -> str:
        """What is suspicious about the set, or nothing."""
        if self.top is None or self.top >= _DARK * self.value:
            return ""
        remedy = " If another value is white, name it as `white`." if self.kept is None else ""
        return (
            f"The brightest value of the images is {self.top:,.6g}, below a tenth of white "
            f"({self.value:,.6g}): they are nearly black.{remedy}"
        )


def find_white(
    byte_top: float | None,
    deep_top: float | None,
    *,
    asked: float | None = None,
    kept: float | None = None,
) -> White:
    """Decide which value is white.

    Args:
        byte_top: the brightest value of pictures of 8 bits; None if there are none.
        deep_top: that of all other images; None if there are none.
        asked: what the user says is white; brighter values become white too.
        kept: what was white in the training of a model; it stays so if it holds all values.

    Raises:
        DataError: values are beyond 65,535, and nobody said which is white; or `asked` is not a
            positive number.
    """
    tops = [top for top in (byte_top, deep_top) if top is not None]
    if asked is not None:
        if not 0 < asked < np.inf:
            raise DataError(f"`white` is {asked}; expected a positive number.")
        return White(asked, min(asked, BYTE), max(tops, default=None), is_asked=True)
    byte = BYTE
    if byte_top is not None and deep_top is None:
        if byte_top <= 1:
            byte = 1.0
        if kept is not None and byte_top <= min(kept, BYTE):
            byte = min(kept, BYTE)
        return White(byte, byte, byte_top, kept=kept)
    if deep_top is None:
        return White(BYTE)
    value = next((white for white in WHITES if deep_top <= white * (1 + _TOLERANCE)), None)
    if kept is not None and deep_top <= kept:
        value = kept
    if value is None:
        raise DataError(
            f"the images have values up to {deep_top:,.6g}, beyond the {WHITES[-1]:,.0f} of 16 "
            "bits; name the one that is white as `white`."
        )
    return White(value, BYTE, deep_top, kept=kept)


def white_of_model(white: float | None) -> float | None:
    """Return the white that a model scales whole numbers by, of a training's white.

    Where 8 bits were enough it is None, for images of 16 bits have a white of their own then.
    """
    return None if white == BYTE else white


def whiten(
    images: np.ndarray, source: str, *, asked: float | None = None, kept: float | None = None
) -> tuple[np.ndarray, White]:
    """Return an array of images (N, ...) such that its white is that of its type, and the white.

    Whole numbers whose white is 1 become bool, those whose white is that of their type stay, all
    else becomes float32 in [0, 1]. Floats are taken as they are, unless `asked` says otherwise.
    """
    kind, size = images.dtype.kind, images.dtype.itemsize
    if images.ndim < 3 or kind == "b" or kind not in "uif" or not images.size:
        return images, White(1.0)
    if kind == "f" and asked in (None, 1.0):
        return images, White(1.0)
    low, top = _extremes(images, stop=BYTE if asked is None else np.inf)
    if low < 0 or not np.isfinite(top):
        return images, White(BYTE)  # the check of values refuses them
    byte = kind != "f" and size == 1
    tops = (top, None) if byte else (None, top)
    try:
        white = find_white(*tops, asked=asked, kept=kept)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    value = white.byte if byte else white.value
    if kind != "f" and kept in (None, value):  # else the model would scale whole numbers itself
        if kind == "u" and size <= 2 and value == np.iinfo(images.dtype).max:
            return images, white
        if value == BYTE:
            return images.astype(np.uint8), white
        if value == 1:
            return images.astype(bool), white
    return white.scale(images, BYTE if byte else np.inf), white


def _extremes(images: np.ndarray, stop: float) -> tuple[float, float]:
    """Return the least and the greatest value; of bytes, 255 once it is clear what is white."""
    length = max(1, 2**24 // max(1, images[0].size))
    low, top = np.inf, -np.inf
    for start in range(0, len(images), length):
        part = images[start : start + length]
        low, top = min(low, float(part.min())), max(top, float(part.max()))
        # Of unsigned numbers nothing that follows can change what the largest type holds.
        if images.dtype.kind == "u" and images.dtype.itemsize <= 2 and stop < np.inf:
            if top > (_DARK * BYTE if images.dtype.itemsize == 1 else 16383):
                break
    return low, top
