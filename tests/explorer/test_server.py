"""The server answers this computer's browser, and no other web page."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest
from starlette.testclient import TestClient

from zscape.errors import ConfigError
from zscape.explorer import page, server
from zscape.explorer.server import address, build_app, new_token, open_socket

TOKEN = "the-secret-of-this-test"


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(build_app(b"payload of a run", TOKEN), base_url="http://127.0.0.1:5000")


def test_the_page_and_its_parts_are_there(client: TestClient) -> None:
    found = client.get(f"/{TOKEN}/")
    assert found.status_code == 200
    assert "page.js" in found.text
    for name in ("page.js", "page.css"):
        assert client.get(f"/{TOKEN}/{name}").status_code == 200
    assert client.get(f"/{TOKEN}/payload").content == b"payload of a run"
    wasm = client.get(f"/{TOKEN}/ort.wasm")
    assert wasm.headers["content-type"] == "application/wasm"
    assert wasm.content.startswith(b"\0asm")


@pytest.mark.parametrize(
    "path", ["/", "/payload", "/wrong/", "/wrong/payload", f"/{TOKEN}x/", f"/{TOKEN}/other"]
)
def test_without_the_secret_there_is_nothing(client: TestClient, path: str) -> None:
    found = client.get(path)
    assert found.status_code == 404
    assert b"payload of a run" not in found.content


@pytest.mark.parametrize("host", ["example.com", "example.com:5000", "127.0.0.1.example.com", ""])
def test_other_hosts_are_refused(client: TestClient, host: str) -> None:
    found = client.get(f"/{TOKEN}/payload", headers={"Host": host})
    assert found.status_code == 400
    assert b"payload of a run" not in found.content
    assert client.get(f"/{TOKEN}/payload", headers={"Host": "localhost:5000"}).status_code == 200


def test_other_pages_may_not_read_or_frame_it(client: TestClient) -> None:
    origin = {"Origin": "https://example.com", "Access-Control-Request-Method": "GET"}
    for found in (
        client.get(f"/{TOKEN}/payload", headers=origin),
        client.options(f"/{TOKEN}/payload", headers=origin),
    ):
        assert not [name for name in found.headers if name.startswith("access-control")]
    headers = client.get(f"/{TOKEN}/").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert client.post(f"/{TOKEN}/payload").status_code == 405


def test_secrets_differ_and_are_long() -> None:
    tokens = {new_token() for _ in range(20)}
    assert len(tokens) == 20
    assert min(map(len, tokens)) >= 20


def test_it_listens_on_this_computer_only() -> None:
    with open_socket(None) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        assert address(listener, TOKEN) == f"http://127.0.0.1:{port}/{TOKEN}/"


def test_a_busy_port_is_named() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} cannot be used.*`port`"):
            open_socket(port)
    with pytest.raises(ConfigError, match="65536"):
        open_socket(65536)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(page, "files", lambda _: tmp_path)
    with pytest.raises(ConfigError, match="has not been built"):
        build_app(b"", TOKEN)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ConfigError, match=r"uvicorn is not .*zscape\[explore\]"):
        server.build_app(b"", TOKEN)
