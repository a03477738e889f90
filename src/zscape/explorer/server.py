"""The local server of the explorer: for this computer only, and for no other web page.

It listens on 127.0.0.1. Every address begins with a secret, which other pages do not know; a
request that names another host, as after DNS rebinding, is refused; no answer allows other
origins to read it; and the page itself may load nothing but its own parts.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from zscape.errors import ConfigError, require
from zscape.explorer.page import front_end, served_page, style

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; "
        "style-src 'self'; img-src 'self' blob: data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def new_token() -> str:
    """Return a secret for the address of the page."""
    return secrets.token_urlsafe(16)


def build_app(payload: bytes, token: str) -> Starlette:
    """Build the server of a payload, under `/TOKEN/`."""
    check_ready()
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import Response
    from starlette.routing import Route

    zipped = {"Content-Encoding": "gzip"}
    parts: dict[str, tuple[bytes, str, dict[str, str]]] = {
        "": (served_page().encode(), "text/html; charset=utf-8", {}),
        "page.css": (style().encode(), "text/css; charset=utf-8", {}),
        "page.js": (front_end("page.js"), "text/javascript; charset=utf-8", {}),
        "ort.wasm": (front_end("ort.wasm.gz"), "application/wasm", zipped),
        "payload": (payload, "application/octet-stream", {}),
    }

    def answer(content: bytes, media_type: str, extra: dict[str, str]) -> Callable[[Request], Any]:
        async def send(request: Request) -> Response:
            # Compared in constant time, so that the answer does not tell how much was right.
            if not secrets.compare_digest(request.path_params["token"].encode(), token.encode()):
                return Response("Not found", 404, HEADERS, "text/plain")
            return Response(content, 200, {**HEADERS, **extra}, media_type)

        return send

    return Starlette(
        routes=[Route(f"/{{token}}/{name}", answer(*part)) for name, part in parts.items()],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
    )


def open_socket(port: int | None) -> socket.socket:
    """Return a socket that listens on this computer only; on a free port when None."""
    if port is not None and not 1 <= port <= 65535:
        raise ConfigError(f"port is {port}; expected 1 to 65535.")
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port or 0))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"port {port} cannot be used ({(error.strerror or str(error)).lower()}); choose "
            "another `port`, or leave it out."
        ) from error
    return listener


def address(listener: socket.socket, token: str) -> str:
    """Return the address of the page."""
    return f"http://{HOST}:{listener.getsockname()[1]}/{token}/"


def serve(app: Starlette, listeners: Sequence[socket.socket]) -> None:
    """Serve until Ctrl-C, which is raised again."""
    import uvicorn

    # No lines for requests: they would show the secret, and nobody asked for them.
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=list(listeners))


def check_ready() -> None:
    """Check that a page can be served, before any work is done."""
    require("starlette", "uvicorn", extra="explore")
    front_end("page.js")
