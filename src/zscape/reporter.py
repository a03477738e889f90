"""Where jobs say what they are doing: a terminal, a notebook, a server, a log or nowhere."""

from __future__ import annotations

import logging
from typing import Protocol


class Reporter(Protocol):
    """What a job tells while it works. A job never prints and never asks what kind this is."""

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


class LogReporter:
    """Sends messages to Python's `logging`, under the name `zscape`; progress goes nowhere."""

    _log = logging.getLogger("zscape")

    def say(self, message: str) -> None:
        """Log a message at the level INFO."""
        self._log.info(message)

    def warn(self, message: str) -> None:
        """Log a message at the level WARNING."""
        self._log.warning(message)

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Do nothing: a log has no bars."""


LOG = LogReporter()
