"""Joining a Ray cluster, or a Ray of this machine that ends with the work."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zscape.errors import ClusterError, reason_of, require
from zscape.hardware import n_cores
from zscape.reporter import Reporter

# A Ray of this machine keeps little in its store: pictures stay in files.
_STORE_BYTES = 2**28
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would report the use of it to its makers
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what it will do by itself; saves a warning
    "RAY_TRAIN_ENABLE_WORKER_STRUCTURED_LOGGING": "0",
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",
    "RAY_worker_niceness": "0",  # else a worker waits for whatever this machine does besides
}
_SETTINGS_HERE = {"RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0"}  # a process more, of no use here
# Ray prints to stdout that a process ended, which we tell; it reads this when it is imported.
_QUIET = {"RAY_DEDUP_LOGS_SKIP_REGEX": "."}
# What a worker on another machine must have as it is here. A Ray of this machine inherits all.
_PASSED_ON = ("KERAS_", "ZSCAPE_", "TF_", "XLA_", "JAX_", "ONEDNN_", "AWS_", "HF_", "GOOGLE_")
_CONNECT_SECONDS = 10.0


@contextmanager
def connected(
    address: str | None, *, workers: int, gpus_per_worker: int = 0, reporter: Reporter
) -> Iterator[None]:
    """Hold a connection to Ray; within the block its functions work.

    Args:
        address: of a cluster, such as `10.0.0.1:6379`, `ray://10.0.0.1:10001`, or `auto` for the
            one this machine belongs to; None for a Ray of this machine, which ends with the block.
        workers: processes that will be asked for, each with a core of its own.
        gpus_per_worker: GPUs that each of them needs.
        reporter: is told where too little is there.

    Raises:
        ConfigError: Ray is not installed.
        ClusterError: no cluster answers, its versions differ, or it has too few GPUs.
    """
    is_verbose = "ZSCAPE_VERBOSE" in os.environ
    settings = {
        **_SETTINGS,
        **({} if address else _SETTINGS_HERE),
        **({} if is_verbose else _QUIET),
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
    require("ray", extra="cluster")
    import ray

    level = "INFO" if is_verbose else "FATAL"
    options: dict[str, Any] = {"log_to_driver": is_verbose, "logging_level": level}
    if address is None:
        # As many as are asked for, however few cores there are.
        options |= {"num_cpus": max(workers, n_cores()), "object_store_memory": _STORE_BYTES}
        options |= {"include_dashboard": False}
    else:
        options |= {"address": address, "runtime_env": {"env_vars": _passed_on()}}
        host = address.rpartition(":")[0]
        if _is_here(host):  # of several nodes on this machine the one that is meant
            options |= {"_node_ip_address": host}
    if not is_verbose:
        logging.getLogger("ray").setLevel(level)
    try:
        _check_answers(address)
        if address is not None and (Path.home() / ".ray" / "auth_token").exists():
            os.environ.setdefault("RAY_AUTH_MODE", "token")  # as `ray start` sets it
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        raise ClusterError(
            f"no Ray cluster can be joined at {address or 'this machine'} ({reason_of(error)}); "
            "expected HOST:PORT of one with the same versions of Ray and Python, which "
            "`ray start --head` starts."
        ) from error
    try:
        _check_room(address, workers, gpus_per_worker, reporter)
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str | None) -> None:
    """Raise OSError where nobody listens: Ray itself tries for minutes, then ends the process."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    elif address not in (None, "auto", "local"):
        raise ValueError("it is no HOST:PORT")


def _is_here(host: str) -> bool:
    """Return whether an address is one of this machine."""
    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return bool(host)


def _passed_on() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}


def _check_room(
    address: str | None, workers: int, gpus_per_worker: int, reporter: Reporter
) -> None:
    """Compare what is asked for with what is there."""
    import ray

    there = ray.cluster_resources()
    cores = n_cores() if address is None else int(there.get("CPU", 0))
    if workers * gpus_per_worker > there.get("GPU", 0):
        raise ClusterError(
            f"{workers} workers with {gpus_per_worker} GPUs each need {workers * gpus_per_worker}, "
            f"and there are {there.get('GPU', 0):.0f}; ask for fewer `workers`, or leave out "
            "`gpus_per_worker`."
        )
    if workers > cores:
        where = "this machine" if address is None else "the cluster"
        rest = "they share them" if address is None else "some wait until more join"
        reporter.warn(f"{workers} workers for the {cores} cores of {where}: {rest}.")


def host_name() -> str:
    """Return the name of the machine a worker is on, with its address in the cluster."""
    import ray

    return f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"


def cores_per_worker(workers: int) -> int:
    """Return with how many cores each so many workers fit on the machines that are there."""
    import ray

    cores = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    fitting = (n for n in range(1, max(cores, default=1) + 1))
    return max((n for n in fitting if sum(c // n for c in cores) >= workers), default=1)


def free_cores(*, workers: int) -> tuple[int, float]:
    """Return how many cores so many workers ask for, and how many of all are free."""
    import ray

    return workers * cores_per_worker(workers), ray.available_resources().get("CPU", 0.0)


def head_node() -> str:
    """Return the identity of the machine that leads the cluster."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    return str(next(n["NodeID"] for n in nodes if "node:__internal_head__" in n["Resources"]))
