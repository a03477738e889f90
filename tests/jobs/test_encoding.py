"""Codes in a Parquet file: what is in it, and that an interruption costs little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import Trained, Zscape, blobs
from zscape.data.load import load_images
from zscape.data.pictures import read_picture
from zscape.runs import load_run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    images, labels = blobs(10)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = tmp_path / "in" / f"class{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
    (tmp_path / "in" / "class1" / "bad.png").write_text("no picture")
    (tmp_path / "in" / "notes.txt").write_text("mine")
    return tmp_path / "in"


def test_a_row_for_every_picture(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    done = zscape("encode", trained.two, pictures, "-o", tmp_path / "c.parquet")
    assert done.status == 0, done.err
    assert "10 codes, 2 latent variables, 2 left out" in done.out
    rows = pq.read_table(tmp_path / "c.parquet").to_pylist()
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    model = load_run(trained.two).model
    for row in rows:
        assert row["class"] == row["path"][:6]
        if row["path"] == "class1/bad.png":
            assert row["code"] is None
            assert row["error"].startswith("its content is not")
        else:
            image = read_picture(pictures / row["path"], (8, 8, 1))
            np.testing.assert_allclose(row["code"], model.encode(image[None])[0], atol=1e-5)
            assert row["error"] is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.parquet", "in"]


def test_arrays_too(zscape: Zscape, trained: Trained, tmp_path: Path) -> None:
    assert zscape("encode", trained.two, trained.data, "-o", tmp_path / "c.parquet").status == 0
    table = pq.read_table(tmp_path / "c.parquet")
    images = load_images(trained.data)
    codes = np.array(table.column("code").to_pylist())
    np.testing.assert_allclose(codes, load_run(trained.two).model.encode(images.images), atol=1e-5)
    assert images.labels is not None
    assert table.column("label").to_pylist() == images.labels.tolist()


@pytest.mark.slow
def test_it_goes_on_after_an_interruption(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from zscape.jobs import encode as encoding

    monkeypatch.setattr(encoding, "CHUNK", 3)
    out = tmp_path / "c.parquet"
    decoded: list[int] = []
    real: Any = encoding.decode_rows  # type: ignore[attr-defined]

    def stopping(source: Any, rows: range, *rest: Any) -> Any:
        if len(decoded) == 2:
            raise KeyboardInterrupt
        decoded.append(rows.start)
        return real(source, rows, *rest)

    monkeypatch.setattr(encoding, "decode_rows", stopping)
    assert zscape("encode", trained.two, pictures, "-o", out).status == 130
    assert not out.exists()
    monkeypatch.setattr(encoding, "decode_rows", real)
    done = zscape("encode", trained.two, pictures, "-o", out)
    assert done.status == 0
    assert "going on after 6 of 11 images" in done.err
    whole = tmp_path / "whole.parquet"
    assert zscape("encode", trained.two, pictures, "-o", whole).status == 0
    assert pq.read_table(out).equals(pq.read_table(whole))


def test_parts_of_other_pictures_are_not_used(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    parts = tmp_path / "c.parquet.parts"
    parts.mkdir()
    (parts / "facts.json").write_text("{}")
    (parts / "00000000.parquet").write_text("old")
    assert zscape("encode", trained.two, pictures, "-o", tmp_path / "c.parquet").status == 0
    assert len(pq.read_table(tmp_path / "c.parquet")) == 11


def test_a_folder_of_somebody_else_stays(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    parts = tmp_path / "c.parquet.parts"
    parts.mkdir()
    (parts / "mine.txt").write_text("mine")
    done = zscape("encode", trained.two, pictures, "-o", tmp_path / "c.parquet")
    assert "c.parquet.parts" in done.error
    assert (parts / "mine.txt").read_text() == "mine"
