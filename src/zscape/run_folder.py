"""The folder of a run in training: made, taken up again, locked, and described."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from zscape.data.images import Dataset
from zscape.errors import RunError
from zscape.files import (
    TEMPORARY_PREFIX,
    remove_folder,
    remove_leftovers,
    write_json,
)
from zscape.hardware import default_shards, describe
from zscape.remote import RemotePath, cache_root
from zscape.run_config import SCHEMA_VERSION, RunConfig
from zscape.run_images import FILE, keep_pictures
from zscape.runs import Run, load_run

_PACKAGES = ("keras", "numpy", "scikit-learn", "scikit-image", "zscape")
_FIGURES = ("loss", "reconstructions", "latent", "grid", "samples", "denoising")
_RESULTS = ("history.csv", "baseline.npz", "metrics.json", "generation.json", "report.html")
_OWN_FILES = (  # beside config.json, which makes the folder a run
    "model.keras",
    "checkpoint/state.npz",
    "skipped.csv",
    FILE,
    *_RESULTS,
    *(f"figures/{name}.png" for name in _FIGURES),
)


# The images count, not where they are; what is found in them follows from them.
_PLACES = ("source", "test", "validation", "target", "border", "scale", "class_names")


@contextmanager
def open_for_training(
    path: Path,
    config: RunConfig,
    dataset: Dataset,
    *,
    force: bool,
    resume: bool,
    more_epochs: bool = False,
) -> Iterator[Run]:
    """Make the folder of a new run, or open the run to resume, and hold its lock.

    `force` replaces a run that is there already, and never another folder; `resume` takes it up,
    if it has the same settings. With `more_epochs` its epochs may have grown.
    """
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; choose a folder as `out`.")
    # A lock, or a file that a kill left half-written, does not make a folder somebody's own.
    names = [entry.name for entry in path.iterdir()] if path.exists() else []
    present = [name for name in names if not name.startswith((".lock", TEMPORARY_PREFIX))]
    is_run = "config.json" in present
    if present and not is_run:
        raise RunError(f"{path} exists and is not a run; choose another folder as `out`.")
    if is_run and not resume and not force:
        raise RunError(
            f"{path} holds a run already; choose another `out`, go on with `resume=True`, or "
            "replace it with `force=True`."
        )
    path.mkdir(parents=True, exist_ok=True)
    with locked(path):
        for folder in (path, path / "checkpoint", path / "figures"):
            remove_leftovers(folder)
        if is_run and resume:
            before = _with_shards(load_run(path).config, None)
            config = _with_shards(config, before.training.shards)
            is_longer = more_epochs and config.training.epochs > before.training.epochs
            _check_same(before, config, except_for=("epochs",) if is_longer else ())
            config = replace(config, schema=before.schema)
            if is_longer:
                stored = json.loads((path / "config.json").read_text(encoding="utf-8"))
                stored["training"]["epochs"] = config.training.epochs
                if (checkpoint := path / "checkpoint" / "state.npz").exists():
                    from zscape.training.state import reset_wait

                    reset_wait(checkpoint)  # it may have run out of patience
                write_json(path / "config.json", stored)
        else:
            config = _with_shards(config, None)
            for name in _OWN_FILES:
                (path / name).unlink(missing_ok=True)
            for name in ("tensorboard", "density"):
                remove_folder(path / name)
            values = {"schema": SCHEMA_VERSION, **config.to_dict(), "made": _made_by()}
            write_json(path / "config.json", values)
            keep_pictures(path, dataset)
        yield Run(path, config, dataset)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a run folder; the system frees it when the process ends in any way."""
    lock = FileLock(_lock_file(path), timeout=0)
    try:
        held = lock.acquire()
    except Timeout as error:
        raise RunError(
            f"{path} is in use by another zscape process; wait for it or choose another folder."
        ) from error
    with held:
        yield


def _lock_file(path: Path) -> Path:
    """Return the file to lock; of a run that lies elsewhere it only tells users of this machine."""
    if not isinstance(path, RemotePath):
        return path / ".lock"
    folder = cache_root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / hashlib.sha256(str(path).encode()).hexdigest()[:32]


def _with_shards(config: RunConfig, stored: int | None) -> RunConfig:
    """Return settings with a number of shards: as asked, as stored, or what is best here."""
    training = config.training
    shards = training.shards or stored or default_shards()
    return replace(config, training=replace(training, shards=shards))


def _made_by() -> dict[str, Any]:
    """Return when, where and with what a run is made."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in _PACKAGES},
        "hardware": describe(),
    }


def _check_same(stored: RunConfig, asked: RunConfig, *, except_for: Sequence[str] = ()) -> None:
    """Refuse to resume with settings that differ from those the run was started with."""
    before, now = stored.to_dict(), asked.to_dict()
    passed_over = (*_PLACES, *except_for)
    for part in ("network", "bottleneck", "training", "reading", "pictures", "data"):
        for name, value in before.get(part, {}).items() if part in now else ():
            theirs = now[part].get(name)
            is_place = name in passed_over and (theirs is None) == (value is None)
            if is_place or theirs == value:
                continue
            if name == "fingerprint":
                raise RunError(
                    f"the images in {asked.source} are not those the run was started with; give "
                    "the images of then, or start a new run with another `out`."
                )
            if name == "epochs":
                raise RunError(
                    f"epochs is {value} in the run and {theirs} now; go on with `epochs={value}`, "
                    "or name more to train on."
                )
            raise RunError(
                f"{name} was {value!r} when the run was started and is {theirs!r} "
                "now; resume with the settings of then, or start a new run with another `out`."
            )
