"""Kinds of picture files."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.archives import read, write_zip
from zscape.data.decode import Rendering, decode_picture
from zscape.data.pictures import UnreadablePictureError, quiet_pillow

KINDS = {
    "png": "PNG", "apng": "PNG", "jfif": "JPEG", "JPG": "JPEG", "jpe": "JPEG", "pjpeg": "JPEG",
    "webp": "WEBP", "bmp": "BMP", "DIB": "BMP", "gif": "GIF", "tif": "TIFF", "TIFF": "TIFF",
    "pgm": "PPM", "ppm": "PPM", "pnm": "PPM", "PGM": "PPM", "jp2": "JPEG2000", "j2k": "JPEG2000",
    "avif": "AVIF",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("ending", KINDS)
def test_kinds_of_pictures(tmp_path: Path, ending: str) -> None:
    (tmp_path / "root").mkdir()
    picture = Image.new("L" if ending.lower() == "pgm" else "RGB", (9, 9), "gray")
    picture.save(tmp_path / "root" / f"a.{ending}", KINDS[ending])
    images = read(tmp_path / "root")
    assert images.skipped == ()
    np.testing.assert_allclose(images.images[:], 128, atol=3)


@pytest.mark.parametrize(
    "content",
    [
        b"P1\n2 2\n0 1 1 0\n",  # 1 is black
        b"P2\n# a comment\n2 2\n15\n15 0 0 15\n",
        b"P4\n2 2\n\x40\x80",
        b"P5\n2 2\n255\n\xff\0\0\xff",
        b"P5\n2 2\n65535\n\xff\xff\0\0\0\0\xff\xff",
    ],
)
def test_bitmaps_of_unix(content: bytes) -> None:
    image = decode_picture(io.BytesIO(content), (2, 2, 1), Rendering())[0]
    assert image[..., 0].tolist() == [[255, 0], [0, 255]]


def test_what_is_not_read_names_a_remedy(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("L", (9, 9)).save(picture, "png")
    path = write_zip(tmp_path / "x.zip", {"a.png": picture.getvalue(), "IMG_1.HEIC": b"x"})
    (skipped,) = read(path).skipped
    assert skipped.path == "x.zip/IMG_1.HEIC"
    assert skipped.reason == (
        "HEIC is not read; save it as JPEG, for example: magick mogrify -format jpg *.heic"
    )


def claiming(width: int, height: int) -> bytes:
    """Return a JPEG 2000 file of 64 x 64 pixels that claims to be larger."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG2000")
    content = bytearray(file.getvalue())
    start = content.index(b"\xff\x51")
    for offset in (6, 22):
        struct.pack_into(">II", content, start + offset, width, height)
    struct.pack_into(">II", content, content.index(b"ihdr") + 4, height, width)
    return bytes(content)


def test_a_header_of_jpeg_2000_takes_no_memory() -> None:
    with quiet_pillow(), pytest.raises(UnreadablePictureError, match="at most 16,777,216 are read"):
        decode_picture(io.BytesIO(claiming(12_000, 11_000)), (8, 8, 1), Rendering("crop"))
