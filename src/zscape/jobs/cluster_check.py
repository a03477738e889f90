"""Whether the machines of a Ray cluster can train together."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from zscape.cluster.connect import connected, free_cores
from zscape.cluster.nodes import Answer, ask_nodes
from zscape.cluster.together import Member, run_together
from zscape.errors import ClusterError, reason_of
from zscape.remote.cache import cache_root
from zscape.reporter import Reporter
from zscape.training.place import ENVIRONMENT, Place

Verdict = Literal["good", "warning", "bad"]
ALL = "all together"
_PACKAGES = ("zscape", "ray", "jax", "keras")
_MOST_CLOCK_SECONDS = 1.0
_LEAST_GIB = 2.0  # of memory, and of free disk
_ANSWER_SECONDS, _TRAINING_SECONDS = 60.0, 120.0
_GIB = 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        machine: its name and address, or `ALL`.
        what: was looked at.
        verdict: "good", "warning", or "bad" where training is not possible.
        found: what is there.
        remedy: what to do about it; "" where it is good.
    """

    machine: str
    what: str
    verdict: Verdict
    found: str
    remedy: str = ""


def check_cluster(address: str | None, *, reporter: Reporter) -> list[Finding]:
    """Look at every machine of a cluster, and train a tiny network in two processes.

    A file is written to the current folder for the time of the check, to see which machines have
    that folder too.

    Args:
        address: of a Ray cluster; None for a Ray of this machine.
        reporter: is told how far it is.

    Raises:
        ConfigError: Ray is not installed.
        ClusterError: no cluster answers at the address.
    """
    with connected(address, workers=2, reporter=reporter), _token() as token:
        reporter.say("looking at the machines")
        question = partial(_describe_machine, Path.cwd(), token)
        answers = ask_nodes(question, seconds=_ANSWER_SECONDS)
        here = _versions()
        findings = [finding for answer in answers for finding in _judge(answer, here, token)]
        needed, free = free_cores(workers=2)
        if free < needed:
            remedy = "wait until other work is done, or let more machines join"
            found = f"{free:.0f} cores are free, and two processes take {needed}"
            return [*findings, Finding(ALL, "training", "bad", found, remedy)]
        reporter.say("training in two processes")
        return [*findings, _test_training()]


def can_train(findings: list[Finding]) -> bool:
    """Tell whether nothing that was found is bad."""
    return all(finding.verdict != "bad" for finding in findings)


# --- on each machine ---


@contextmanager
def _token() -> Iterator[str]:
    """Leave a file in the current folder for a while; yield its name, "" if none can be written."""
    name = f".zscape-check-{secrets.token_hex(8)}"
    try:
        Path(name).write_text(name)
    except OSError:
        yield ""
        return
    try:
        yield name
    finally:
        Path(name).unlink(missing_ok=True)


