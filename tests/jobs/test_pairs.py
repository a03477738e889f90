"""Training on noisy images and their clean ones, from two folders or arrays to a run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from tests.conftest import Zscape, blobs
from zscape.errors import ConfigError
from zscape.evaluation.results import read_evaluation
from zscape.jobs.plan import default_folder
from zscape.jobs.train import Interrupted, train
from zscape.runs import load_run

# One process, so that its runs are trained once.
pytestmark = [pytest.mark.xdist_group("pairs"), pytest.mark.slow]

WORDS: dict[str, Any] = {"preset": "classic", "latent_dim": 3, "epochs": 3, "batch_size": 16}
FLAGS = ("--preset", "classic", "--latent-dim", 3, "--epochs", 3, "--batch-size", 16, "--size", 8)


def noisy_and_clean(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    clean, _ = blobs(n)
    noise = np.random.default_rng(1).normal(0, 50, clean.shape)
    return np.clip(clean + noise, 0, 255).astype(np.uint8), clean


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders noisy and clean, and a run that was trained on them."""
    root = tmp_path_factory.mktemp("pairs")
    for folder, images in zip(("noisy", "clean"), noisy_and_clean(), strict=True):
        (root / folder).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image[..., 0]).save(root / folder / f"{i:02d}.png")
    train(root / "noisy", target=root / "clean", size=8, out=root / "run", **WORDS)
    return root


@pytest.fixture
def moved(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(root, tmp_path / "moved"))


def test_a_run_of_pairs_says_how_well_it_undoes_their_noise(zscape: Zscape, root: Path) -> None:
    run = load_run(root / "run")
    assert run.config.reading.target == str(root / "clean")
    found = read_evaluation(run)
    test = run.dataset.test
    output, clean = run.model.reconstruct(test.images), np.asarray(test.clean) / 255
    assert found.model["mse"] == pytest.approx(float(np.square(output - clean).mean()), rel=1e-3)
    assert any("compared with the clean ones" in note for note in found.notes)
    assert found.denoising is not None
    (level,) = found.denoising.levels
    assert level.corruption == "own pairs"
    assert level.methods["zscape"]["psnr"] == pytest.approx(found.model["psnr"], abs=1e-3)
    noisy = np.asarray(test.images) / 255
    errors = np.square(noisy - clean).mean(axis=(1, 2, 3))
    expected = float((-10 * np.log10(errors)).mean())
    assert level.methods["noisy"]["psnr"] == pytest.approx(expected, abs=1e-3)
    assert level.best_classical is not None
    assert "own pairs" in (root / "run" / "report.html").read_text()
    assert (root / "run" / "figures" / "denoising.png").exists()
    assert "own pairs" in zscape("info", root / "run").out


def test_the_images_of_the_run_are_found_again_with_their_targets(root: Path) -> None:
    dataset = load_run(root / "run").dataset
    noisy, clean = noisy_and_clean()
    for part in (dataset.train, dataset.validation, dataset.test):
        assert part.names is not None
        rows = [int(name.partition(".")[0]) for name in part.names]
        np.testing.assert_array_equal(part.images, noisy[rows])
        np.testing.assert_array_equal(part.clean, clean[rows])


def test_other_images_are_measured_without_targets(zscape: Zscape, root: Path) -> None:
    done = zscape("evaluate", root / "run", root / "clean", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["denoising"] is None
    assert any("have no clean ones" in note for note in found["notes"])


def test_such_a_run_has_learned_to_denoise(zscape: Zscape, root: Path, tmp_path: Path) -> None:
    done = zscape("denoise", root / "run", root / "noisy" / "00.png", "-o", tmp_path / "out")
    assert (done.status, done.err) == (0, "")


def interrupted_after(epoch: int) -> keras.callbacks.Callback:
    def stop(finished: int, logs: Any) -> None:
        if finished + 1 == epoch:
            raise KeyboardInterrupt

    return keras.callbacks.LambdaCallback(on_epoch_end=stop)


def folders(root: Path) -> tuple[Any, Any]:
    return root / "noisy", root / "clean"


def arrays(root: Path) -> tuple[Any, Any]:
    return noisy_and_clean()


@pytest.mark.parametrize("data", [folders, arrays])
def test_a_resumed_run_is_the_same_to_the_last_bit(
    root: Path, tmp_path: Path, data: Callable[[Path], tuple[Any, Any]]
) -> None:
    noisy, clean = data(root)
    words = {**WORDS, **({"size": 8} if data is folders else {}), "target": clean}
    # Callbacks make the steps single ones, which may change the last bits.
    whole = train(noisy, out=tmp_path / "whole", callbacks=[interrupted_after(99)], **words)
    words |= {"out": tmp_path / "halves", "callbacks": [interrupted_after(1)]}
    with pytest.raises(Interrupted):
        train(noisy, **words)
    words["callbacks"] = [interrupted_after(99)]
    resumed = train(noisy, resume=True, **words)
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert [row["val_loss"] for row in whole.history] == [
        row["val_loss"] for row in resumed.history
    ]


def test_a_run_is_not_resumed_without_its_targets_or_with_others(
    zscape: Zscape, moved: Path
) -> None:
    words = ("train", moved / "noisy", "--out", moved / "run", "--resume", *FLAGS)
    assert "target was" in zscape(*words).error
    assert zscape(*words, "--target", moved / "clean").status == 0
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(moved / "clean" / "00.png")
    done = zscape(*words, "--target", moved / "clean")
    assert done.status == 2
    assert "not those the run was started with" in done.err


def test_noisy_and_clean_images_that_moved_together_are_found(
    zscape: Zscape, root: Path, moved: Path
) -> None:
    gone = root.with_name("gone")
    root.rename(gone)
    try:
        done = zscape("evaluate", moved / "run", "--data", moved / "noisy", "--json")
        assert done.status == 0, done.err
        assert json.loads(done.out)["denoising"] is not None
        assert load_run(moved / "run").config.reading.target == str(moved / "clean")
        assert len(load_run(moved / "run").dataset.train) == 49
    finally:
        gone.rename(root)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"corruption": "gaussian"}, "`target` and `corruption` exclude each other"),
        ({"test": "mnist"}, "folders train, validation and test on both sides"),
        ({"validation": np.zeros((9, 8, 8))}, "`target` and `validation` exclude each other"),
    ],
)
def test_what_does_not_go_with_a_target(more: dict[str, Any], expected: str) -> None:
    noisy, clean = noisy_and_clean()
    with pytest.raises(ConfigError, match=expected):
        train(noisy, target=clean, **more)


def test_runs_of_pairs_have_a_folder_of_their_own(root: Path) -> None:
    config = load_run(root / "run").config
    assert default_folder(config) == Path("runs/noisy-classic-pairs-3d")
