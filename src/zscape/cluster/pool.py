"""Several processes that go through a long list of chunks together.

Each process keeps an object that it made once, such as an opened run with its network. Results
come in the order of the chunks, each exactly once, however often a process has to be replaced.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Self, TypeVar

from zscape.cluster.connect import host_name
from zscape.errors import ClusterError, ZscapeError
from zscape.reporter import Reporter

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

_AT_ONCE = 2  # chunks that a worker has, so that it need not wait for the next one
_WINDOW = 4  # chunks for each worker that may be under way, finished ones among them
_MOST_LOSSES = 3  # of workers in a row by one chunk, or while they open
_PATIENCE_SECONDS = 120.0
# One core for each worker. The first is zscape's own, the others those of the libraries.
_ONE_CORE = {"ZSCAPE_CORES": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_XLA_ONE_CORE = "--xla_cpu_multi_thread_eigen=false"


@dataclass(frozen=True)
class _Refused:
    """An error of ours, sent as a value: Ray would wrap it, and lose it if it cannot be pickled."""

    kind: type[ZscapeError]
    message: str


class _Worker:
    """What runs in a process of its own."""

    def open(self, make: Callable[[], Any]) -> Any:
        """Make the object that is kept; return where this is."""

        def opened() -> str:
            self._made = make()
            return host_name()

        return _or_refused(opened)

    def do(self, work: Callable[[Any, Any], Any], item: Any) -> Any:
        """Do one chunk."""
        return _or_refused(lambda: work(self._made, item))


def _or_refused(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ZscapeError as error:
        # Those of this module take a message and nothing else.
        kinds = (kind for kind in type(error).__mro__ if kind.__module__ == ZscapeError.__module__)
        return _Refused(next(kinds), str(error))


@dataclass(order=True)
class _Chunk:
    number: int
    item: Any = field(compare=False)
    n_losses: int = field(default=0, compare=False)  # workers that ended while they had it


@dataclass
class _Member:
    """A worker as the driver sees it; the process changes when it is replaced."""

    number: int
    actor: Any = None
    opening: Any = None  # the answer that it is ready, to come
    host: str = ""
    n_losses: int = 0  # in a row, before it was ready
    running: dict[Any, _Chunk] = field(default_factory=dict)  # by answers to come, oldest first


class Pool(Generic[T]):
    """Processes that share chunks of work; within `connected`, and used in a `with` block.

    Args:
        make: makes what each process keeps; it is pickled, and called once in each.
        workers: how many processes, each with one core.
        reporter: is told which of them join and leave.
    """

    def __init__(self, make: Callable[[], T], *, workers: int, reporter: Reporter) -> None:
        self._make, self._reporter = make, reporter
        self._members = [_Member(number) for number in range(1, workers + 1)]
        self._has_waited = False

    def __enter__(self) -> Self:
        for member in self._members:
            self._start(member)
        return self

    def __exit__(self, *error: object) -> None:
        for member in self._members:
            _end(member)

    def map(
        self,
        work: Callable[[T, Item], Result],
        items: Iterable[Item],
        *,
        name: Callable[[Item], str] = str,
    ) -> Iterator[Result]:
        """Yield `work(made, item)` for each item, in order; a few are under way at a time.

        Args:
            work: is pickled, and called in one of the processes with what that has made.
            items: each is pickled too; they are asked for one after the other, when needed.
            name: what an item is, for the message of an error.

        Raises:
            ClusterError: an item has ended three processes one after the other.
            ZscapeError: what `work` or the making raised.
        """
        chunks = (_Chunk(number, item) for number, item in enumerate(items))
        again: list[_Chunk] = []  # those of workers that ended
        finished: dict[int, Any] = {}
        first = n_given = 0  # number of the next result, and of the next chunk
        is_over = False
        try:
            while not (is_over and first == n_given):
                while (member := self._free_member()) is not None:
                    if again:
                        chunk = heapq.heappop(again)
                    elif is_over or n_given - first >= _WINDOW * len(self._members):
                        break
                    elif (found := next(chunks, None)) is None:
                        is_over = True
                        break
                    else:
                        chunk = found
                        n_given += 1
                    member.running[member.actor.do.remote(work, chunk.item)] = chunk
                if first in finished:
                    yield finished.pop(first)
                    first += 1
                elif first < n_given or not is_over:
                    for lost in self._take_answer(finished):
                        _check(lost, name)
                        heapq.heappush(again, lost)
        finally:
            for member in self._members:
                member.running.clear()  # what is under way when the reader has had enough

    def _free_member(self) -> _Member | None:
        """Return the worker with the least to do that can take another chunk."""
        ready = [member for member in self._members if member.opening is None]
        free = min(ready, key=lambda member: len(member.running), default=None)
        return free if free is not None and len(free.running) < _AT_ONCE else None

    def _take_answer(self, finished: dict[int, Any]) -> list[_Chunk]:
        """Wait for an answer of any worker; return the chunks that are lost with it, if it ended.

        A result comes into `finished`, under its number.
        """
        import ray
        from ray import exceptions

        opening = [(m.opening, m) for m in self._members if m.opening is not None]
        running = [(answer, m) for m in self._members for answer in m.running]
        members = dict((*running, *opening))
        answers, _ = ray.wait(list(members), timeout=_PATIENCE_SECONDS)
        if not answers:
            if not running and not self._has_waited:
                self._has_waited = True
                self._reporter.say("waiting for a worker: the cluster may have no free core")
            return []
        (answer,) = answers
        member = members[answer]
        try:
            value = ray.get(answer)
        except exceptions.RayTaskError as error:
            raise error.cause or error from None
        except exceptions.RayError as error:  # the process, its machine or its answer is gone
            return self._replace(member, error)
        if isinstance(value, _Refused):
            raise value.kind(value.message)
        if answer == member.opening:
            member.opening, member.host, member.n_losses = None, value, 0
            self._reporter.say(f"{self._name(member)} joined on {member.host}")
        else:
            finished[member.running.pop(answer).number] = value
        return []

    # --- the processes ---

    def _start(self, member: _Member) -> None:
        import ray

        flags = f"{os.environ.get('XLA_FLAGS', '')} {_XLA_ONE_CORE}".strip()
        environment = {"env_vars": {**_ONE_CORE, "XLA_FLAGS": flags}}
        member.actor = ray.remote(num_cpus=1, runtime_env=environment)(_Worker).remote()
        member.opening = member.actor.open.remote(self._make)

    def _replace(self, member: _Member, error: Exception) -> list[_Chunk]:
        """Start another process for one that ended; return what it had to do."""
        memory = "low on memory" in str(error)
        reason = "its machine has too little memory" if memory else "its process or machine ended"
        lost = list(member.running.values())
        member.running.clear()
        if lost:
            lost[0].n_losses += 1  # the others had not begun
        when = f", on {member.host}"
        if member.opening is not None:
            when = " before it was ready"
            member.n_losses += 1
            if member.n_losses == _MOST_LOSSES:
                raise ClusterError(
                    f"{self._name(member)} ended {_MOST_LOSSES} times before it was ready "
                    f"({reason}); take fewer `workers`, or machines with more memory."
                )
        self._reporter.say(f"{self._name(member)} left{when}: {reason}")
        _end(member)
        self._start(member)
        return lost

    def _name(self, member: _Member) -> str:
        return f"worker {member.number} of {len(self._members)}"


def _check(lost: _Chunk, name: Callable[[Any], str]) -> None:
    if lost.n_losses == _MOST_LOSSES:
        raise ClusterError(
            f"{name(lost.item)}: {_MOST_LOSSES} workers ended one after the other while they had "
            "this; it may take more memory than there is: take fewer `workers`, or leave it out."
        )


def _end(member: _Member) -> None:
    import ray

    if member.actor is not None:
        ray.kill(member.actor)
    member.actor = None
