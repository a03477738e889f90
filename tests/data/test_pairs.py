"""Pairs of noisy and clean images: which belong together, and that both are read in one way."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zscape.data.images import Dataset, as_float
from zscape.data.load import Reading, load_dataset
from zscape.data.pairs import match_names
from zscape.errors import DataError
from zscape.run_images import keep_pictures, known_pictures
from zscape.settings import PictureConfig, Size

N = 30
SIZE = PictureConfig(size=Size(8, 8))

Values = Callable[[int], np.ndarray]


def marked(factor: float = 1, top: int = 255, dtype: Any = np.uint8) -> Values:
    """Return pictures of 8 x 8 of one gray each, which tells the number of the pair."""
    return lambda i: np.full((8, 8), (i + 1) / (2 * N) * factor * top).astype(dtype)


def pictures(folder: Path, values: Values, ending: str = "png", n: int = N) -> Path:
    for i in range(n):
        path = folder / "sub" / f"{i:03d}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values(i)).save(path)
    return folder


def load(noisy: Any, clean: Any, config: PictureConfig | None = SIZE, **reading: Any) -> Dataset:
    return load_dataset(noisy, seed=0, pictures=config, reading=Reading(target=clean, **reading))


def pairs(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return all noisy images and their clean ones, as floats."""
    parts = (dataset.train, dataset.validation, dataset.test)
    assert all(part.targets is not None for part in parts)
    return (
        np.concatenate([as_float(part.images) for part in parts]),
        np.concatenate([as_float(part.clean) for part in parts]),
    )


def notes(dataset: Dataset) -> str:
    return "\n".join(dataset.train.notes)


