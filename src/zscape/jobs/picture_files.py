"""Images as numbered picture files in a folder."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np

from zscape.files import write_bytes
from zscape.remote import RemotePath, in_threads

_CHANNELS = (1, 3, 4)  # gray, colour, colour with transparency


def picture_folder(folder: Path, *, beside: str) -> None:
    """Make a folder, without the pictures of an earlier call, which left the file `beside`."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / beside).exists():
        for path in folder.iterdir():
            if re.fullmatch(r"\d{5,}\.png", path.name):
                path.unlink()


def write_pictures(
    folder: Path, images: np.ndarray, *, first: int = 0, n: int | None = None
) -> None:
    """Write images (N, H, W, C) in [0, 1] as `00000.png`, ...; a half-written one does not stay.

    Images of other than 1, 3 or 4 channels are no pictures, and are left out. These may be the
    images from number `first` on of `n` in all.
    """
    if images.shape[-1] not in _CHANNELS:
        return
    n = n or len(images)
    in_threads(
        lambda index: write_picture(folder, first + index, picture_bytes(images[index]), n=n),
        range(len(images)),
        [folder],
    )


def picture_bytes(image: np.ndarray) -> bytes:
    """Return a PNG file of an image (H, W, C) in [0, 1], of 1, 3 or 4 channels."""
    from PIL import Image

    pixels = np.round(image * 255).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(content, "png")
    return content.getvalue()


def write_picture(folder: Path, index: int, content: bytes, *, n: int = 1) -> None:
    """Write the picture of number `index` among `n`; a half-written one does not stay."""
    digits = max(5, len(str(n - 1)))
    path = folder / f"{index:0{digits}d}.png"
    if isinstance(path, RemotePath):
        write_bytes(path, content)
        return
    try:
        path.write_bytes(content)
    except OSError:
        path.unlink(missing_ok=True)
        raise
