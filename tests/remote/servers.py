"""Servers on this machine, and what can go wrong with them."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from werkzeug.serving import make_server

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass
class Fault:
    """What is wrong with the answers to some requests.

    Attributes:
        kind: `slow`, `cut` (the connection ends early), `short` (fewer bytes, rightly announced),
            or a status of HTTP.
        where: a part of the paths of these requests.
        times: how many of them; the next ones are answered well.
    """

    kind: str | int
    where: str = ""
    times: int = 10**9


@dataclass
class Server:
    """A server that is running, with what it was asked for."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # method, path and range

    def fault_for(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.where in path and fault.times > 0:
                fault.times -= 1
                return fault
        return None


class Faulty:
    """An application in front of another one, which answers badly when it is told to."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.server: Server | None = None
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        assert self.server is not None
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self._lock:
            asked = f"{method} {path} {environ.get('HTTP_RANGE', '')}".strip()
            self.server.requests.append(asked)
            fault = self.server.fault_for(asked)
        if fault is None:
            return self.application(environ, start_response)
        if fault.kind == "slow":
            time.sleep(0.05)
            return self.application(environ, start_response)
        if isinstance(fault.kind, int):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(f"{fault.kind} Injected", [("Content-Length", "0")])
            return []
        return self._cut(fault.kind, environ, start_response)

    def _cut(self, kind: str, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        told: list[Any] = []

        def keep(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[..., Any]:
            told[:] = [status, headers]
            return io.BytesIO().write

        content = b"".join(self.application(environ, keep))
        status, headers = told
        half = content[: len(content) // 2]
        names = ("content-length", "x-amz-checksum-crc32", "x-amz-checksum-crc64nvme")
        length = str(len(half if kind == "short" else content))
        others = [(name, value) for name, value in headers if name.lower() not in names]
        start_response(status, [*others, ("Content-Length", length)])
        return [half]


@contextmanager
def running(application: Application) -> Iterator[Server]:
    """Serve an application on a free port of 127.0.0.1."""
    faulty = Faulty(application)
    listener = make_server("127.0.0.1", 0, faulty, threaded=True)
    faulty.server = Server(f"http://127.0.0.1:{listener.server_port}")
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield faulty.server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def folder_over_http(root: Path, *, ranges: bool) -> Application:
    """Serve a folder as web servers do: pages that list it, whole files, and perhaps parts."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = root / environ["PATH_INFO"].encode("latin-1").decode().strip("/")
        headers, status = [("Content-Type", "application/octet-stream")], "200 OK"
        if path.is_dir():
            names = [f"{each.name}/" if each.is_dir() else each.name for each in path.iterdir()]
            links = "".join(
                f'<a href="{quote(name, safe="/.?=")}">{name}</a>'
                for name in ["../", "?C=N", *names]
            )
            content, headers = f"<html>{links}</html>".encode(), [("Content-Type", "text/html")]
        elif path.is_file():
            content = path.read_bytes()
        else:
            content, status = b"nothing", "404 Not Found"
        asked = environ.get("HTTP_RANGE", "").removeprefix("bytes=")
        if asked and ranges and status == "200 OK":
            first, last = map(int, asked.split("-"))
            content, status = content[first : last + 1], "206 Partial Content"
        start_response(status, [*headers, ("Content-Length", str(len(content)))])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [content]

    return application