def test_pictures_are_matched_by_name_without_the_ending(tmp_path: Path) -> None:
    noisy = pictures(tmp_path / "noisy", marked(), "bmp")
    clean = pictures(tmp_path / "clean", marked(2))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(noisy / "sub" / "000a.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(clean / "extra.png")
    dataset = load(noisy, clean)
    first, second = pairs(dataset)
    assert len(first) == N
    np.testing.assert_allclose(second, 2 * first, atol=0.01)
    assert sorted(np.round(first[:, 0, 0, 0] * 2 * N).astype(int).tolist()) == [*range(1, N + 1)]
    assert "1 noisy picture has no clean one, left out: sub/000a.png" in notes(dataset)
    assert "1 clean picture has no noisy one, left out: extra.png" in notes(dataset)


@pytest.mark.parametrize(
    ("noisy", "clean", "expected"),
    [
        (["a.png", "b.png"], ["b.png", "c.png"], {"b.png": "b.png"}),
        (["x/a.jpg"], ["x/a.png", "y/a.png"], {"x/a.jpg": "x/a.png"}),
        (["a.png", "a.jpg"], ["a.jpg", "a.tif"], {"a.jpg": "a.jpg", "a.png": "a.tif"}),
        (["a.png", "a.bmp"], ["a.jpg"], {}),  # which of the two is not clear
        (["n/a.png", "n/b.png"], ["c/d/a.png", "c/d/b.png"],
         {"n/a.png": "c/d/a.png", "n/b.png": "c/d/b.png"}),
        (["a.b.png"], ["a.c.png"], {}),
    ],
)  # fmt: skip
def test_names(noisy: list[str], clean: list[str], expected: dict[str, str]) -> None:
    assert match_names(noisy, clean) == expected


def test_nothing_in_common(tmp_path: Path) -> None:
    noisy = pictures(tmp_path / "noisy", marked())
    clean = pictures(tmp_path / "clean", marked(), n=1)
    (clean / "sub" / "000.png").rename(clean / "sub" / "GT_000.png")
    with pytest.raises(DataError, match=r"sub/000.png, and here sub/GT_000.png"):
        load(noisy, clean)


def test_a_zip_file_has_the_clean_pictures(tmp_path: Path) -> None:
    noisy = pictures(tmp_path / "noisy", marked())
    clean = pictures(tmp_path / "clean", marked(2))
    with zipfile.ZipFile(tmp_path / "clean.zip", "w") as archive:
        for path in sorted(clean.rglob("*.png"), reverse=True)[:-3]:
            archive.write(path, f"clean/{path.name}")
    dataset = load(noisy, tmp_path / "clean.zip")
    first, second = pairs(dataset)
    assert len(first) == N - 3
    np.testing.assert_allclose(second, 2 * first, atol=0.01)
    # Of the same archive another part gives other images, not those in the cache.
    for i in range(10, 15):
        (noisy / "sub" / f"{i:03d}.png").unlink()
    first, second = pairs(load(tmp_path / "clean.zip", noisy))
    assert len(first) == N - 8
    np.testing.assert_allclose(first, 2 * second, atol=0.01)


def textured(seed: int, side: int = 40) -> Values:
    def values(i: int) -> np.ndarray:
        pixels = np.random.default_rng([seed, i]).integers(0, 127, (side, side), dtype=np.uint8)
        return pixels if seed else 2 * pixels

    return values


def test_patches_of_a_pair_are_of_the_same_places(tmp_path: Path) -> None:
    noisy = pictures(tmp_path / "noisy", textured(1, side=90))
    clean = pictures(tmp_path / "clean", lambda i: 2 * textured(1, side=90)(i))
    (noisy / "sub" / "003.png").unlink()  # the numbers of the two differ from here on
    dataset = load(noisy, clean, PictureConfig(size=Size(8, 8), patches=True))
    first, second = pairs(dataset)
    assert len(first) == 64 * (N - 1)
    np.testing.assert_allclose(second, 2 * first, atol=1e-6)
    assert dataset.train.scale == 1.0


@pytest.mark.parametrize(("side", "patches"), [(48, True), (80, True), ((40, 80), False)])
def test_pairs_of_other_sizes_are_refused_by_name(tmp_path: Path, side: Any, patches: bool) -> None:
    noisy = pictures(tmp_path / "noisy", textured(1))
    clean = pictures(tmp_path / "clean", textured(1))
    size = (side, side) if isinstance(side, int) else side
    Image.new("L", size).save(clean / "sub" / "007.png")
    config = PictureConfig(size=Size(32, 32), patches=patches)
    with pytest.raises(DataError, match=r"sub/007.png has 40 x 40 pixels and sub/007.png"):
        load(noisy, clean, config)


def test_clean_pictures_may_be_larger(tmp_path: Path) -> None:
    noisy = pictures(tmp_path / "noisy", lambda i: np.full((25, 33), i, np.uint8))
    clean = pictures(tmp_path / "clean", lambda i: np.full((50, 66), 2 * i, np.uint8))
    first, second = pairs(load(noisy, clean))
    np.testing.assert_allclose(second, 2 * first, atol=1e-6)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("patches", [False, True])
def test_pictures_that_a_camera_turned_fit_upright_ones(
    tmp_path: Path, patches: bool, late: bool
) -> None:
    noisy = pictures(tmp_path / "noisy", lambda i: textured(1)(i)[:20])
    clean = tmp_path / "clean" / "sub"
    clean.mkdir(parents=True)
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees
    for path in (noisy / "sub").iterdir():
        turned = Image.open(path).rotate(90, expand=True)
        turned.save(clean / path.name, exif=exif)
        if late:  # it stands behind the pixels
            content = (clean / path.name).read_bytes()
            start = content.index(b"eXIf") - 4
            end = start + 12 + int.from_bytes(content[start : start + 4])
            moved = content[:start] + content[end:-12] + content[start:end] + content[-12:]
            (clean / path.name).write_bytes(moved)
    first, second = pairs(
        load(noisy, tmp_path / "clean", PictureConfig(size=Size(8, 8), patches=patches))
    )
    np.testing.assert_array_equal(first, second)


def test_pages_belong_together(tmp_path: Path) -> None:
    def pages(folder: Path, factor: int, n_pages: int) -> Path:
        folder.mkdir()
        for i in range(5):
            first, *rest = (
                Image.fromarray(np.full((8, 8), factor * (10 * i + page), np.uint8))
                for page in range(n_pages)
            )
            first.save(folder / f"{i}.tif", save_all=True, append_images=rest)
        return folder

    noisy, clean = pages(tmp_path / "noisy", 1, 5), pages(tmp_path / "clean", 2, 5)
    first, second = pairs(load(noisy, clean))
    assert len(first) == 25
    np.testing.assert_allclose(second, 2 * first, atol=1e-6)
    with pytest.raises(DataError, match=r"0.tif#5 .* other pages"):
        load(noisy, pages(tmp_path / "fewer", 2, 4))


def test_twelve_bits_have_one_white(tmp_path: Path) -> None:
    noisy = pictures(tmp_path / "noisy", marked(0.3, 4095, np.uint16), "tif")
    clean = pictures(tmp_path / "clean", marked(1.8, 4095, np.uint16), "tif")
    dataset = load(noisy, clean)
    first, second = pairs(dataset)
    assert dataset.train.white == 4095
    assert notes(dataset).count("white is 4,095 (12 bits)") == 1
    np.testing.assert_allclose(second, 6 * first, atol=0.002)
    again = load(noisy, clean, kept=4095)
    np.testing.assert_array_equal(pairs(again)[0], first)
    assert again.fingerprint == dataset.fingerprint
    arrays = [
        np.stack([marked(factor, 4095, np.uint16)(i) for i in range(N)]) for factor in (0.3, 1.8)
    ]
    dataset = load(arrays[0], arrays[1], None)
    first, second = pairs(dataset)
    assert dataset.train.white == 4095
    np.testing.assert_allclose(second, 6 * first, atol=0.002)


@pytest.mark.parametrize("kept", [None, 4095])
def test_masks_keep_a_white_of_their_own(tmp_path: Path, kept: float | None) -> None:
    noisy = pictures(tmp_path / "noisy", marked(1.8, 4095, np.uint16), "tif")
    masks = pictures(tmp_path / "masks", lambda i: np.eye(8, dtype=np.uint8))
    dataset = load(noisy, masks, kept=kept)
    first, second = pairs(dataset)
    assert "clean images: white is 1, for the values reach 1" in notes(dataset)
    assert first.max() > 0.8
    np.testing.assert_array_equal(second[..., 0], np.tile(np.eye(8), (N, 1, 1)))
    arrays = np.stack([marked(1.8, 4095, np.uint16)(i) for i in range(N)])
    stack = np.stack([np.eye(8, dtype=np.uint8)] * N)
    _, second = pairs(load(arrays, stack, None, kept=kept))
    np.testing.assert_array_equal(second[..., 0], stack)


def test_both_have_colours_if_either_has(tmp_path: Path) -> None:
    def red(i: int) -> np.ndarray:
        return np.stack([marked()(i), np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)], -1)

    gray, colour = pictures(tmp_path / "gray", marked()), pictures(tmp_path / "colour", red)
    for noisy, clean in ((gray, colour), (colour, gray)):
        dataset = load(noisy, clean)
        assert dataset.train.image_shape == dataset.train.clean.shape[1:] == (8, 8, 3)
        values = {noisy: pairs(dataset)[0], clean: pairs(dataset)[1]}
        assert values[colour][..., 1].max() == 0
        np.testing.assert_array_equal(values[gray][..., 1], values[gray][..., 0])
        np.testing.assert_allclose(values[colour][..., 0], values[gray][..., 0])


