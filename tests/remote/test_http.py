"""Data on a web server, with and without a way to read parts of files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Trained, Zscape
from tests.remote import sets
from tests.remote.servers import Fault, Server, folder_over_http, running
from tests.remote.test_data import SMALL, everything
from zscape.data.load import load_images
from zscape.remote import RemoteError
from zscape.runs import load_run


@pytest.fixture(params=[True, False], ids=["ranges", "whole files"])
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with running(folder_over_http(tmp_path, ranges=request.param)) as server:
        yield server


@pytest.mark.parametrize(
    "form", [sets.split_folders, sets.zip_file, sets.web_dataset, sets.parquet_file, sets.npz_file]
)
def test_from_the_web_as_from_here(
    form: Callable[[Path], Path], tmp_path: Path, web: Server
) -> None:
    here = form(tmp_path)
    web.faults += [Fault(503, times=2)]
    there = load_images(f"{web.url}/{here.name}", "all", pictures=SMALL)
    assert everything(there) == everything(load_images(here, "all", pictures=SMALL))


def test_names_in_links(tmp_path: Path, web: Server) -> None:
    (tmp_path / "p").mkdir()
    for i in range(3):
        (tmp_path / "p" / f"{i} ä.png").write_bytes(sets.picture(i))
    there = load_images(f"{web.url}/p", "all", pictures=SMALL)
    assert everything(there) == everything(load_images(tmp_path / "p", "all", pictures=SMALL))


def test_what_the_web_does_not_have(tmp_path: Path, web: Server) -> None:
    with pytest.raises(RemoteError, match="/nothing does not exist; check the spelling"):
        load_images(f"{web.url}/nothing")
    here = sets.class_folders(tmp_path)
    web.faults += [Fault("short", where="GET /pictures/b/03.png")]
    with pytest.raises(RemoteError, match=r"b/03.png: 9 attempts failed .* bytes came instead of"):
        load_images(f"{web.url}/{here.name}", "all", pictures=SMALL)
    web.faults[:] = [Fault(403)]
    with pytest.raises(RemoteError, match="access is denied"):
        load_images(f"{web.url}/{here.name}")


def test_a_run_on_the_web(tmp_path: Path, trained: Trained, zscape: Zscape, web: Server) -> None:
    (tmp_path / "run").symlink_to(trained.two)
    run = load_run(f"{web.url}/run")
    assert run.history == load_run(trained.two).history
    assert zscape("report", f"{web.url}/run", "-o", tmp_path / "report.html").status == 0


def test_no_server(zscape: Zscape) -> None:
    error = zscape("train", "http://127.0.0.1:9/pictures").error
    assert error.startswith("http://127.0.0.1:9/pictures: ")
    assert " attempts failed (" in error
    assert error.endswith("check the network, then try again.")
