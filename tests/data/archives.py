"""Small pictures and archives for the tests of what reads them."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from PIL import Image

from zscape.data.images import Images
from zscape.data.load import load_images
from zscape.data.sources import Split
from zscape.settings import PictureConfig


def encoded(value: int, kind: str = "png", **options: Any) -> bytes:
    """Return a gray picture of 9 x 9 pixels, all of one value."""
    content = io.BytesIO()
    Image.new("L", (9, 9), value).save(content, kind, **options)
    return content.getvalue()


def write_zip(path: Path, members: dict[str, bytes], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", **{"compression": zipfile.ZIP_DEFLATED} | options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def read(path: Path, split: Split = "all") -> Images:
    return load_images(path, split, pictures=PictureConfig(size=8))


def values(images: Images) -> list[int]:
    """Return the first value of each image."""
    return [int(value) for value in images.images[:, 0, 0, 0]]
