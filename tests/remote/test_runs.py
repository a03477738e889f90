"""Runs and outputs that lie elsewhere: written, read, resumed, and never half there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zscape
from tests.conftest import AS_TRAINED, Trained, Zscape
from tests.harness import PATIENCE
from tests.remote.conftest import Bucket
from tests.remote.servers import Fault
from zscape.errors import ConfigError, RunError
from zscape.jobs import train as jobs
from zscape.remote import RemoteError, as_path
from zscape.run_folder import open_for_training

# Of the run `trained.two`.
SETTINGS: dict[str, Any] = {
    "preset": "classic", "latent_dim": 2, "epochs": 2, "batch_size": 16,
}  # fmt: skip


def weights(run: zscape.Run) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in run.model.get_weights()]


def same_training(a: zscape.Run, b: zscape.Run) -> None:
    for ours, theirs in zip(weights(a), weights(b), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    losses = [[row["val_loss"] for row in run.history] for run in (a, b)]
    assert losses[0] == losses[1]


def same_run(a: zscape.Run, b: zscape.Run) -> None:
    same_training(a, b)
    assert a.metrics["model"] == b.metrics["model"]
    assert a.config.fingerprint == b.config.fingerprint


def files_of(folder: Path) -> set[str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix() for file in files} - {".lock"}


# --- training ---


@pytest.mark.slow
def test_trained_there_as_here(trained: Trained, s3: Bucket) -> None:
    """Also where uploads fail at first; and a model is there before the checkpoint that has it."""
    data = s3.put(trained.data, "data/spots.npz")
    s3.server.faults += [Fault(kind, where="PUT /", times=2) for kind in (503, 500)]
    run = zscape.train(data, out=s3.url("runs/x"), **SETTINGS)
    assert not any(fault.times for fault in s3.server.faults)
    here = zscape.load_run(trained.two)
    same_run(run, here)
    stored = {key.removeprefix("runs/x/") for key in s3.files() if key.startswith("runs/x/")}
    # Other tests may have fitted densities to the codes of the local run.
    local = {name for name in files_of(trained.two) if not name.startswith("density/")}
    assert stored == local
    opened = zscape.load_run(s3.url("runs/x"))
    assert opened.config.source == data
    same_run(opened, here)
    puts = [asked for asked in s3.server.requests if asked.startswith("PUT ")]
    written = list(dict.fromkeys(asked.rpartition("/x/")[2] for asked in puts))
    order = ["config.json", "model.keras", "checkpoint/state.npz", "history.csv"]
    assert written[: len(order)] == order
    assert written[-1] == "report.html"


@pytest.fixture
def no_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out figures and report, which take longer than these trainings."""
    monkeypatch.setattr(jobs, "write_results", lambda run: None)


class _Stop(Exception):
    pass


