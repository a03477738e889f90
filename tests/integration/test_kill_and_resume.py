"""Training that is killed and resumed, in real processes."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Zscape
from tests.harness import PATIENCE
from zscape.model_file import load_model
from zscape.runs import load_run

# One process, so that the run the others must equal is trained once.
pytestmark = [pytest.mark.xdist_group("kill_and_resume"), pytest.mark.slow]

DYING_TRAIN = Path(__file__).with_name("dying_train.py")
EPOCHS = 4


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of one bright square each, 12x12, whose place is to be learned."""
    path = tmp_path_factory.mktemp("data") / "squares.npz"
    rng = np.random.default_rng(0)
    squares = np.zeros((400, 12, 12), np.uint8)
    for square, (row, column) in zip(squares, rng.integers(0, 8, (400, 2)), strict=True):
        square[row : row + 4, column : column + 4] = 255
    np.savez(path, images=squares)
    return path


def arguments(images: Path, out: Path, *more: str) -> list[str]:
    # The preset that is quickest to build.
    words = ["train", str(images), "--out", str(out), "--epochs", str(EPOCHS)]
    return [*words, "--preset", "classic", *more]


def train(kill_at: int, words: list[str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(DYING_TRAIN), str(kill_at), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def losses(run: Path) -> list[tuple[str, str, str]]:
    """The history without the columns that tell the time; text, so equal means to the last bit."""
    with (run / "history.csv").open() as file:
        return [(r["epoch"], r["loss"], r["val_loss"]) for r in csv.DictReader(file)]


@pytest.fixture(scope="module")
def uninterrupted(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that the others must equal."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    done = train(0, arguments(images, out))
    assert done.returncode == 0, done.stderr
    return out


def test_killed_again_and_again_it_ends_as_if_nothing_had_happened(
    images: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    probe = np.load(images)["images"][:5, ..., np.newaxis]
    models_seen = 0
    # In the settings, a checkpoint, and late, in one run.
    for kill_at in (2, 7, 14):
        killed = train(kill_at, arguments(images, out, "--resume"))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        if (out / "model.keras").exists():
            models_seen += 1
            assert np.isfinite(load_model(out / "model.keras").reconstruct(probe)).all()
    assert models_seen >= 2  # kills came after a best model had been written, too
    ended = train(0, arguments(images, out, "--resume"))
    assert ended.returncode == 0, ended.stderr
    assert losses(out) == losses(uninterrupted)
    assert len(losses(out)) == EPOCHS
    np.testing.assert_array_equal(
        load_run(out).model.encode(probe), load_run(uninterrupted).model.encode(probe)
    )
    assert not list(out.rglob(".writing-*"))
    whole, killed_metrics = (
        json.loads((run / "metrics.json").read_text())["model"] for run in (uninterrupted, out)
    )
    assert killed_metrics == whole


def test_resuming_a_finished_run_changes_nothing(
    zscape: Zscape, images: Path, uninterrupted: Path
) -> None:
    before = losses(uninterrupted)
    again = zscape(*arguments(images, uninterrupted, "--resume"))
    assert again.status == 0, again.err
    assert losses(uninterrupted) == before
