"""Whoever does the work of a job: this process, or several that have opened the same run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from zscape.errors import ConfigError
from zscape.registry import check_number, load_plugin, plugins
from zscape.reporter import Reporter
from zscape.runs import Run, load_run

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Crew(Generic[T]):
    """This process, which does one item after the other; made by `crew`.

    Args:
        make: makes what the work is done with, when it is first needed.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make

    def map(
        self,
        work: Callable[[T, Item], Result],
        items: Iterable[Item],
        *,
        name: Callable[[Item], str] = str,
    ) -> Iterator[Result]:
        """Yield what `work` makes of each item, in order; see `zscape.cluster.pool.Pool.map`."""
        made = self._make()
        return (work(made, item) for item in items)


def itself(run: Run) -> Run:
    """Return the run, with its model loaded."""
    _ = run.model
    return run


@contextmanager
def crew(
    run: Run,
    prepare: Callable[[Run], T],
    *,
    workers: int | None,
    cluster: str | None,
    reporter: Reporter,
) -> Iterator[Any]:
    """Yield a `Crew`, or a `Pool` of processes with the same method `map`.

    Args:
        run: opened in each process, with the plugins that are loaded in this one.
        prepare: makes what the work is done with of a run; it is pickled.
        workers: how many processes; None for this one alone.
        cluster: the address of a Ray cluster; None for a Ray of this machine.
        reporter: is told of workers that come and go.

    Raises:
        ConfigError: `workers` is below 1, or missing beside `cluster`, or Ray is not installed.
        ClusterError: the cluster cannot be joined.
    """
    if workers is None:
        if cluster is not None:
            raise ConfigError("`cluster` is given without `workers`; say how many are to work.")
        yield Crew(partial(prepare, run))
        return
    check_number("workers", workers, low=1, whole=True)
    from zscape.cluster.connect import connected
    from zscape.cluster.pool import Pool

    make = partial(_opened, run.path.absolute(), plugins(), prepare)
    with (
        connected(cluster, workers=workers, reporter=reporter),
        Pool(make, workers=workers, reporter=reporter) as pool,
    ):
        yield pool


def _opened(path: Path, sources: tuple[str, ...], prepare: Callable[[Run], T]) -> T:
    for source in sources:
        load_plugin(source)
    return prepare(load_run(path))


class Pace:
    """Tells how far a task is, and how fast.

    Args:
        task: what is being done.
        total: how many steps it has.
        workers: how many processes do it; None for this one alone.
        reporter: is told.
    """

    def __init__(self, task: str, total: int, workers: int | None, reporter: Reporter) -> None:
        self._task, self._total, self._workers = task, total, workers
        self._reporter = reporter
        self._first: tuple[float, int] | None = None  # when, and how many were done

    def over(
        self, results: Iterable[Result], size: Callable[[Result], int], n_before: int = 0
    ) -> Iterator[Result]:
        """Yield results, each of `size` steps, and tell of it; `n_before` were done before."""
        n_done = n_before
        try:
            for result in results:
                n_done = min(self._total, n_done + size(result))
                self.tell(n_done)
                yield result
        finally:
            self._reporter.close()

    def tell(self, n_done: int) -> None:
        """Tell that so many are done."""
        now, note = time.monotonic(), ""
        if self._first is None:  # before it, workers were starting
            self._first = now, n_done
        seconds, n = now - self._first[0], n_done - self._first[1]
        if seconds > 1:
            note = f"{n / seconds:,.0f}/s"
            if self._workers is not None and self._workers > 1:
                note += f", {n / seconds / self._workers:,.0f}/s a worker"
        self._reporter.progress(self._task, n_done, self._total, note)
