"""Pictures that are decoded while training has begun."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from tests.conftest import Zscape
from tests.harness import PATIENCE
from zscape.data import picture_cache as decoding
from zscape.data.decode import decode_picture
from zscape.data.load import DECODED_FIRST, load_dataset
from zscape.errors import DataError
from zscape.jobs.train import train
from zscape.runs import Run
from zscape.settings import PictureConfig

N_PICTURES = DECODED_FIRST + 200  # so many that they are not all decoded first
BROKEN = (3, 200, 555)
SMALL = PictureConfig(size=8)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Noise, a few files of which are broken."""
    root = tmp_path / "pictures"
    root.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (N_PICTURES, 8, 8), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(root / f"{number:03d}.png")
    for number in BROKEN:
        (root / f"{number:03d}.png").write_text("no picture")
    return root


def train_briefly(folder: Path, out: Path, *, epochs: int = 1, **more: Any) -> Run:
    return train(folder, out=out, size=8, latent_dim=2, epochs=epochs, preset="classic", **more)


def cached(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache" / "pictures").iterdir()]


class OnFirstBatch(keras.callbacks.Callback):
    """Calls something once the network has seen a batch."""

    def __init__(self, call: Any) -> None:
        super().__init__()
        self._call = call

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._call()


@pytest.mark.slow
def test_training_begins_before_all_is_decoded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, lock, n_decoded = threading.Event(), threading.Lock(), 0

    def waiting(*arguments: Any) -> Any:
        nonlocal n_decoded
        with lock:
            n_decoded += 1
            is_late = n_decoded > N_PICTURES - 20
        if is_late and not begun.wait(PATIENCE):
            raise RuntimeError("no batch before all pictures are decoded")
        return decode_picture(*arguments)

    monkeypatch.setattr(decoding, "decode_picture", waiting)
    train_briefly(folder, tmp_path / "run", callbacks=[OnFirstBatch(begun.set)])
    assert n_decoded == N_PICTURES


@pytest.mark.slow
def test_weights_do_not_depend_on_the_cache(folder: Path, tmp_path: Path) -> None:
    first = train_briefly(folder, tmp_path / "first", epochs=2)
    assert len(cached(tmp_path)) == 1
    second = train_briefly(folder, tmp_path / "second", epochs=2)
    for one, other in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    for run in (first, second):
        parts = (run.dataset.train, run.dataset.validation, run.dataset.test)
        assert sum(map(len, parts)) == N_PICTURES - len(BROKEN)
        listed = (run.path / "skipped.csv").read_text()
        assert all(f"{number:03d}.png" in listed for number in BROKEN)


@pytest.mark.slow
def test_broken_pictures_found_late_are_told(zscape: Zscape, folder: Path, tmp_path: Path) -> None:
    words = ("train", folder, "--size", 8, "--latent-dim", 2, "--epochs", 1, "--preset", "classic")
    strict = zscape(*words, "--out", tmp_path / "strict", "--strict")
    assert strict.status == 2
    assert "003.png" in strict.err
    assert not (tmp_path / "strict").exists()
    for path in (tmp_path / "cache" / "pictures").iterdir():  # to be decoded anew
        path.rename(tmp_path / path.name)
    done = zscape(*words, "--out", tmp_path / "run")
    assert done.status == 0
    for number in BROKEN:
        assert done.err.count(f"left out: {number:03d}.png") == 1


def test_too_few_that_can_be_read_end_the_training(
    zscape: Zscape, folder: Path, tmp_path: Path
) -> None:
    for number in range(15, N_PICTURES):
        (folder / f"{number:03d}.png").write_text("no picture")
    words = ("--size", 8, "--latent-dim", 2, "--preset", "classic", "--out", tmp_path / "run")
    message = zscape("train", folder, *words).error
    assert f"({N_PICTURES - 14:,} files were left out; 003.png: " in message
    assert ") gives 14 images" in message


def test_a_failure_in_the_background_is_raised_as_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    def failing(*arguments: Any) -> Any:
        if begun.is_set():
            raise OSError(28, "No space left on device")
        return decode_picture(*arguments)

    monkeypatch.setattr(decoding, "decode_picture", failing)
    dataset = load_dataset(folder, seed=0, pictures=SMALL, wait=False)
    begun.set()
    assert dataset.decoding is not None
    try:
        with pytest.raises(OSError, match="No space left"):
            dataset.readable()
    finally:
        dataset.decoding.close()
    assert cached(tmp_path) == []


@pytest.mark.slow
def test_an_interrupted_training_leaves_no_half_cache(folder: Path, tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_briefly(folder, tmp_path / "run", callbacks=[OnFirstBatch(stop)])
    assert [name for name in cached(tmp_path) if name.startswith(".")] == []


def test_a_killed_decoding_is_thrown_away(folder: Path, tmp_path: Path) -> None:
    code = """if True:
        import itertools, os, sys
        from zscape.settings import PictureConfig
        from zscape.data import picture_cache as decoding
        from zscape.data.load import load_dataset
        real, count = decoding.decode_picture, itertools.count()
        def dying(*arguments):
            if next(count) == 300:
                os.kill(os.getpid(), 9)
            return real(*arguments)
        decoding.decode_picture = dying
        load_dataset(sys.argv[1], seed=0, pictures=PictureConfig(size=8))
    """
    killed = subprocess.run([sys.executable, "-c", code, folder], check=False)
    assert killed.returncode == -9
    assert cached(tmp_path)  # what it had begun
    dataset = load_dataset(folder, seed=0, pictures=SMALL)
    assert len(dataset.train.skipped) == len(BROKEN)
    assert len(cached(tmp_path)) == 1
    assert not cached(tmp_path)[0].startswith(".")


def test_all_broken_in_one_part_is_refused(folder: Path) -> None:
    test = load_dataset(folder, seed=0, pictures=SMALL).test
    assert test.names is not None
    for name in test.names:
        (folder / str(name)).write_text("no picture")
    # The draw is of all that are listed, so the same pictures are drawn again.
    with pytest.raises(DataError, match="no picture to test on"):
        load_dataset(folder, seed=0, pictures=SMALL)