@pytest.mark.slow
@pytest.mark.usefixtures("no_results")
def test_resumed_from_what_was_uploaded(trained: Trained) -> None:
    import keras

    class StopAtTwo(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                raise _Stop

    out = "memory://runs/stopped"
    with pytest.raises(_Stop):
        zscape.train(trained.data, out=out, callbacks=[StopAtTwo()], **SETTINGS)
    assert len(zscape.load_run(out).history) == 1
    with pytest.raises(RunError, match="holds a run already"):
        zscape.train(trained.data, out=out, **SETTINGS)
    zscape.train(trained.data, out=out, resume=True, **SETTINGS)
    same_training(zscape.load_run(out), zscape.load_run(trained.two))


_UNTIL_KILLED = """
import os, signal, sys, keras, zscape
class Killed(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations.numpy() == 5:  # in the second epoch
            os.kill(os.getpid(), signal.SIGKILL)
zscape.train(sys.argv[1], out=sys.argv[2], callbacks=[Killed()], preset="classic", latent_dim=2,
             epochs=2, batch_size=16)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("no_results")
def test_resumed_after_kill_9(trained: Trained, s3: Bucket) -> None:
    words = [sys.executable, "-c", _UNTIL_KILLED, str(trained.data), s3.url("run")]
    done = subprocess.run(words, capture_output=True, timeout=PATIENCE, env=os.environ, check=False)
    assert done.returncode == -9, done.stderr
    assert len(zscape.load_run(s3.url("run")).history) == 1
    run = zscape.train(trained.data, out=s3.url("run"), resume=True, **SETTINGS)
    same_training(run, zscape.load_run(trained.two))


@pytest.mark.slow
def test_uploads_that_cannot_be_made_end_in_a_line(
    trained: Trained, zscape: Zscape, s3: Bucket
) -> None:
    s3.server.faults += [Fault(503, where=f"PUT /{s3.name}/run/checkpoint")]
    done = zscape("train", trained.data, *AS_TRAINED, "--out", s3.url("run"))
    assert done.status == 2
    (error,) = [line for line in done.err.splitlines() if line.startswith("zscape: ")]
    assert f"{s3.url('run')}/checkpoint/state.npz: 9 attempts" in error
    assert "run/model.keras" in s3.files()


def test_force_leaves_nothing_of_the_former_run(trained: Trained, s3: Bucket) -> None:
    out = as_path(s3.put(trained.two, "run"))
    s3.put(trained.data, "run/density/gmm.0123.npz")
    run = zscape.load_run(out)
    with open_for_training(out, run.config, run.dataset, force=True, resume=False):
        assert s3.files().keys() == {"run/config.json", "run/.lock"}


def test_places_that_cannot_hold_a_run(trained: Trained, s3: Bucket) -> None:
    with pytest.raises(RunError, match="can only be read"):
        zscape.train(trained.data, out="https://example.org/run", **SETTINGS)
    with pytest.raises(ConfigError, match="`tensorboard` writes on this machine only"):
        zscape.train(trained.data, out=s3.url("run"), tensorboard=True, **SETTINGS)
    with pytest.raises(RemoteError, match="its bucket does not exist"):
        zscape.train(trained.data, out="s3://no-such-bucket/run", **SETTINGS)
    s3.put(trained.data, "full/spots.npz")
    with pytest.raises(RunError, match="exists and is not a run"):
        zscape.train(trained.data, out=s3.url("full"), force=True, **SETTINGS)
    assert s3.files().keys() == {"full/spots.npz"}


def test_a_run_whose_data_moved_to_s3(copied: Path, trained: Trained, s3: Bucket) -> None:
    data = s3.put(trained.data, "spots.npz")
    run = zscape.load_run(s3.put(copied, "run"), data=data)
    assert json.loads(s3.get("run/config.json"))["data"]["source"] == data
    assert len(run.dataset.train) == len(zscape.load_run(copied).dataset.train)


# --- outputs of commands ---

COMMANDS: list[tuple[str, ...]] = [
    ("encode", "RUN", "DATA", "-o", "OUT/codes.npz"),
    ("encode", "RUN", "DATA", "-o", "OUT/codes.parquet"),
    ("encode", "RUN", "DATA", "-o", "OUT/codes.tsv"),
    ("decode", "RUN", "CODES", "-o", "OUT/images.npz"),
    ("generate", "RUN", "-n", "3", "-o", "OUT/drawn"),
    ("map", "RUN", "-o", "OUT/map.svg"),
    ("report", "RUN", "-o", "OUT/report.html"),
    ("anomalies", "RUN", "DATA", "-o", "OUT/odd.csv"),
]


def _content(name: str, content: bytes, folder: Path) -> object:
    """Return what a file holds, apart from the times in archives."""
    if name.endswith(".npz"):
        (folder / "archive").write_bytes(content)
        with zipfile.ZipFile(folder / "archive") as archive:
            return {member: archive.read(member) for member in archive.namelist()}
    return content


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: f"{words[0]}-{words[-1][4:]}")
def test_commands_there_as_here(
    words: tuple[str, ...], trained: Trained, zscape: Zscape, s3: Bucket, tmp_path: Path
) -> None:
    codes, data = tmp_path / "codes.npz", tmp_path / "some.npz"
    np.savez(codes, codes=np.zeros((2, 2), np.float32))
    np.savez(data, images=np.load(trained.data)["images"][:6])
    run = Path(shutil.copytree(trained.two, tmp_path / "run"))
    places: dict[str, dict[str, Any]] = {
        "here": {"RUN": run, "DATA": data, "CODES": codes, "OUT": tmp_path / "out"},
        "there": {
            "RUN": s3.put(run, "run"),
            "DATA": s3.put(data, "some.npz"),
            "CODES": s3.put(codes, "codes.npz"),
            "OUT": s3.url("out"),
        },
    }
    before = set(s3.files())
    for place in places.values():
        command = [*words[:-1], words[-1].replace("OUT", str(place["OUT"]))]
        done = zscape(*(place.get(word, word) for word in command))
        assert done.status == 0, done.err
        assert str(place["OUT"]) in done.out
    made = {key.removeprefix("out/"): content for key, content in s3.files().items()
            if key.startswith("out/")}  # fmt: skip
    assert made.keys() == files_of(tmp_path / "out")
    for name, content in made.items():
        expected = _content(name, (tmp_path / "out" / name).read_bytes(), tmp_path)
        assert _content(name, content, tmp_path) == expected, name
    # What is kept in the run is kept there, and nothing else is left.
    kept = {key for key in s3.files() if not key.startswith("out/")}
    assert {key.removeprefix("run/") for key in kept - before} == files_of(run) - files_of(
        trained.two
    )


def test_nothing_is_replaced_unasked(trained: Trained, zscape: Zscape, s3: Bucket) -> None:
    out = s3.put(trained.data, "codes.npz")
    encode: Callable[..., Any] = lambda *more: zscape(  # noqa: E731
        "encode", trained.two, trained.data, "-o", out, *more
    )
    before = s3.get("codes.npz")
    assert "--force" in encode().error
    assert s3.get("codes.npz") == before
    assert encode("--force").status == 0
    assert s3.get("codes.npz") != before
    error = zscape("generate", trained.two, "-o", s3.url()).error
    assert error.startswith(f"{s3.url()} is not empty")
    error = zscape("encode", trained.two, trained.data, "-o", "https://a.org/codes.npz").error
    assert error.startswith("https://a.org/codes.npz can only be read")


def test_an_upload_that_fails_leaves_nothing(trained: Trained, zscape: Zscape, s3: Bucket) -> None:
    s3.server.faults += [Fault(500, where="PUT /")]
    error = zscape("encode", trained.two, trained.data, "-o", s3.url("codes.csv")).error
    assert error.startswith(f"{s3.url('codes.csv')}: 9 attempts failed")
    s3.server.faults.clear()
    assert s3.files() == {}


def test_encoding_goes_on_from_the_parts_there(trained: Trained, s3: Bucket) -> None:
    """The parts of a table lie beside it, also there, until all is done."""
    from zscape.jobs import coded
    from zscape.jobs.code_tables import write_code_table

    run = zscape.load_run(trained.two)
    images = run.load_images(trained.data, "all")
    out = as_path(s3.url("codes.parquet"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coded, "CHUNK", 16)
        s3.server.faults += [Fault(500, where="00000002.parquet")]
        with pytest.raises(RemoteError):
            write_code_table(run, images, out)
        s3.server.faults.clear()
        s3.server.requests.clear()
        assert write_code_table(run, images, out)["n_codes"] == 60
    written = [asked for asked in s3.server.requests if asked.startswith("PUT")]
    assert [asked.rpartition("/")[2] for asked in written] == [
        "00000002.parquet", "00000003.parquet", "codes.parquet",
    ]  # fmt: skip
    assert s3.files().keys() == {"codes.parquet"}
