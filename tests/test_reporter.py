"""What jobs tell: lines and bars on a terminal, lines elsewhere, the log for libraries."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from zscape.reporter import LOG, ConsoleReporter, Reporter, default_reporter


def on(stream: io.StringIO, *, terminal: bool) -> ConsoleReporter:
    return ConsoleReporter(Console(file=stream, force_terminal=terminal, width=100))


def test_a_terminal_shows_a_bar_for_each_task_that_is_under_way() -> None:
    drawn = io.StringIO()
    reporter = on(drawn, terminal=True)
    reporter.progress("whole run", 10, 100, "best so far")
    reporter.progress("epoch 1/2", 10, 50, "loss 0.5")
    text = drawn.getvalue()
    for word in ("whole run", "10/100", "best so far", "epoch 1/2", "10/50", "loss 0.5"):
        assert word in text
    reporter.progress("epoch 1/2", 50, 50)
    before = len(drawn.getvalue())
    reporter.say("one line")
    reporter.progress("whole run", 100, 100)
    assert "one line" in drawn.getvalue()[before:]
    assert "epoch 1/2" not in drawn.getvalue()[before:]


def test_elsewhere_a_task_has_a_line_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    reporter = on(said, terminal=False)
    reporter.progress("decoding pictures", 10, 5000)
    assert said.getvalue() == ""
    now = 31.0
    reporter.progress("decoding pictures", 1200, 5000)
    reporter.progress("decoding pictures", 1300, 5000)
    assert said.getvalue() == "decoding pictures: 1,200 of 5,000\n"


def test_words_are_those_of_the_reader() -> None:
    said = io.StringIO()
    reporter = ConsoleReporter(Console(file=said), lambda text: text.replace("`seed`", "--seed"))
    reporter.warn("try another `seed`")
    assert said.getvalue() == "warning: try another --seed\n"


def test_libraries_have_the_log_and_silence(caplog: pytest.LogCaptureFixture) -> None:
    assert default_reporter() is LOG
    with caplog.at_level(logging.INFO, logger="zscape"):
        LOG.say("a message")
        LOG.warn("a warning")
        LOG.progress("a task", 1, 2)
        Reporter().warn("nowhere")
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("INFO", "a message"),
        ("WARNING", "a warning"),
    ]
