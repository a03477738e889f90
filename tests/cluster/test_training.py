"""One training in several processes: real ones, and one that is killed."""

from __future__ import annotations

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import zscape
from tests.harness import PATIENCE
from zscape.errors import ConfigError

pytestmark = pytest.mark.xdist_group("ray")

# Batches of 51: no number of processes divides them, nor what is left for the last one.
FLAGS = (
    *("--limit", "200", "--epochs", "2", "--preset", "classic", "--latent-dim", "4"),
    *("--batch-size", "51", "--checkpoint-minutes", "0.0001"),
)


def started(out: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "zscape", "train", "mnist", *FLAGS, "--out", str(out), *more]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", **environment},
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit status and what was said."""
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


def losses(run: Path) -> np.ndarray:
    with (run / "history.csv").open() as file:
        rows = [*csv.DictReader(file)]
    return np.array([[float(row["loss"]), float(row["val_loss"])] for row in rows])


def arrays(run: Path) -> dict[str, np.ndarray]:
    with np.load(run / "checkpoint" / "state.npz") as stored:
        return {name: stored[name] for name in stored.files if name != "state"}


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(child.cmdline()):
                found.append(child)
        except psutil.Error:
            continue  # it has ended meanwhile
    return found


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of two workers that nothing happened to, and what was said."""
    out = tmp_path_factory.mktemp("runs") / "calm"
    status, said = ended(started(out, "--workers", "2"))
    assert status == 0, said
    return out, said


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run of one process, on the same backend."""
    out = tmp_path_factory.mktemp("runs") / "alone"
    status, said = ended(started(out, KERAS_BACKEND="jax"))
    assert status == 0, said
    return out


@pytest.mark.slow
def test_two_workers_train_as_one_process_does(calm: tuple[Path, str], alone: Path) -> None:
    out, said = calm
    lines = said.splitlines()
    assert sum("joined on" in line for line in lines) == 2
    assert any(line.startswith("epoch 2/2") for line in lines)
    # Nothing of Ray's own log.
    ours = ("worker ", "epoch ", "warning: ", "measuring on ", "whole run: ")
    assert [line for line in lines if not line.startswith(ours)] == []
    np.testing.assert_allclose(losses(out)[0], losses(alone)[0], atol=1e-5)
    np.testing.assert_allclose(losses(out)[1], losses(alone)[1], atol=1e-4)
    # What a run has is all there, and opens on the user's backend.
    assert (out / "report.html").exists()
    images = zscape.load_images("mnist").images[:5]
    assert zscape.load_run(out).model.encode(images).shape == (5, 4)


@pytest.mark.slow
def test_a_killed_worker_changes_nothing(calm: tuple[Path, str], tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = started(out, "--workers", "2")
    deadline = time.monotonic() + PATIENCE
    while not (out / "checkpoint" / "state.npz").exists():  # in the midst of an epoch, or later
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(workers_of(process)[-1].pid, signal.SIGKILL)
    status, said = ended(process)
    assert status == 0, said
    assert "is lost; all go on from the last checkpoint" in said
    np.testing.assert_array_equal(losses(out), losses(calm[0]))
    expected = arrays(calm[0])
    for name, array in arrays(out).items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.mark.slow
def test_processes_started_by_hand_train_together(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "by-hand"
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    flags = ("--coordinator", address, "--json")
    environment = dict(os.environ)
    environment.pop("KERAS_BACKEND")  # JAX is chosen where several processes ask for it
    command = [sys.executable, "-m", "zscape", "train", "mnist", *FLAGS, "--out", str(out), *flags]
    pair = [
        subprocess.Popen(
            [*command, "--process", f"{i}/2"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for i in range(2)
    ]
    outputs = [process.communicate(timeout=PATIENCE) for process in pair]
    assert [process.returncode for process in pair] == [0, 0], outputs
    assert outputs[0][0].startswith("{")  # nothing else is on stdout
    assert outputs[1] == ("", "")  # only the first one speaks
    np.testing.assert_allclose(losses(out)[0], losses(alone)[0], atol=1e-5)


@pytest.mark.slow
def test_what_a_worker_refuses_is_one_line(calm: tuple[Path, str]) -> None:
    status, said = ended(started(calm[0], "--workers", "2"))
    assert status == 2
    assert said.splitlines()[-1].startswith(f"zscape: {calm[0]} holds a run already")
    assert "Traceback" not in said


def test_an_address_where_nobody_answers_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        status, said = ended(started(tmp_path / "run", "--workers", "2", "--cluster", address))
    assert status == 2
    assert said.startswith(f"zscape: no Ray cluster can be joined at {address}")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers is 0; expected a whole number"),
        ({"workers": 2, "min_workers": 3}, "min_workers is 3; expected at most the 2"),
        ({"workers": 2, "callbacks": [object()]}, "`callbacks` cannot be sent"),
        ({"workers": 2, "process": "0/2"}, "`process` is for processes started without Ray"),
        ({"process": "0/2"}, "`process` and `coordinator` belong together"),
        ({"process": "2/2", "coordinator": "a:1"}, "process is '2/2'; expected I/N"),
        ({"process": "0/2", "coordinator": "a"}, "coordinator is 'a'; expected HOST:PORT"),
        ({"process": "0/2", "coordinator": "a:1"}, "several processes need Keras on JAX"),
        ({"checkpoint_minutes": -1}, "checkpoint_minutes is -1; expected a positive number"),
    ],
)
def test_what_makes_no_sense_is_refused_before_work(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    images = np.zeros((60, 8, 8), np.uint8)
    with pytest.raises(ConfigError, match=message):
        zscape.train(images, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_devices_of_one_process_see_the_whole_batch() -> None:
    script = Path(__file__).parents[1] / "devices_run.py"
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=3"
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment,
    )
    assert done.stdout.splitlines()[-1:] == ["done"], done.stderr[-2000:]
