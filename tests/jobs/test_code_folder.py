"""Codes as several Parquet files in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import Trained, Zscape, blobs
from zscape.jobs import code_tables, coded


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """11 pictures in 2 classes; the one of number 3 is broken."""
    for number, image in enumerate(blobs(11)[0]):
        folder = tmp_path / "in" / f"class{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number:02d}.png")
    (tmp_path / "in" / "class1" / "03.png").write_text("no picture")
    return tmp_path / "in"


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded, "CHUNK", 4)


def test_it_is_one_table_of_plain_types(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    folder, file = tmp_path / "codes", tmp_path / "c.parquet"
    done = zscape("encode", trained.two, pictures, "-o", f"{folder}/")
    assert done.status == 0, done.err
    assert done.out == f"10 codes, 2 latent variables, 1 left out: {folder}\n"
    assert zscape("encode", trained.two, pictures, "-o", file).status == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["_facts.json", *(f"part-{n:08d}.parquet" for n in range(3))]
    table = ds.dataset(folder).to_table()
    whole = pq.read_table(file)
    assert table.schema.equals(whole.schema, check_metadata=True)
    assert table.to_pylist() == whole.to_pylist()
    assert pa.types.is_fixed_size_list(table.schema.field("code").type)
    assert table.schema.field("code").type.value_type == pa.float32()
    assert table.schema.metadata[b"code_shape"] == b"[2]"
    asked = "select count(*), count(code), count(distinct path), sum(code[2]) from "
    (found,) = duckdb.connect().execute(f"{asked} '{folder}/*.parquet'").fetchall()
    codes = [row["code"] for row in table.to_pylist() if row["code"] is not None]
    assert found[:3] == (11, 10, 11)
    assert found[3] == pytest.approx(np.sum(codes, axis=0)[1], rel=1e-5)


def test_a_finished_one_stays_unless_forced(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "codes"
    out.mkdir()
    done = zscape("encode", trained.two, pictures, "-o", out, "--json")
    assert json.loads(done.out)["folder"] == str(out)
    again = zscape("encode", trained.two, pictures, "-o", out)
    assert again.error.endswith(
        "codes has 11 codes; name another folder, or replace them with --force."
    )
    # Of fewer pictures, no old part stays.
    for path in sorted(pictures.rglob("*.png"))[4:]:
        path.unlink()
    assert zscape("encode", trained.two, pictures, "-o", out, "--force").status == 0
    assert ds.dataset(out).count_rows() == 4
    assert len(list(out.iterdir())) == 2


def test_it_goes_on_where_it_was(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    out, whole = tmp_path / "codes", tmp_path / "whole"
    real: Any = code_tables.write_bytes  # type: ignore[attr-defined]

    def stopping(path: Path, content: bytes) -> None:
        if path.name == "part-00000002.parquet":
            raise KeyboardInterrupt
        real(path, content)

    monkeypatch.setattr(code_tables, "write_bytes", stopping)
    done = zscape("encode", trained.two, pictures, "-o", out)
    assert done.status == 130
    assert done.err.endswith("interrupted; the same command goes on from here.\n")
    monkeypatch.setattr(code_tables, "write_bytes", real)
    other = zscape("encode", trained.three, pictures, "-o", out)
    assert "has some codes of other images, or by another model; name another" in other.error
    done = zscape("encode", trained.two, pictures, "-o", out)
    assert done.status == 0
    assert "going on after 8 of 11 images" in done.err
    assert zscape("encode", trained.two, pictures, "-o", whole).status == 0
    for path in sorted(whole.iterdir()):
        assert (out / path.name).read_bytes() == path.read_bytes()


def test_a_folder_of_something_else_stays(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "mine.parquet").write_text("mine")
    for words in ([], ["--force"]):
        done = zscape("encode", trained.two, pictures, "-o", out, *words)
        assert done.error.endswith("mine is not empty and no folder of codes; name another folder.")
    assert [path.name for path in out.iterdir()] == ["mine.parquet"]


def test_options_of_workers_are_checked(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    encode = ("encode", trained.two, pictures, "-o")
    assert "--workers is 0; expected a whole number, 1 or more" in (
        zscape(*encode, tmp_path / "c.csv", "--workers", 0).error
    )
    assert "--cluster is given without --workers" in (
        zscape(*encode, tmp_path / "c.csv", "--cluster", "auto").error
    )
    assert "--workers write tables and folders of codes" in (
        zscape(*encode, tmp_path / "c.npz", "--workers", 2).error
    )
