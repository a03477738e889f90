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
    from PIL import Image

    if images.shape[-1] not in _CHANNELS:
        return
    digits = max(5, len(str((n or len(images)) - 1)))

    def write(index: int) -> None:
        pixels = np.round(images[index] * 255).astype(np.uint8)
        content = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(content, "png")
        path = folder / f"{first + index:0{digits}d}.png"
        if isinstance(path, RemotePath):
            write_bytes(path, content.getvalue())
            return
        try:
            path.write_bytes(content.getvalue())
        except OSError:
            path.unlink(missing_ok=True)
            raise

    in_threads(write, range(len(images)), [folder])
