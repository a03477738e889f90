"""What a location is, decided once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Zscape
from zscape.data.images import Images
from zscape.data.load import load_dataset, load_images
from zscape.data.sources import Source, Wanted, resolve
from zscape.errors import DataError, RunError
from zscape.settings import PictureConfig


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(30):
        Image.new("L", (9, 9), number).save(folder / f"{number:02d}.png")
    return folder


def test_what_locations_are(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(photos.parent / "a.b.npy", np.zeros((3, 8, 8), np.uint8))
    (photos.parent / "x.TAR").write_bytes(b"")
    (photos.parent / "noending").write_bytes(b"")
    monkeypatch.chdir(photos)
    expected = {
        "mnist": ("Mnist", "mnist", "mnist", False),
        ".": ("Folder", str(photos), "photos", True),
        "../photos": ("Folder", str(photos), "photos", True),
        "../a.b.npy": ("ArrayFile", f"{photos}/../a.b.npy", "a", False),
        "../x.TAR": ("Tar", f"{photos.parent}/x.TAR", "x", True),
        "../gone.tar": ("ArrayFile", f"{photos}/../gone.tar", "gone", False),
        "../noending": ("ArrayFile", f"{photos}/../noending", "noending", False),
    }
    for location, facts in expected.items():
        for given in (location, Path(location)):
            found = resolve(given)
            assert (type(found).__name__, found.name, found.default_stem, found.has_pictures) == (
                facts
            )
    Path("mnist").mkdir()  # a named set comes first
    splits = resolve("mnist").read(Wanted()).splits
    assert splits is not None
    assert set(splits.tolist()) == {"train", "test"}
    assert resolve("./mnist").has_pictures


def test_images_in_memory_are_a_source(photos: Path) -> None:
    array = np.zeros((30, 8, 8), np.uint8)
    assert resolve(array).name == "array"
    on_disk = load_images(photos, pictures=PictureConfig(size=8))
    assert resolve(on_disk).name == str(photos)
    assert not resolve(on_disk).has_pictures
    assert len(load_images(on_disk.images)) == 30
    assert len(load_dataset(on_disk.images, seed=0).train) == 25


def test_a_source_is_known_by_its_class_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stripes(Source):
        def read(self, wanted: Wanted) -> Images:
            return Images(np.eye(8, dtype=np.uint8)[None].repeat(40, 0), None, "stripes")

    monkeypatch.setattr(Stripes, "names", ("stripes",))  # for this test only
    assert load_dataset("stripes", seed=0).train.image_shape == (8, 8, 1)
    with pytest.raises(DataError, match=r"\(mnist, stripes\); did you mean stripes\?"):
        load_images("strips")


def test_a_data_set_ends_its_decoding(photos: Path, tmp_path: Path) -> None:
    with load_dataset(photos, seed=0, pictures=PictureConfig(size=8), wait=False) as dataset:
        assert dataset.decoding is not None
    assert [path.name for path in (tmp_path / "cache" / "pictures").iterdir()] != []
    assert not any(thread.is_alive() for thread in dataset.decoding._threads)
    with load_dataset(np.zeros((30, 8, 8), np.uint8), seed=0) as arrays:
        assert arrays.decoding is None


@pytest.mark.slow
def test_the_folder_one_is_in_gives_its_name_to_the_run(
    zscape: Zscape, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zscape.jobs.train import train

    monkeypatch.chdir(photos)
    words = ("--size", 8, "--latent-dim", 2, "--epochs", 1, "--preset", "classic")
    assert zscape("train", ".", *words).status == 0
    with pytest.raises(RunError, match=r"^runs/photos-classic-2d holds a run already"):
        train(".", size=8, latent_dim=2, epochs=1, preset="classic")


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_not_the_folder_where_the_user_is(
    photos: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(photos)
    with pytest.raises(DataError, match="the name of the images is empty; expected a"):
        resolve(name)
