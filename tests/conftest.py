"""Settings of the whole test run, before Keras or Matplotlib is imported, and shared fixtures."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
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


# --- tests that need what a machine may lack ---

EMOJI = Path(__file__).parents[1] / "data" / "emoji"
# By marker: what is needed, whether it is there, and how to get it.
NEEDS: dict[str, tuple[str, Callable[[], bool], str]] = {
    "browser": (
        "Chromium",
        lambda: shutil.which("chromium") is not None,
        "which is not installed; run scripts/install_chromium.sh",
    ),
    "network": (
        "the network",
        EMOJI.is_dir,
        "to fetch data/emoji; run scripts/emoji.py data/emoji",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what cannot run here, before any fixture is made for it."""
    for marker, (need, is_there, remedy) in NEEDS.items():
        if not is_there():
            skip = pytest.mark.skip(reason=f"needs {need}, {remedy}")
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(skip)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each skipped test and its reason, and say in one line how many there are."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("tests that were not run")
    counts: Counter[str] = Counter()
    for report in skipped:
        reason = report.longrepr[2].removeprefix("Skipped: ")
        name = re.sub(r"@\w+$", "", report.nodeid)  # without the group that pytest-xdist adds
        terminalreporter.write_line(f"{name}: {reason}")
        counts[_need_of(reason)] += 1
    numbers = [f"{n} test{'s' * (n > 1)} need{'s' * (n == 1)} {need}" for need, n in counts.items()]
    terminalreporter.write_line(f"NOT RUN: {', '.join(numbers)}")


def _need_of(reason: str) -> str:
    return next((need for need, *_ in NEEDS.values() if f"needs {need}," in reason), "other things")


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
    """Runs that any test may read, and none may change.

    `two` is of the preset that is quickest to train, `three` of the default one.
    """

    data: Path
    two: Path
    three: Path


def _shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of this test run have in common."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run of 2 latent variables and one of 3, on 60 labelled images of 8x8.

    Each is trained once, by the process that comes first; the others wait for it.
    """
    from zscape.jobs.train import train

    folder = _shared_folder(tmp_path_factory)
    data, two, three = (folder / name for name in ("spots.npz", "two", "three"))
    with FileLock(folder / "data.lock"):
        if not data.exists():
            images, labels = blobs(60)
            np.savez(data, images=images, labels=labels)
    wanted: list[tuple[Path, int, str]] = [(two, 2, "classic"), (three, 3, "fast")]
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw1":
        wanted.reverse()  # two processes train one each
    for run, latent_dim, preset in wanted:
        with FileLock(run.with_suffix(".lock")):
            if not (done := run.with_suffix(".done")).exists():
                train(data, out=run, preset=preset, latent_dim=latent_dim, epochs=2, batch_size=16)
                done.touch()
    return Trained(data, two, three)


# What `zscape train` is asked for to resume `two`.
AS_TRAINED = ("--preset", "classic", "--latent-dim", 2, "--epochs", 2, "--batch-size", 16)


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