def test_a_broken_picture_takes_its_partner_along(tmp_path: Path) -> None:
    noisy = pictures(tmp_path / "noisy", textured(1))
    clean = pictures(tmp_path / "clean", textured(1))
    for folder, name in ((noisy, "001.png"), (clean, "002.png")):
        file = folder / "sub" / name
        file.write_bytes(file.read_bytes()[:700])  # the header is whole
    (clean / "sub" / "003.png").write_bytes(b"none")
    dataset = load(noisy, clean)
    first, second = pairs(dataset)
    assert len(first) == N - 3
    np.testing.assert_array_equal(first, second)
    skipped = {item.path for item in dataset.train.skipped}
    assert skipped == {"sub/001.png", "clean sub/002.png", "sub/003.png"}


def test_arrays_are_matched_by_place(tmp_path: Path) -> None:
    noisy = np.stack([marked()(i) for i in range(N)])
    dataset = load(noisy, 2 * noisy, None)
    first, second = pairs(dataset)
    np.testing.assert_allclose(second, 2 * first, atol=1e-6)
    np.savez(tmp_path / "noisy.npz", images=noisy)
    np.savez(tmp_path / "clean.npz", images=2 * noisy)
    from_files = load(tmp_path / "noisy.npz", tmp_path / "clean.npz", None)
    assert from_files.fingerprint == dataset.fingerprint
    assert from_files.fingerprint != load(noisy, noisy, None).fingerprint
    with pytest.raises(DataError, match="of the same shape"):
        load(noisy, noisy[1:], None)


def test_pictures_and_arrays_do_not_mix(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give pictures for pictures"):
        load(pictures(tmp_path / "noisy", marked()), np.zeros((N, 8, 8), np.uint8))


def test_splits_of_the_noisy_ones_are_kept(tmp_path: Path) -> None:
    for split, n in (("train", 20), ("test", 9)):
        for kind, factor in (("noisy", 1), ("clean", 2)):
            pictures(tmp_path / "made" / kind, marked(factor), n=n)
            shutil.move(tmp_path / "made" / kind / "sub", tmp_path / kind / split)
    dataset = load(tmp_path / "noisy", tmp_path / "clean")
    assert len(dataset.test) == 9
    first, second = pairs(dataset)
    np.testing.assert_allclose(second, 2 * first, atol=0.01)


def test_pairs_that_came_later_are_left_aside_and_lost_ones_named(tmp_path: Path) -> None:
    noisy = pictures(tmp_path / "noisy", marked())
    clean = pictures(tmp_path / "clean", marked(2))
    (clean / "sub" / "000.png").unlink()  # never was one
    dataset = load(noisy, clean)
    keep_pictures(tmp_path, dataset)
    for folder in (noisy, clean):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "new.png")
    again = load(noisy, clean, known=known_pictures(tmp_path))
    assert again.fingerprint == dataset.fingerprint
    assert "1 picture was added" in notes(again)
    for before, now in zip(pairs(dataset), pairs(again), strict=True):
        np.testing.assert_array_equal(before, now)
    (clean / "sub" / "005.png").unlink()
    with pytest.raises(DataError, match=r"lacks clean pictures .* those of sub/005.png\."):
        load(noisy, clean, known=known_pictures(tmp_path))
