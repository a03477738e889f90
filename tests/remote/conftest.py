"""A server of S3 on this machine, which each test finds without faults and with a bucket."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.remote.servers import Server, running
from zscape.remote import attempts

_numbers = itertools.count()


@dataclass(frozen=True)
class Bucket:
    """An empty bucket, and what a user has at hand to look into it."""

    name: str
    server: Server
    client: Any

    def url(self, path: str = "") -> str:
        return f"s3://{self.name}/{path}".rstrip("/")

    def put(self, source: Path, path: str) -> str:
        """Upload a file, or a folder with all in it, and return where it is."""
        for file in [source] if source.is_file() else sorted(source.rglob("*")):
            if file.is_file():
                key = path if source.is_file() else f"{path}/{file.relative_to(source).as_posix()}"
                self.client.put_object(Bucket=self.name, Key=key, Body=file.read_bytes())
        self.server.requests.clear()
        return self.url(path)

    def files(self) -> dict[str, bytes]:
        """Return the content of each object."""
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {item["Key"]: self.get(item["Key"]) for item in found}

    def get(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Server]:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with running(DomainDispatcherApplication(create_backend_app)) as server:
        yield server


@pytest.fixture(autouse=True)
def _quick_and_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(attempts, "FIRST_WAIT", 0.001)
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def s3_client(s3_server: Server) -> Any:
    import boto3

    keys = {"aws_access_key_id": "somebody", "aws_secret_access_key": "secret"}
    return boto3.client("s3", "us-east-1", endpoint_url=s3_server.url, **keys)


@pytest.fixture
def s3(s3_server: Server, s3_client: Any, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    environment = {
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server.url,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    s3_server.faults.clear()
    name = f"bucket-{next(_numbers)}"
    s3_client.create_bucket(Bucket=name)
    s3_server.requests.clear()
    return Bucket(name, s3_server, s3_client)
