"""One question to every machine of a cluster, asked by a process there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zscape.errors import reason_of

_N_CLOCKS = 5  # of which the answer that came soonest counts


@dataclass(frozen=True)
class Answer:
    """What a machine answered.

    Attributes:
        address: of the machine in the cluster.
        resources: what Ray has there: "CPU", "GPU" and others.
        found: what the function returned there; None where it could not.
        clock: seconds by which the clock there is ahead of the one here; None likewise.
        reason: why there is no answer; "" where there is one.
    """

    address: str
    resources: dict[str, float]
    found: Any = None
    clock: float | None = None
    reason: str = ""


def ask_nodes(question: Callable[[], Any], *, seconds: float) -> list[Answer]:
    """Return the answers of all machines to a function, which is called in a process of each.

    Args:
        question: can be pickled; it needs no core of its own.
        seconds: how long to wait, for all of them together.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"]]
    asked = []
    for node in nodes:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        probe = ray.remote(num_cpus=0, scheduling_strategy=there)(_Probe).remote()
        asked.append((node, probe, probe.ask.remote(question)))
    until = time.monotonic() + seconds
    return [_answer(node, probe, asked_for, until) for node, probe, asked_for in asked]


def _answer(node: dict[str, Any], probe: Any, asked_for: Any, until: float) -> Answer:
    import ray

    address, resources = node["NodeManagerAddress"], node["Resources"]
    try:
        found = ray.get(asked_for, timeout=max(0.0, until - time.monotonic()))
        clock = min((_clock(probe) for _ in range(_N_CLOCKS)), key=lambda pair: pair[1])[0]
    except ray.exceptions.GetTimeoutError:
        return Answer(address, resources, reason="it does not answer in time")
    except ray.exceptions.RayTaskError as error:
        return Answer(address, resources, reason=reason_of(error.cause or error))
    except ray.exceptions.RayError as error:
        return Answer(address, resources, reason=reason_of(error))
    finally:
        ray.kill(probe)
    return Answer(address, resources, found, clock)


def _clock(probe: Any) -> tuple[float, float]:
    """Return how far a clock is ahead, and how long its answer took, in seconds."""
    import ray

    before = time.time()
    there = ray.get(probe.now.remote(), timeout=10)
    after = time.time()
    return there - (before + after) / 2, after - before


class _Probe:
    """What runs on each machine."""

    def ask(self, question: Callable[[], Any]) -> Any:
        """Return what the function returns here."""
        return question()

    def now(self) -> float:
        """Return the time of the clock here."""
        return time.time()
