"""Jobs of several processes: what they leave is what one process leaves, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Trained, Zscape, blobs
from zscape.cluster import connect
from zscape.jobs import code_tables, coded

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """61 pictures in 3 classes, one of them broken."""
    root = tmp_path_factory.mktemp("pictures")
    images, labels = blobs(61)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / f"class{label}"
        folder.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number:02d}.png")
    (root / "class1" / "07.png").write_text("no picture")
    return root


def workers_of(pid: int) -> list[int]:
    """Return the processes below one that work for Ray."""
    listed = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()[1:]]
    below, found = {pid}, []
    for _ in range(4):
        below |= {int(row[0]) for row in rows if int(row[1]) in below}
    for row in rows:
        if int(row[0]) in below and row[-1].startswith("ray::_Worker"):
            found.append(int(row[0]))
    return found


def test_encoding_survives_the_death_of_its_workers(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(coded, "CHUNK", 2)
    assert zscape("encode", trained.two, pictures, "-o", tmp_path / "one").status == 0
    real: Any = code_tables.write_bytes  # type: ignore[attr-defined]

    def killing(path: Path, content: bytes) -> None:
        if path.name == "part-00000003.parquet":
            for pid in workers_of(os.getpid()):
                os.kill(pid, signal.SIGKILL)
        real(path, content)

    monkeypatch.setattr(code_tables, "write_bytes", killing)
    done = zscape("encode", trained.two, pictures, "-o", tmp_path / "two", "--workers", 2)
    assert done.status == 0, done.err
    assert done.out == f"60 codes, 2 latent variables, 1 left out: {tmp_path / 'two'}\n"
    told = done.err.splitlines()
    assert any("its process or machine ended" in line for line in told), done.err
    assert all(line.startswith(("worker ", "waiting for a worker")) for line in told), done.err
    files = sorted((tmp_path / "one").iterdir())
    assert len(files) == 32
    for path in files:
        assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes()


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    """A Ray that several commands share, for starting one takes seconds."""
    from zscape.reporter import Reporter

    @contextmanager
    def connected(*_: object, **__: object) -> Iterator[None]:
        yield

    with connect.connected(None, workers=3, reporter=Reporter()), pytest.MonkeyPatch.context() as m:
        m.setattr(connect, "connected", connected)
        yield


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray Data by itself
def test_ray_data_reads_a_folder_of_codes(
    ray: None, zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    import ray.data as ray_data

    assert zscape("encode", trained.two, pictures, "-o", tmp_path / "codes").status == 0
    ray_data.DataContext.get_current().enable_progress_bars = False
    rows = ray_data.read_parquet(str(tmp_path / "codes")).take_all()
    assert len(rows) == 61
    codes = [row["code"] for row in rows if row["error"] is None]
    assert np.shape(codes) == (60, 2)


def test_denoised_pictures_are_the_same(
    ray: None, zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    alone = zscape("denoise", trained.three, pictures, "-o", one)
    done = zscape("denoise", trained.three, pictures, "-o", two, "--workers", 2)
    assert done.status == 0, done.err
    assert done.out == alone.out.replace(str(one), str(two))
    lines = done.err.splitlines()
    left = [line for line in lines if not line.startswith(("worker ", "waiting for a worker"))]
    assert left == alone.err.splitlines()
    assert any("07.png" in line for line in left)
    files = sorted(path for path in one.rglob("*") if path.is_file())
    assert len(files) == 60
    for path in files:
        assert (two / path.relative_to(one)).read_bytes() == path.read_bytes()


def test_anomalies_are_the_same(
    ray: None, zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from zscape.evaluation import anomaly

    monkeypatch.setattr(anomaly, "_MOST", 20)
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, words in ((one, []), (two, ["--workers", 2])):
        done = zscape("anomalies", trained.two, pictures, "-o", folder / "odd.csv", *words)
        assert done.status == 0, done.err
    files = sorted(path for path in one.rglob("*") if path.is_file())
    assert len(files) == 62
    for path in files:
        assert (two / path.relative_to(one)).read_bytes() == path.read_bytes(), path
