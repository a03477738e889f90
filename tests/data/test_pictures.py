"""Picture files of every kind become what a model takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zscape.data.decode import read_picture
from zscape.errors import DataError

WHITE_TOP = np.repeat([[255], [0]], 2, axis=1).astype(np.uint8)  # 2x2, the upper row white


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_modes(tmp_path: Path, mode: str, channels: int) -> None:
    path = tmp_path / ("x.tif" if mode == "CMYK" else "x.png")
    Image.fromarray(WHITE_TOP).convert("RGB" if mode == "CMYK" else "L").convert(mode).save(path)
    image = read_picture(path, (2, 2, channels))
    assert image.shape == (2, 2, channels)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image[0], 1, atol=0.01)
    np.testing.assert_allclose(image[1, :, : min(channels, 3)], 0, atol=0.01)


def test_sixteen_bits_keep_their_scale(tmp_path: Path) -> None:
    Image.fromarray(np.array([[65535, 32768], [0, 0]], np.uint16)).save(tmp_path / "x.png")
    image = read_picture(tmp_path / "x.png", (2, 2, 1))[..., 0]
    np.testing.assert_allclose(image, np.array([[1, 0.5], [0, 0]]), atol=1e-4)


def test_transparency_lies_over_white(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, :, 3] = 255
    Image.fromarray(pixels, "RGBA").save(tmp_path / "x.png")
    image = read_picture(tmp_path / "x.png", (2, 2, 1))[..., 0]
    np.testing.assert_allclose(image, [[0, 0], [1, 1]], atol=1e-6)


def test_a_turned_picture_is_turned_back_and_stretched(tmp_path: Path) -> None:
    picture = Image.fromarray(np.repeat(np.repeat(WHITE_TOP, 20, 0), 30, 1))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.save(tmp_path / "x.jpg", exif=exif)
    image = read_picture(tmp_path / "x.jpg", (8, 4, 1))[..., 0]
    assert image[0].mean() < 0.1
    assert image[-1].mean() > 0.9


def test_a_model_of_two_channels_takes_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 channels, not pictures"):
        read_picture(tmp_path / "x.png", (8, 8, 2))
