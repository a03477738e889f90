"""A folder of one's own pictures, from training to every other command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Trained, Zscape, blobs
from zscape.runs import load_run

# One process, so that its runs are trained once.
pytestmark = pytest.mark.xdist_group("own_pictures")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures of 12x9 pixels in three folders, and a broken one."""
    root = tmp_path_factory.mktemp("own") / "spots"
    images, labels = blobs(60, (9, 12, 3))
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / ("left", "middle", "right")[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image // np.array([1, 2, 1], np.uint8)).save(folder / f"{number:02d}.png")
    (root / "left" / "broken.jpg").write_text("no picture")
    return root


WORDS = ("--preset", "classic", "--size", 16, "--latent-dim", 2, "--epochs", 1, "--batch-size", 16,
         "--json")  # fmt: skip


@pytest.fixture
def run(zscape: Zscape, spots: Path) -> Path:
    out = spots.parent / "run"
    if not out.exists():
        done = zscape("train", spots, "--out", out, *WORDS)
        assert done.status == 0, done.err
        assert "left out: left/broken.jpg: its content is not PNG" in done.err
    return out


@pytest.mark.slow
def test_a_run_of_pictures(run: Path, spots: Path) -> None:
    loaded = load_run(run)
    assert loaded.config.image_shape == (16, 16, 3)
    assert loaded.config.pictures is not None
    assert loaded.config.pictures.fit == "crop"
    assert loaded.dataset.train.class_names == ("left", "middle", "right")
    assert (run / "skipped.csv").read_text().splitlines()[1].startswith("left/broken.jpg,")
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["notes"] == ["1 files of the folder were left out."]
    assert metrics["training"]["n_train"] + metrics["training"]["n_validation"] == 54
    assert "1 files of the folder" in (run / "report.html").read_text()


@pytest.mark.slow
def test_every_command_takes_a_folder_and_a_picture(
    zscape: Zscape, run: Path, spots: Path, tmp_path: Path
) -> None:
    picture = spots / "right" / "02.png"
    for words in (
        ("encode", run, spots, "-o", tmp_path / "codes.npz"),
        ("reconstruct", run, spots / "left", "-n", 3, "-o", tmp_path / "again"),
        ("map", run, spots, "-o", tmp_path / "map.png"),
        ("evaluate", run, spots),
        ("generate", run, "-n", 2, "--label", "right", "--density", "normal",
         "-o", tmp_path / "new.npz"),
        ("interpolate", run, picture, "0", "-o", tmp_path / "way.png"),
        ("denoise", run, picture, "-o", tmp_path / "clean"),
        ("info", run),
    ):  # fmt: skip
        done = zscape(*words)
        assert done.status == 0, (words, done.err)
        assert ("broken.jpg" in done.err) == (spots in words or spots / "left" in words)
    with np.load(tmp_path / "codes.npz") as codes:
        assert codes["codes"].shape == (60, 2)
        assert codes["paths"][0] == "left/00.png"
        assert codes["class_names"].tolist() == ["left", "middle", "right"]
    message = zscape("generate", run, "--label", "top", "-o", tmp_path / "top.npz").error
    assert "have left, middle, right" in message


@pytest.mark.slow
def test_changed_options_and_pictures_are_noticed(
    zscape: Zscape, run: Path, spots: Path, tmp_path: Path
) -> None:
    words = ("train", spots, "--out", run, "--resume", *WORDS)
    assert zscape(*words).status == 0
    other = zscape(*words, "--fit", "pad")
    assert other.status == 2
    assert "fit was 'crop'" in other.err
    assert "broken.jpg: its content is not" in zscape(*words, "--strict").error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--size", 4), "size is '4'"),
        (("--color", "blue"), '"blue"'),
        (("--fit", "best"), '"best"'),
    ],
)
def test_options_that_cannot_be(
    zscape: Zscape, spots: Path, tmp_path: Path, words: tuple[object, ...], expected: str
) -> None:
    assert expected in zscape("train", spots, "--out", tmp_path / "run", *words).error


def test_size_is_for_folders(zscape: Zscape, trained: Trained, tmp_path: Path) -> None:
    message = zscape("train", trained.data, "--size", 32, "--out", tmp_path / "run").error
    assert "size is for folders of pictures" in message


def test_a_run_on_arrays_takes_folders_too(
    zscape: Zscape, trained: Trained, spots: Path, tmp_path: Path
) -> None:
    done = zscape("reconstruct", trained.two, spots, "-n", 2, "-o", tmp_path / "out")
    assert done.status == 0
    with np.load(tmp_path / "out" / "reconstructions.npz") as arrays:
        assert arrays["images"].shape == (2, 8, 8, 1)
