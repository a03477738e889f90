"""Work that several processes do together: started, watched and started again by Ray Train."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from zscape.cluster.connect import cores_per_worker, head_node, host_name
from zscape.errors import ClusterError, ZscapeError, reason_of
from zscape.reporter import Reporter

# In which no process moved on; at the start programs are compiled, and data are read.
_HUNG_SECONDS, _HUNG_AT_START_SECONDS = 40.0, 900.0
_POLL_SECONDS = 0.2
_WATCH_SECONDS = 3.0
_MOST_IN_VAIN = 10
_MOST_NAMED = 8  # workers that are told of one by one
_SETTINGS = {
    # A process that was stopped, or whose machine is gone, does not answer.
    "RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S": str(_HUNG_SECONDS),
}


@dataclass(frozen=True)
class Member:
    """One of the processes that do some work together.

    Attributes:
        index: its number, from 0.
        n_members: how many there are.
        coordinator: `HOST:PORT` on the machine of number 0, a port that is free.
        note: what number 0 kept by `keep` when all were started before; None the first time.
    """

    index: int
    n_members: int
    coordinator: str
    note: Any
    _mailbox: Any
    _is_alone: threading.Event

    def keep(self, note: Any) -> None:
        """Keep something small for the next start, and for who waits for the work."""
        import ray

        ray.get(self._mailbox.keep.remote(note))

    def part(self) -> None:
        """Say that from now on nobody waits for this process."""
        self._is_alone.set()

    def give_up(self, error: BaseException) -> None:
        """End this process, and the work with an error, though its main thread hangs."""
        import ray

        ray.get(self._mailbox.fail.remote(self.index, error))
        os._exit(1)

    def reporter(self) -> Reporter:
        """Return what reports to who waits for the work; of others than number 0 it is silent."""
        return _Mail(self._mailbox, is_heard=self.index == 0)


def run_together(
    work: Callable[[Member], Any],
    *,
    workers: int,
    min_workers: int | None = None,
    gpus_per_worker: int = 0,
    environment: dict[str, str],
    progress_of: Callable[[Any], object],
    reporter: Reporter,
) -> Any:
    """Run a function in several processes at once; return what number 0 kept last.

    If a process is lost, all are started again, those on other machines too, and again without end
    as long as `progress_of` of what number 0 kept changes in between. With `min_workers` fewer are
    started where machines are gone. What a process raises itself ends all.

    Args:
        work: called in each process; it, and what it takes along, can be pickled.
        workers: how many processes.
        min_workers: how few will do.
        gpus_per_worker: GPUs for each.
        environment: environment variables of the processes.
        progress_of: of what was kept, something that differs once the work has moved on.
        reporter: is told what number 0 reports, and of workers that join and leave.

    Raises:
        ClusterError: the processes are lost again and again at the same point.
        Exception: as a process raised it.
    """
    os.environ.update({name: value for name, value in _SETTINGS.items() if name not in os.environ})
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.v2.jax import JaxTrainer
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    n_cores = cores_per_worker(workers)
    # Without the head there is no cluster, so what is there is not lost with a worker's machine.
    head = NodeAffinitySchedulingStrategy(head_node(), soft=False)
    mailbox = ray.remote(num_cpus=0, scheduling_strategy=head)(_Mailbox).remote()
    resources = {"CPU": n_cores, **({"GPU": gpus_per_worker} if gpus_per_worker else {})}
    stopped = threading.Event()
    relay = threading.Thread(target=_relay, args=(mailbox, reporter, stopped), daemon=True)
    relay.start()
    with tempfile.TemporaryDirectory() as scratch:  # Ray writes down what it did
        trainer = JaxTrainer(
            _run_member,
            train_loop_config={"mailbox": mailbox, "work": work, "progress_of": progress_of},
            scaling_config=ScalingConfig(
                num_workers=workers if min_workers is None else (min_workers, workers),
                use_gpu=bool(gpus_per_worker),
                resources_per_worker=resources,
            ),
            run_config=RunConfig(
                name="zscape",
                storage_path=scratch,
                failure_config=FailureConfig(max_failures=-1),
                callbacks=[_losses(mailbox)],
                # As many threads as cores, for XLA and for us.
                worker_runtime_env={
                    "env_vars": {
                        "NPROC": str(n_cores),
                        "ZSCAPE_CORES": str(n_cores),
                        **environment,
                    }
                },
            ),
        )
        try:
            trainer.fit()
            note, error = ray.get(mailbox.result.remote())
        except (ray.exceptions.RayError, TrainingFailedError) as lost:
            raise ClusterError(
                f"Ray lost the training ({reason_of(lost)}); go on with `resume=True`."
            ) from lost
        finally:
            stopped.set()
            relay.join()
            reporter.close()
    if error is not None:
        raise error
    return note


def _run_member(config: dict[str, Any]) -> None:
    """Do the work of one process."""
    import ray
    import ray.train
    from ray.train.collective import broadcast_from_rank_zero

    mailbox, context = config["mailbox"], ray.train.get_context()
    index, n_members = context.get_world_rank(), context.get_world_size()
    is_over, note = ray.get(mailbox.join.remote(index, n_members, host_name()))
    progress = config["progress_of"](note) if index == 0 and note is not None else None
    is_over = is_over or (index == 0 and ray.get(mailbox.is_in_vain.remote(progress)))
    # Number 0 decides for all; it also knows where it can be reached.
    address = "" if is_over or index else f"{ray.util.get_node_ip_address()}:{_free_port()}"
    coordinator = broadcast_from_rank_zero(address if index == 0 else None)
    if not coordinator:
        return
    is_alone = threading.Event()
    threading.Thread(target=_watch, args=(mailbox, is_alone), daemon=True).start()
    try:
        config["work"](Member(index, n_members, coordinator, note, mailbox, is_alone))
    except Exception as error:
        # JAX raises what it hears of other processes; only these can be mended by a new start.
        if not type(error).__module__.startswith("jax"):
            ray.get(mailbox.fail.remote(index, error))
        raise
    finally:
        is_alone.set()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


def _watch(mailbox: Any, is_alone: threading.Event) -> None:
    """End this process when none has moved on for long: one of them hangs, and all wait for it."""
    import ray

    while not is_alone.wait(_WATCH_SECONDS):
        if ray.get(mailbox.is_hung.remote()) and not is_alone.is_set():
            os._exit(1)


def _relay(mailbox: Any, reporter: Reporter, stopped: threading.Event) -> None:
    """Pass on what is in the mailbox until the work is done."""
    import ray

    is_last = False
    while not is_last:
        is_last = stopped.wait(_POLL_SECONDS)
        with suppress(ray.exceptions.RayError):  # the main thread says what is wrong with Ray
            for method, arguments in ray.get(mailbox.take.remote()):
                getattr(reporter, method)(*arguments)


class _Mail(Reporter):
    """Sends what is reported to the mailbox. Whoever reports is alive."""

    def __init__(self, mailbox: Any, *, is_heard: bool) -> None:
        self._mailbox, self._is_heard = mailbox, is_heard

    def _send(self, method: str, *arguments: Any) -> None:
        letter = (method, arguments) if self._is_heard else None
        self._mailbox.post.remote(letter)

    def say(self, message: str) -> None:
        self._send("say", message)

    def warn(self, message: str) -> None:
        self._send("warn", message)

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        self._send("progress", task, done, total, note)


def _losses(mailbox: Any) -> Any:
    """Return the callback of Ray Train that tells of lost workers."""
    import ray
    from ray.train import UserCallback

    class Losses(UserCallback):  # type: ignore[misc]  # Ray's types are not read
        def after_exception(self, run_context: Any, worker_exceptions: Any) -> None:
            ray.get(mailbox.lost.remote(sorted(worker_exceptions)))

    return Losses()


class _Mailbox:
    """What the processes tell those who wait for them, kept in a process of its own."""

    def __init__(self) -> None:
        self._letters: list[tuple[str, tuple[Any, ...]]] = []
        self._note: Any = None
        self._error: BaseException | None = None
        self._hosts: dict[int, str] = {}
        self._progress: object = None
        self._n_in_vain = 0
        self._begin()

    def _begin(self) -> None:
        self._moved = time.monotonic()
        self._longest: float | None = None

    def _say(self, message: str, method: str = "say") -> None:
        self._letters.append((method, (message,)))

    def join(self, index: int, n_members: int, host: str) -> tuple[bool, Any]:
        """Welcome a process; return whether all is over, and what was kept."""
        if index in self._hosts:
            self._hosts = {}
        if not self._hosts:
            self._begin()
        self._hosts[index] = host
        if self._error is None and n_members <= _MOST_NAMED:
            self._say(f"worker {index + 1} of {n_members} joined on {host}")
        elif self._error is None and len(self._hosts) == n_members:
            n_hosts = len(set(self._hosts.values()))
            self._say(f"{n_members} workers joined on {n_hosts} machines")
        return self._error is not None, self._note

    def is_in_vain(self, progress: object) -> bool:
        """Tell whether all were lost too often where the work stands."""
        self._n_in_vain = self._n_in_vain + 1 if progress == self._progress else 0
        self._progress = progress
        if self._n_in_vain >= _MOST_IN_VAIN and self._error is None:
            self._error = ClusterError(
                f"workers were lost {self._n_in_vain} times at the same point; see whether their "
                "memory is enough, and go on with `resume=True`."
            )
        return self._error is not None

    def lost(self, indices: list[int]) -> None:
        """Tell which workers are lost; one takes others with it."""
        for index in indices[:_MOST_NAMED] if self._error is None else ():
            host = self._hosts.get(index, "its machine")
            self._say(f"worker {index + 1} on {host} is lost; all go on from the last checkpoint")

    def post(self, letter: tuple[str, tuple[Any, ...]] | None) -> None:
        """Take a message, or only the news that a process has moved on."""
        now = time.monotonic()
        if self._longest is not None:
            self._longest = max(self._longest, now - self._moved)
        else:
            self._longest = 0.0
        self._moved = now
        if letter is not None:
            self._letters.append(letter)

    def is_hung(self) -> bool:
        """Tell whether nobody has moved on for longer than can be."""
        most = _HUNG_AT_START_SECONDS
        if self._longest is not None:
            most = max(_HUNG_SECONDS, 4 * self._longest)
        return time.monotonic() - self._moved > most

    def take(self) -> list[tuple[str, tuple[Any, ...]]]:
        """Hand out the messages since the last call."""
        letters, self._letters = self._letters, []
        return letters

    def keep(self, note: Any) -> None:
        """Keep a note for the next start."""
        self._note = note

    def fail(self, index: int, error: BaseException) -> None:
        """Note what ends the work: the first error, or that of number 0, which others follow."""
        if self._error is not None and index:
            return
        if index and isinstance(error, ZscapeError):
            error = type(error)(f"worker {index + 1} on {self._hosts[index]}: {error}")
        self._error = error

    def result(self) -> tuple[Any, BaseException | None]:
        """Return what was kept, and what ended the work before its time."""
        return self._note, self._error
