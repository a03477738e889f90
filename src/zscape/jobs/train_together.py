"""Training in several processes, which Ray starts and watches."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from zscape.cluster.connect import connected
from zscape.cluster.together import Member, run_together
from zscape.errors import ConfigError, RunError
from zscape.hardware import features_key
from zscape.remote import as_path, cache_root
from zscape.reporter import default_reporter
from zscape.runs import Run, load_run
from zscape.settings import PlaceConfig
from zscape.training.place import ENVIRONMENT, Place

# Objects of this process, which others cannot have.
_NOT_FOR_OTHERS = ("encoder", "decoder", "callbacks")


def train_together(data: Any, options: Mapping[str, Any], where: PlaceConfig) -> Run:
    """Train as `zscape.train` does, in `where.workers` processes; see there.

    They read the images where this process would, and write the run folder where it would, so both
    must be where all machines find them. A lost process costs what was done since the last
    checkpoint.

    Raises:
        ClusterError: no cluster answers, or processes are lost again and again.
    """
    workers = where.workers or 1
    if where.process is not None or where.coordinator is not None:
        raise ConfigError(
            "`process` is for processes started without Ray; leave it out beside `workers`."
        )
    if where.min_workers is not None and where.min_workers > workers:
        raise ConfigError(
            f"min_workers is {where.min_workers}; expected at most the {workers} `workers`."
        )
    for name in _NOT_FOR_OTHERS:
        if options.get(name):
            raise ConfigError(
                f"`{name}` cannot be sent to other processes; leave it out, or register your parts "
                "in a file for `plugins`."
            )
    theirs = {
        name: value
        for name, value in options.items()
        if name == "checkpoint_minutes" or name not in (*PlaceConfig.names(), "reporter")
    }
    reporter = options.get("reporter") or default_reporter()
    with connected(
        where.cluster, workers=workers, gpus_per_worker=where.gpus_per_worker, reporter=reporter
    ):
        folder = run_together(
            partial(_train_as_member, data, theirs, Path.cwd()),
            workers=workers,
            min_workers=where.min_workers,
            gpus_per_worker=where.gpus_per_worker,
            environment=ENVIRONMENT,
            progress_of=_stand,
            reporter=reporter,
        )
    return load_run(folder)


def _train_as_member(data: Any, options: Mapping[str, Any], folder: Path, member: Member) -> None:
    """Train as one of several processes."""
    if not folder.is_dir():
        raise RunError(
            f"this machine has no folder {folder}, in which the training was started; start it in "
            "one that all machines share."
        )
    os.chdir(folder)  # Ray puts its processes elsewhere
    # What was compiled for a lost process need not be compiled again. JAX reads these at once.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_root() / "jax" / features_key()))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
    from zscape.jobs.train import train_as_one_of

    if member.note is not None:  # what was asked for then was done then
        options = {**options, "out": member.note, "force": False, "resume": True}
    place = Place(member.index, member.n_members, member.coordinator)
    options = {**options, "reporter": member.reporter()}
    train_as_one_of(data, options, place, opened=member.keep, parted=member.part)


def _stand(folder: Any) -> object:
    """Return what changes with every checkpoint of a run."""
    file = as_path(folder) / "checkpoint" / "state.npz"
    return file.stat().st_mtime_ns if file.exists() else None
