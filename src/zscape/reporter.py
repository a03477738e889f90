"""Where jobs say what they are doing: a terminal, a notebook, a server, a log or nowhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

_REFRESH_SECONDS = 0.2
_LINE_SECONDS = 30.0


class Reporter:
    """What a job tells while it works; this one is silent.

    A job never prints, and never asks what kind of reporter it has.
    """

    def say(self, message: str) -> None:
        """Tell one thing worth knowing, in one line."""

    def warn(self, message: str) -> None:
        """Tell one thing that needs attention, in one line."""

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Tell how far a task has come; called often, the last time with `done == total`.

        Args:
            task: what is being done, the same text throughout: `decoding pictures`.
            done: how many of its steps are done.
            total: how many there are.
            note: what is worth showing beside it.
        """

    def close(self) -> None:
        """Take unfinished progress off the screen, however the job ended."""


class LogReporter(Reporter):
    """Sends messages to Python's `logging` under the name `zscape`; progress goes nowhere."""

    _log = logging.getLogger("zscape")

    def say(self, message: str) -> None:
        """Log a message at the level INFO."""
        self._log.info(message)

    def warn(self, message: str) -> None:
        """Log a message at the level WARNING."""
        self._log.warning(message)


class ConsoleReporter(Reporter):
    """Plain lines and, on a terminal or in a notebook, bars below them.

    Without bars a task that takes long gets a line every half minute.

    Args:
        console: where to write.
        phrase: gives a message in the words of the reader, such as those of the command line.
    """

    def __init__(self, console: Console, phrase: Callable[[str], str] = str) -> None:
        self._console = console
        self._phrase = phrase
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._drawn: dict[str, float] = {}  # when, by task
        self._said = time.monotonic()

    def say(self, message: str) -> None:
        """Print a message."""
        self._said = time.monotonic()
        self._console.print(self._phrase(message))

    def warn(self, message: str) -> None:
        """Print a message as a warning."""
        self.say(f"warning: {message}")

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Move the bar of a task, a few times a second; it goes when the task is done."""
        now = time.monotonic()
        if not (self._console.is_terminal or self._console.is_jupyter):
            if done < total and now - self._said > _LINE_SECONDS:
                self.say(f"{task}: {done:,} of {total:,}")
            return
        if done < total and now - self._drawn.get(task, 0.0) < _REFRESH_SECONDS:
            return
        self._drawn[task] = now
        self._bars = self._bars or _started_bars(self._console)
        if task not in self._tasks:
            self._tasks[task] = self._bars.add_task(task, total=total, note=note)
        self._bars.update(self._tasks[task], completed=done, total=total, note=note)
        if done >= total:
            self._bars.remove_task(self._tasks.pop(task))
        self._bars.refresh()
        if not self._tasks:
            self.close()

    def close(self) -> None:
        """Take the bars off the screen."""
        if self._bars is not None:
            self._bars.stop()
        self._bars = None
        self._tasks.clear()


def _started_bars(console: Console) -> Progress:
    from rich import progress

    bars = progress.Progress(
        progress.TextColumn("{task.description:<11}"),
        progress.BarColumn(bar_width=None),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(compact=True),
        progress.TextColumn("{task.fields[note]:<38}"),
        console=console,
        expand=True,
        auto_refresh=False,
        transient=True,
    )
    bars.start()
    return bars


LOG = LogReporter()


def default_reporter() -> Reporter:
    """Return what a call from Python reports to: bars in a notebook, elsewhere the log."""
    shell = sys.modules.get("IPython")
    if shell is None or type(shell.get_ipython()).__name__ != "ZMQInteractiveShell":
        return LOG
    from rich.console import Console

    return ConsoleReporter(Console(highlight=False, markup=False, emoji=False, soft_wrap=True))


def report_remarks(reporter: Reporter, notes: Iterable[str], warnings: Iterable[str]) -> None:
    """Tell notes, of which "" is none, and warnings; what is there twice is told once."""
    for note in filter(None, dict.fromkeys(notes)):
        reporter.say(f"note: {note}")
    for warning in dict.fromkeys(warnings):
        reporter.warn(warning)
