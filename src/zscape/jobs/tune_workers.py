"""Trials that are trained several at a time, as tasks of Ray; the study stays with the driver."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from zscape.cluster.connect import connected
from zscape.hardware import n_cores
from zscape.jobs.tune_study import Study, Taken
from zscape.jobs.tune_trial import Outcome, train_trial
from zscape.reporter import Reporter

MAX_LOST = 3  # times that the process of a trial may die
_LOCK_SECONDS = 60.0  # until a process whose driver was killed has ended too


class Teller(Protocol):
    """What is told how trials end; see `zscape.jobs.tune`."""

    reporter: Reporter

    def ended(self, taken: Taken, outcome: Outcome, n_trials: int) -> None:
        """Note the end of a trial."""

    def progress(self, n_trials: int, note: str = "") -> None:
        """Report how many trials are done."""


def train_in_processes(
    study: Study, data: Any, n_trials: int, workers: int, address: str | None, teller: Teller
) -> None:
    """Train up to `workers` trials at a time, each as a task of Ray.

    A task trains a trial until it is to be judged, and returns; the next one goes on from the
    checkpoint, to the last bit. So only this process speaks to the study, and a task that is lost
    costs what was trained since the last checkpoint.

    Args:
        study: gives out the trials.
        data: as for `train`.
        n_trials: how many trials there are in the end.
        workers: how many are trained at a time.
        address: of a Ray cluster; None for a Ray of this machine.
        teller: is told how they end.
    """
    with connected(address, workers=workers, reporter=teller.reporter):
        _Pool(study, data, n_trials, workers, teller, is_local=address is None).run()


class _Pool:
    """The tasks that are under way, one for each slot."""

    def __init__(
        self, study: Study, data: Any, n_trials: int, workers: int, teller: Teller, is_local: bool
    ) -> None:
        import ray

        self._study = study
        self._teller = teller
        self._n_trials = n_trials
        self._data = ray.put(data)
        self._slots = list(range(workers))
        self._tasks: dict[Any, tuple[Taken, int]] = {}  # by reference: the trial, its slot
        self._n_lost: dict[int, int] = {}
        there = ray.cluster_resources()
        cores = max(1, int(there.get("CPU", 1)) // workers)
        gpus = there.get("GPU", 0) / workers
        # A task is tried again here, where it goes on from its checkpoint.
        options = {"num_cpus": cores, "num_gpus": int(gpus) if gpus >= 1 else gpus}
        self._remote = ray.remote(max_retries=0, **options)(_task)
        self._cores = _shares(workers) if is_local else [None] * workers

    def run(self) -> None:
        """Train all trials."""
        import ray

        pending = self._study.pending(self._n_trials)
        more = True
        while more or self._tasks:
            while more and self._slots:
                taken = next(pending, None)
                if taken is None:
                    more = False
                else:
                    self._start(taken, self._slots.pop())
            self._progress()
            if self._tasks:
                (done, *_), _ = ray.wait(list(self._tasks), num_returns=1)
                self._heed(*self._tasks.pop(done), done)
        self._progress()

    def _progress(self) -> None:
        numbers = sorted(taken.work.number for taken, _ in self._tasks.values())
        note = f"now: {', '.join(map(str, numbers))}" if numbers else ""
        self._teller.progress(self._n_trials, note)

    def _start(self, taken: Taken, slot: int) -> None:
        reference = self._remote.remote(self._data, taken.work, self._cores[slot])
        self._tasks[reference] = (taken, slot)

    def _heed(self, taken: Taken, slot: int, reference: Any) -> None:
        """Take what a task has returned: the trial goes on, or the slot is free."""
        outcome = self._returned(taken, reference)
        if outcome is None:
            self._start(taken, slot)
        elif outcome.state == "stopped" and self._study.keeps(taken, outcome):
            left = [epoch for epoch in taken.work.rungs if epoch > outcome.epoch]
            self._start(replace(taken, work=replace(taken.work, rungs=left)), slot)
        else:
            self._teller.ended(taken, outcome, self._n_trials)
            self._slots.append(slot)

    def _returned(self, taken: Taken, reference: Any) -> Outcome | None:
        """Return how a trial stands; None when its process died and it is tried again."""
        import ray

        number = taken.work.number
        try:
            outcome: Outcome = ray.get(reference)
            return outcome
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except (ray.exceptions.RayError, ray.exceptions.RaySystemError) as error:
            self._n_lost[number] = lost = self._n_lost.get(number, 0) + 1
            if lost > MAX_LOST:
                kind = type(error).__name__
                return Outcome("failed", reason=f"its process died {lost} times ({kind}).")
            self._teller.reporter.warn(
                f"trial {number}: its process died; it goes on from its checkpoint"
            )
            return None


def _shares(workers: int) -> Sequence[Sequence[int] | None]:
    """Return which cores of this machine each worker uses, so that none waits for another's."""
    if not hasattr(os, "sched_getaffinity"):  # on macOS and Windows
        return [None] * workers
    cores = sorted(os.sched_getaffinity(0))[: n_cores()]
    each = max(1, len(cores) // workers)
    return [[cores[(slot * each + n) % len(cores)] for n in range(each)] for slot in range(workers)]


def _task(data: Any, work: Any, cores: Sequence[int] | None) -> Outcome:
    """Train a trial until it is to be judged, in a process of Ray."""
    if cores is not None:
        os.sched_setaffinity(0, cores)
    folder = Path(work.folder)
    if folder.is_dir():
        FileLock(folder / ".lock").acquire(timeout=_LOCK_SECONDS).lock.release()
    return train_trial(data, work, lambda _: False, Reporter())
