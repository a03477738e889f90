"""Which value is white: once for a set, whatever it is stored in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.discs import disc, pictures
from zscape.data.images import as_float, drawn
from zscape.data.load import Reading, load_dataset, load_images
from zscape.data.look import N_LOOKED_AT
from zscape.data.white import find_white
from zscape.errors import DataError
from zscape.settings import PictureConfig

SMALL = PictureConfig(size=64)


def brightest(path: Path, **options: Any) -> tuple[Any, Any]:
    images = load_images(path, pictures=SMALL, reading=Reading(**options))
    return float(as_float(images.images[:]).max()), images.white


@pytest.mark.parametrize(
    ("top", "white"), [(255, 255), (1000, 1023), (4000, 4095), (16000, 16383), (60000, 65535)]
)
@pytest.mark.parametrize("ending", ["tif", "png"])
def test_sixteen_bit_pictures_reach_white(
    tmp_path: Path, top: int, white: int, ending: str
) -> None:
    pictures(tmp_path, 6, ending, top=top, dtype=np.uint16)
    assert brightest(tmp_path) == (pytest.approx(top / white, rel=1e-3), white)


def test_one_white_for_all_pictures_of_a_set(tmp_path: Path) -> None:
    pictures(tmp_path / "a", 80, "tif", top=900, dtype=np.uint16)
    pictures(tmp_path / "b", 1, "tif", top=4095, dtype=np.uint16)
    images = load_images(tmp_path, pictures=SMALL)
    tops = as_float(images.images[:]).max(axis=(1, 2, 3))
    np.testing.assert_allclose(tops[:80], 900 / 4095, rtol=1e-3)
    assert tops[80] == 1


def test_float_pictures_are_not_scaled_one_by_one(tmp_path: Path) -> None:
    for i, top in enumerate((0.5, 1, 200)):
        Image.fromarray(disc(top=top, dtype=np.float32)).save(tmp_path / f"{i}.tif")
    images = load_images(tmp_path, pictures=SMALL)
    tops = as_float(images.images[:]).max(axis=(1, 2, 3))
    np.testing.assert_allclose(tops, np.array([0.5, 1, 200]) / 255, rtol=1e-3)
    assert images.white == 255


@pytest.mark.parametrize("bad", [np.nan, np.inf, -3])
def test_float_pictures_with_other_values_are_left_out(tmp_path: Path, bad: float) -> None:
    for i in range(3):
        Image.fromarray(disc(top=1, dtype=np.float32)).save(tmp_path / f"{i}.tif")
    spoiled = disc(top=1, dtype=np.float32)
    spoiled[3, 4] = bad
    Image.fromarray(spoiled).save(tmp_path / "bad.tif")
    images = load_images(tmp_path, pictures=SMALL)
    assert len(images) == 3
    (skipped,) = images.skipped
    assert skipped.path == "bad.tif"
    assert "NaN or infinite" in skipped.reason or "below 0, down to -3" in skipped.reason


def test_masks_of_0_and_1_reach_white(tmp_path: Path) -> None:
    pictures(tmp_path / "pictures", 5, top=1)
    assert brightest(tmp_path / "pictures") == (1, 1)
    np.savez(tmp_path / "masks.npz", images=np.stack([disc(top=1, seed=i) for i in range(30)]))
    assert brightest(tmp_path / "masks.npz") == (1, 1)


def test_what_a_file_says_is_white_counts(tmp_path: Path) -> None:
    header = b"P5\n64 64\n4095\n"
    (tmp_path / "x.pgm").write_bytes(
        header + disc(top=1000, dtype=np.uint16).astype(">u2").tobytes()
    )
    assert brightest(tmp_path)[0] == pytest.approx(1000 / 4095, rel=1e-3)


@pytest.mark.parametrize(
    ("images", "white", "dtype"),
    [
        (lambda: disc(top=255)[None], 255, np.uint8),
        (lambda: disc(top=255, dtype=np.int64)[None], 255, np.uint8),
        (lambda: disc(top=255, dtype=np.uint16)[None], 255, np.uint8),
        (lambda: disc(top=1)[None], 1, bool),
        (lambda: disc(top=1, dtype=np.int64)[None], 1, bool),
        (lambda: disc(top=4095, dtype=np.uint16)[None], 4095, np.float32),
        (lambda: disc(top=900, dtype=np.int32)[None], 1023, np.float32),
        (lambda: disc(top=65535, dtype=np.uint16)[None], 65535, np.uint16),
        (lambda: disc(top=65535, dtype=np.uint32)[None], 65535, np.float32),
    ],
)
def test_arrays_reach_white(images: Callable[[], np.ndarray], white: int, dtype: type) -> None:
    found = load_images(images())
    assert found.white == white
    assert found.images.dtype == dtype
    np.testing.assert_allclose(
        as_float(found.images)[..., 0], images().astype(np.float64) / white, rtol=1e-6
    )


def test_the_decision_is_said_in_one_line(tmp_path: Path) -> None:
    pictures(tmp_path, 25, "tif", top=4000, dtype=np.uint16)
    dataset = load_dataset(tmp_path, seed=0, pictures=SMALL)
    (note,) = dataset.train.notes
    assert note == (
        "white is 4,095 (12 bits), for the values reach 4,000; if another value is, name it as "
        "`white`"
    )
    assert dataset.train.warnings == ()
    assert load_images(disc()[None]).notes == ()


def test_the_user_overrides_it(tmp_path: Path) -> None:
    pictures(tmp_path / "deep", 5, "tif", top=2000, dtype=np.uint16)
    assert brightest(tmp_path / "deep", white=4000) == (pytest.approx(0.5, rel=1e-3), 4000)
    assert brightest(tmp_path / "deep", white=1000) == (1, 1000)  # brighter ones are white too
    pictures(tmp_path / "bytes", 5, top=100)
    assert brightest(tmp_path / "bytes", white=200) == (pytest.approx(0.5), 200)
    floats = disc(top=200, dtype=np.float32)[None]
    assert load_images(floats, reading=Reading(white=400)).images[:].max() == 0.5
    with pytest.raises(DataError, match="divide them by 255"):
        load_images(floats)


def test_a_model_keeps_its_white_for_later_pictures(tmp_path: Path) -> None:
    pictures(tmp_path / "dim", 5, "tif", top=900, dtype=np.uint16)
    assert brightest(tmp_path / "dim", kept=4095) == (pytest.approx(900 / 4095, rel=1e-3), 4095)
    pictures(tmp_path / "bytes", 5, top=200)
    assert brightest(tmp_path / "bytes", kept=4095)[0] == pytest.approx(200 / 255)
    pictures(tmp_path / "bright", 5, "tif", top=9000, dtype=np.uint16)
    top, white = brightest(tmp_path / "bright", kept=4095)  # it cannot hold these
    assert (top, white) == (pytest.approx(9000 / 16383, rel=1e-3), 16383)


def test_a_set_that_is_nearly_black_is_warned_of(tmp_path: Path) -> None:
    pictures(tmp_path, 25, top=20)
    dataset = load_dataset(tmp_path, seed=0, pictures=SMALL)
    (warning,) = dataset.train.warnings
    assert warning.startswith(
        "The brightest value of the images is 20, below a tenth of white (255)"
    )
    (warning,) = load_images(disc(top=20)[None]).warnings
    assert "nearly black" in warning
    assert load_images(disc(top=26)[None]).warnings == ()


def test_values_beyond_sixteen_bits_have_to_be_named(tmp_path: Path) -> None:
    deep = disc(top=70_000, dtype=np.int32)
    with pytest.raises(DataError, match="values up to 70,000, beyond the 65,535 of 16 bits; name"):
        load_images(deep[None])
    assert load_images(deep[None], reading=Reading(white=140_000)).images[:].max() == 0.5
    Image.fromarray(deep).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match="values up to 70,000"):
        load_images(tmp_path, pictures=SMALL)


def test_a_deep_picture_late_in_a_set_of_bytes_is_left_out_and_told(tmp_path: Path) -> None:
    pictures(tmp_path, 300)
    looked_at = drawn(301, N_LOOKED_AT)
    assert 300 not in looked_at
    Image.fromarray(disc(top=30_000, dtype=np.uint16)).save(tmp_path / "zz.png")
    images = load_images(tmp_path, pictures=SMALL)
    assert len(images) == 300
    assert images.images.dtype == np.uint8
    assert "reach 30,000, above the white of the other pictures, 255" in images.skipped[0].reason


def test_mixed_depths_share_white() -> None:
    white = find_white(255, 4000)
    values = np.array([[255.0], [4000.0]], np.float32)
    scaled = white.scale(values, np.array([[255.0], [np.inf]]))
    np.testing.assert_allclose(scaled, np.array([[1], [4000 / 4095]]), rtol=1e-6)


def test_sixteen_bits_in_colour_are_read_as_eight(tmp_path: Path) -> None:
    import struct
    import zlib

    values = np.array([[[65535, 256, 0], [4095, 4095, 4095]]] * 8, ">u2").repeat(4, axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in values)

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    images = load_images(tmp_path, pictures=PictureConfig(size=8))
    np.testing.assert_array_equal(images.images[0, 0, 0], [255, 1, 0])
    np.testing.assert_array_equal(images.images[0, 0, 7], [15, 15, 15])


def test_a_white_that_the_user_names_is_not_told_back(tmp_path: Path) -> None:
    pictures(tmp_path, 5, "tif", top=2000, dtype=np.uint16)
    notes = {
        white: load_images(tmp_path, pictures=SMALL, reading=Reading(white=white)).notes
        for white in (4000, 1000)
    }
    assert notes == {4000: (), 1000: ("values above 1,000, up to 2,000, become white too",)}


@pytest.mark.parametrize("white", [0, -1, float("nan"), float("inf")])
def test_a_white_that_is_no_positive_number_is_refused_first(tmp_path: Path, white: float) -> None:
    pictures(tmp_path, 25)
    with pytest.raises(DataError, match=r"`white` is .*; expected a positive number"):
        load_dataset(tmp_path, seed=0, pictures=SMALL, reading=Reading(white=white))


def test_later_pictures_name_the_white_of_the_training(tmp_path: Path) -> None:
    pictures(tmp_path / "deep", 5, "tif", top=2000, dtype=np.uint16)
    pictures(tmp_path / "dark", 5, top=15)
    found = {
        (name, kept): load_images(tmp_path / name, pictures=SMALL, reading=Reading(kept=kept))
        for name, kept in (("deep", 4095), ("deep", 1023), ("dark", 255))
    }
    assert found["deep", 4095].notes == ("white is 4,095 (12 bits), as in the training",)
    assert found["deep", 1023].notes == (
        "white is 4,095 (12 bits), for the values reach 2,000; in the training it was 1,023",
    )
    # To name another one is for the training.
    assert found["dark", 255].warnings[0].endswith("they are nearly black.")


@pytest.mark.parametrize("use", ["test", "validation"])
def test_images_named_to_test_on_have_the_white_of_those_to_learn_from(
    tmp_path: Path, use: str
) -> None:
    pictures(tmp_path / "bright", 25, "tif", top=4095, dtype=np.uint16)
    pictures(tmp_path / "dim", 5, "tif", top=900, dtype=np.uint16)
    np.save(tmp_path / "dim.npy", np.stack([disc(top=900, dtype=np.uint16)] * 5))
    for dim in ("dim", "dim.npy"):
        named: dict[str, Any] = {use: tmp_path / dim}
        reading = Reading(**named)
        dataset = load_dataset(tmp_path / "bright", seed=0, pictures=SMALL, reading=reading)
        images = getattr(dataset, use)
        assert images.white == dataset.train.white == 4095
        assert images.images[:].max() == pytest.approx(900 / 4095, rel=0.05)
