"""`zscape explore` without a browser: its mistakes, and the page as one file."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest

from zscape.explorer import page


def test_the_command_names_mistakes_in_one_line(zscape: Any, trained: Any, tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert f"port {port} cannot" in zscape("explore", trained.two, "--port", port).error
    assert "leave out" in zscape("explore", trained.two, "--html", "x.html", "--port", 80).error
    assert ".html" in zscape("explore", trained.two, "--html", tmp_path / "x.png").error
    assert "is not a run" in zscape("explore", tmp_path).error
    out = tmp_path / "new" / "page.html"
    done = zscape("explore", trained.two, "--html", out)
    assert done.status == 0, done.err
    assert done.err == ""
    assert out.stat().st_size < 25_000_000
    assert "exists" in zscape("explore", trained.two, "--html", out).error


def test_a_page_that_is_too_large_is_made_with_as_many_images_as_the_message_names(
    zscape: Any, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("explore", trained.two, "--html", tmp_path / "page.html", "--force")
    assert zscape(*words, "-n", 1).status == 0
    least = (tmp_path / "page.html").stat().st_size
    monkeypatch.setattr(page, "MAX_PAGE_BYTES", least + 150)
    error = zscape(*words).error
    (n,) = re.findall(r"choose fewer images than 6: -n (\d+) fits", error)
    assert zscape(*words, "-n", n).status == 0


@pytest.mark.parametrize("n", ["0", "-3", "many"])
def test_how_many_images_must_be_a_whole_number(
    zscape: Any, trained: Any, tmp_path: Path, n: str
) -> None:
    assert "-n" in zscape("explore", trained.two, "-n", n, "--no-browser").error
    assert "-n" in zscape("explore", trained.two, "-n", n, "--html", tmp_path / "x.html").error