def _versions() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def _describe_machine(folder: Path, token: str) -> dict[str, Any]:
    """Return what there is on this machine."""
    cache = cache_root()
    existing = next(path for path in (cache, *cache.absolute().parents) if path.exists())
    return {
        "host": socket.gethostname(),
        "versions": _versions(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "has_folder": folder.is_dir(),
        "has_token": bool(token) and (folder / token).is_file(),
        "cache": str(cache),
        "free_disk": shutil.disk_usage(existing).free,
        "can_write_cache": os.access(existing, os.W_OK),
    }


def _judge(answer: Answer, here: Mapping[str, str], token: str) -> Iterator[Finding]:
    """Yield what is to be said about one machine."""
    cores, gpus = (answer.resources.get(name, 0) for name in ("CPU", "GPU"))
    there = f"{cores:.0f} core{'s' * (cores != 1)}, {gpus:.0f} GPU{'s' * (gpus != 1)}"
    if answer.found is None or answer.clock is None:
        remedy = "install there what is here, in the environment that Ray was started in"
        yield Finding(answer.address, "answer", "bad", answer.reason, remedy)
        return
    found = answer.found
    finding = partial(Finding, f"{found['host']} ({answer.address})")
    memory = found["memory"] / _GIB
    yield finding(
        "hardware",
        *_choice(
            memory >= _LEAST_GIB,
            f"{there}, {memory:,.0f} GiB",
            f"a process needs about {_LEAST_GIB:.0f} GiB",
        ),
    )
    yield _judge_versions(finding, found["versions"], here)
    yield finding(
        "clock",
        *_choice(
            abs(answer.clock) <= _MOST_CLOCK_SECONDS,
            f"{answer.clock:+.3f} s to this machine",
            "let NTP set the clocks; S3 refuses requests that are 15 minutes off",
        ),
    )
    yield _judge_folder(finding, found, token)
    free = found["free_disk"] / _GIB
    if not found["can_write_cache"]:
        remedy = "set ZSCAPE_CACHE to a folder that can be written on every machine"
        yield finding("cache", "warning", f"{found['cache']} cannot be written", remedy)
    else:
        yield finding(
            "cache",
            *_choice(
                free >= _LEAST_GIB,
                f"{free:,.0f} GiB free for {found['cache']}",
                "free some, or set ZSCAPE_CACHE to a folder on another disk",
            ),
        )


def _choice(is_good: bool, found: str, remedy: str) -> tuple[Verdict, str, str]:
    return ("good", found, "") if is_good else ("warning", found, remedy)


def _judge_versions(finding: Any, there: Mapping[str, str], here: Mapping[str, str]) -> Finding:
    """Compare versions with those here: other ones compute something else, or do not start."""
    others = [
        f"{name} {there.get(name, 'missing')} (here {number})"
        for name, number in here.items()
        if there.get(name) != number or number == "missing"
    ]
    if others:
        remedy = "install the same versions on all machines"
        made: Finding = finding("versions", "bad", ", ".join(others), remedy)
    else:
        made = finding("versions", "good", ", ".join(f"{n} {v}" for n, v in there.items()))
    return made


def _judge_folder(finding: Any, found: Mapping[str, Any], token: str) -> Finding:
    folder = Path.cwd()
    if found["has_token"]:
        made: Finding = finding("folder", "good", f"{folder} is the one here")
    elif not found["has_folder"]:
        remedy = "start in a folder that all machines share"
        made = finding("folder", "bad", f"there is no {folder}", remedy)
    elif not token:
        remedy = "start in one that can be written, to see whether it is shared"
        made = finding("folder", "warning", f"{folder} cannot be written", remedy)
    else:
        remedy = "start in a shared folder, or give data and run as s3://..."
        made = finding("folder", "warning", f"{folder} is another one there", remedy)
    return made


# --- all together ---


class _Hosts(Reporter):
    """Keeps where workers are."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def say(self, message: str) -> None:
        _, joined, host = message.partition(" joined on ")
        if joined:
            self.names.append(host)


def _test_training() -> Finding:
    """Train in two processes as `zscape.train(data, workers=2)` does."""
    hosts = _Hosts()
    finding = partial(Finding, ALL, "training")
    try:
        loss = run_together(
            _train_a_little,
            workers=2,
            environment=ENVIRONMENT,
            progress_of=bool,
            reporter=hosts,
        )
    except Exception as error:  # whatever it is, it is what was to be found out
        return finding("bad", reason_of(error), "with -v Ray's own log has more")
    where = " and ".join(dict.fromkeys(hosts.names))
    if not np.isfinite(loss):
        remedy = "compare the versions and processors of the machines"
        return finding("bad", f"the loss is {loss} on {where}", remedy)
    return finding("good", f"2 processes on {where}, loss {loss:.4f}")


def _train_a_little(member: Member) -> None:
    """Train as one of two processes on generated images; the first keeps the loss."""
    # Where ports between machines are closed, they wait for each other for long.
    late = ClusterError(f"two processes were not done after {_TRAINING_SECONDS:.0f} s")
    timer = threading.Timer(_TRAINING_SECONDS, member.give_up, [late])
    timer.daemon = True
    timer.start()
    from zscape.data.load import load_dataset
    from zscape.model import build_autoencoder
    from zscape.settings import NetworkConfig, TrainConfig
    from zscape.training.fit import fit_autoencoder
    from zscape.training.processes import joined, spread

    rows, columns, radii = np.ogrid[-4:4, -4:4, 1:65]
    inside = np.hypot(rows, columns) < radii / 16
    discs = 255 * inside.transpose(2, 0, 1).astype(np.uint8)  # (64, 8, 8)
    place = Place(member.index, member.n_members, member.coordinator)
    with joined(place), spread(), tempfile.TemporaryDirectory() as scratch:
        model = build_autoencoder((8, 8, 1), NetworkConfig(preset="classic"), seed=0)
        config = TrainConfig(epochs=1, batch_size=16)
        reporter = member.reporter()
        dataset = load_dataset(discs, seed=0)
        state = fit_autoencoder(model, dataset, config, Path(scratch), reporter=reporter)
        if place.is_first:
            member.keep(state.history[-1]["val_loss"])


def as_json(findings: list[Finding]) -> dict[str, Any]:
    """Return what was found as one JSON object."""
    return {"can_train": can_train(findings), "findings": [asdict(f) for f in findings]}
