"""What a look at some pictures decides for all, and later images made like those of a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.discs import disc, pictures
from zscape.data.alike import border, with_border, with_classes
from zscape.data.images import Images
from zscape.data.load import load_images
from zscape.errors import ConfigError
from zscape.settings import PictureConfig, Size


def load(path: Path, **options: object) -> Images:
    return load_images(path, pictures=PictureConfig(**options))  # type: ignore[arg-type]


def test_a_crop_says_what_it_cuts_off(tmp_path: Path) -> None:
    pictures(tmp_path, 5, width=256)
    images = load(tmp_path)
    assert images.notes == (
        "`fit=crop` cuts off 75 % of the pictures (mean of 5 looked at); keep all with "
        "`size=32x128` or `fit=pad`",
    )
    (note,) = load(tmp_path, size="32x64").notes  # as many pixels, in the proportions of these
    assert "cuts off 50 % of" in note
    assert "`size=24x88`" in note
    assert load(tmp_path, size="64x256").notes == load(tmp_path, fit="pad").notes == ()


def test_a_size_of_two_numbers_keeps_all_of_a_wide_picture(tmp_path: Path) -> None:
    image = disc(6, width=256)
    image[20:50, 3:40] = 255  # what a square crop would lose
    tmp_path.mkdir(exist_ok=True)
    Image.fromarray(image).save(tmp_path / "a.png")
    for size in ("64x256", (64, 256), [64, 256], Size(64, 256)):
        images = load(tmp_path, size=size)
        assert images.image_shape == (64, 256, 1)
        np.testing.assert_array_equal(images.images[0][..., 0], image)


@pytest.mark.parametrize(
    "size", [7, 1025, "64x", "x64", "64x64x64", "wide", 64.0, True, (64, 2000)]
)
def test_sizes_that_cannot_be(size: object) -> None:
    with pytest.raises(
        ConfigError, match=r"size is .*; expected one number from 8 to 1024, or HxW"
    ):
        PictureConfig(size=size)


def icon(folder: Path, name: str, level: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.full((64, 64, 4), level, np.uint8)
    pixels[..., 3] = disc(5)
    Image.fromarray(pixels).save(folder / f"{name}.png")


def test_white_icons_on_transparency_are_not_blank(tmp_path: Path) -> None:
    for i in range(6):
        icon(tmp_path / "white", str(i), 255)
        icon(tmp_path / "black", str(i), 0)
    images = load(tmp_path / "white")
    assert np.ptp(images.images[0]) == 255
    assert images.notes == (
        "transparent pictures are laid over black, for 6 of 6 looked at show nothing over white; "
        "choose with `background`",
    )
    assert load(tmp_path / "black").notes == ()
    assert np.ptp(load(tmp_path / "black").images[0]) == 255
    assert np.ptp(load(tmp_path / "white", background="white").images[0]) == 0
    assert load(tmp_path / "black", background="black").images[0].max() == 0
    icon(tmp_path / "black", "one", 255)
    (note,) = load(tmp_path / "black").notes
    assert note.startswith("1 transparent ones of 7 looked at show nothing over white")


def test_an_animation_is_told(tmp_path: Path) -> None:
    frames = [Image.fromarray(disc(k)) for k in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert load(tmp_path).notes == ("of animations the first frame is taken (1 of 1 looked at)",)


def test_the_scale_of_pictures(tmp_path: Path) -> None:
    pictures(tmp_path, 3, height=256, width=256)
    assert load(tmp_path).scale == 0.25
    Image.fromarray(disc(height=512, width=512)).save(tmp_path / "00000.jpg")
    assert load(tmp_path, size=128).scale == 0.5


def gray(*images: np.ndarray) -> Images:
    return Images(np.stack(images)[..., None], None, "array")


def test_images_dark_on_light_are_inverted_where_the_training_had_light_on_dark() -> None:
    light, dark = gray(255 - disc(2), 255 - disc(3)), gray(disc(2), disc(3))
    assert (border(dark.images), border(light.images)) == ("dark", "light")
    found = with_border(light, "dark")
    np.testing.assert_array_equal(found.images, dark.images)
    assert found.notes == (
        "the images have light borders and those of the training dark ones: they are inverted; to "
        "keep such images as they are, train with `polarity=keep`",
    )
    np.testing.assert_array_equal(with_border(dark, "light").images, light.images)
    for unchanged in (with_border(dark, "dark"), with_border(dark, None)):
        assert unchanged is dark
    floats = Images(light.images[:] / np.float32(255), None, "array")
    np.testing.assert_allclose(with_border(floats, "dark").images, dark.images[:] / 255, atol=1e-6)
    masks = Images(light.images[:] > 0, None, "array")
    np.testing.assert_array_equal(with_border(masks, "dark").images, dark.images[:] > 0)


def test_pictures_on_disk_are_inverted_when_read(tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(255 - disc(i)).save(tmp_path / f"{i}.png")
    found = with_border(load(tmp_path), "dark")
    np.testing.assert_array_equal(found.images[1][..., 0], disc(1))
    np.testing.assert_array_equal(found.take(np.array([2])).images[:][0, ..., 0], disc(2))


def test_images_without_a_clear_border_stay() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    assert border(gray(noise, noise).images) is None
    assert with_border(gray(noise), "dark").notes == ()
    colour = Images(np.full((2, 8, 8, 3), 255, np.uint8), None, "array")
    assert with_border(colour, "dark") is colour


def test_classes_are_matched_by_name() -> None:
    images = Images(np.zeros((4, 8, 8, 1)), np.array([0, 1, 2, -1]), "x", ("c", "d", "z"))
    found = with_classes(images, ("a", "b", "c", "d"))
    assert found.labels is not None
    assert found.labels.tolist() == [2, 3, 4, -1]
    assert found.class_names == ("a", "b", "c", "d", "z")
    assert found.shown_labels is not None
    assert found.shown_labels.tolist() == ["c", "d", "z", "-"]


def test_labels_that_are_numbers_say_which_class_of_the_training_they_are_taken_for() -> None:
    images = Images(np.zeros((3, 8, 8, 1)), np.array([0, 1, 2]), "x.npz")
    notes = with_classes(images, ("cat", "dog")).notes
    assert notes == ("x.npz: the labels are numbers, taken as 0 for cat, 1 for dog",)
    assert with_classes(images, ("3", "7")).notes == ()  # matched by what they are called
    assert with_classes(images, None).notes == ()
    none = Images(np.zeros((3, 8, 8, 1)), np.full(3, -1), "x.npz")
    assert with_classes(none, ("cat", "dog")).notes == ()
