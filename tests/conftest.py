"""Settings of the whole test run, before Keras or Matplotlib is imported, and shared fixtures."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from zscape.hardware import n_cores, processor_name, vector_units

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# The same examples in every run, and no time limit on one: the machine may be busy.
settings.register_profile("zscape", deadline=None, derandomize=True)
settings.load_profile("zscape")


def pytest_report_header() -> str:
    return f"processor: {processor_name()}, {vector_units()}, {n_cores()} cores"


def blobs(n: int, shape: tuple[int, int, int] = (8, 8, 1)) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 images of one soft spot each, and in which third it lies: 0, 1 or 2."""
    rng = np.random.default_rng(0)
    height, width, channels = shape
    labels = np.arange(n) % 3
    x = (labels + 1) * width / 4 + rng.normal(0, 0.4, n)
    y = height / 2 + rng.normal(0, height / 8, n)
    rows, columns = np.mgrid[:height, :width]
    squares = (columns - x[:, None, None]) ** 2 + (rows - y[:, None, None]) ** 2
    spots = np.exp(-squares / (0.02 * height * width + 0.5))  # (n, height, width)
    images = np.repeat((255 * spots).astype(np.uint8)[..., None], channels, axis=-1)
    return images, labels


@dataclass(frozen=True)
class Trained:
    """Runs that any test may read, and none may change."""

    data: Path
    two: Path
    three: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run of 2 latent variables and one of 3, on 60 labelled images of 8x8."""
    from zscape.workflow.training import train

    folder = tmp_path_factory.mktemp("trained")
    images, labels = blobs(60)
    np.savez(folder / "spots.npz", images=images, labels=labels)
    data = folder / "spots.npz"
    two, three = (
        train(data, out=folder / name, latent_dim=d, epochs=2, batch_size=16).path
        for name, d in (("two", 2), ("three", 3))
    )
    return Trained(data, two, three)


@pytest.fixture
def copied(trained: Trained, tmp_path: Path) -> Path:
    """A copy of the run of 2 latent variables, to be damaged."""
    return Path(shutil.copytree(trained.two, tmp_path / "run"))


@dataclass(frozen=True)
class Result:
    """What a command left: exit status, stdout and stderr."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of a refused command, without `zscape: `."""
        assert self.status == 2, (self.status, self.err)
        assert self.out == ""
        assert self.err.startswith("zscape: ")
        assert self.err.count("\n") == 1
        assert self.err.endswith("\n")
        assert "Traceback" not in self.err
        return self.err.removeprefix("zscape: ").rstrip("\n")


Zscape = Callable[..., Result]


@pytest.fixture
def zscape(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Zscape:
    """Run `zscape ARGUMENTS...` in this process, from the words to the exit status."""
    from zscape.cli import main

    def run(*words: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["zscape", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        return Result(int(stop.value.code or 0), out, err)

    return run
