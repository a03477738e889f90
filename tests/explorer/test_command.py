"""`zscape explore` without a browser: its mistakes, and the page as one file."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any


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
