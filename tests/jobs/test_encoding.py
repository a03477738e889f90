"""Codes in a Parquet file: what is in it, and that an interruption costs little."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import Trained, Zscape, blobs
from zscape.data.decode import read_picture
from zscape.data.load import load_images
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
    from zscape.jobs import coded as encoding

    monkeypatch.setattr(encoding, "CHUNK", 3)
    out = tmp_path / "c.parquet"
    decoded: list[int] = []
    real: Any = encoding.decode_rows  # type: ignore[attr-defined]

    def stopping(source: Any, rows: Any, *rest: Any) -> Any:
        if len(decoded) == 3:  # the first is a look at some
            raise KeyboardInterrupt
        decoded.append(rows[0])
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


def test_other_images_of_the_same_name_are_encoded_anew(
    zscape: Zscape, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zscape.jobs import code_tables as encoding

    def stop(*_: Any) -> int:
        raise KeyboardInterrupt

    data, out = tmp_path / "a.npz", tmp_path / "c.parquet"
    images, labels = blobs(20)
    np.savez(data, images=images, labels=labels)
    joined = encoding._write_joined
    monkeypatch.setattr(encoding, "_write_joined", stop)
    assert zscape("encode", trained.two, data, "-o", out).status == 130
    monkeypatch.setattr(encoding, "_write_joined", joined)
    np.savez(data, images=images[::-1], labels=labels[::-1])
    assert zscape("encode", trained.two, data, "-o", out).status == 0
    codes = np.array(pq.read_table(out).column("code").to_pylist())
    expected = load_run(trained.two).model.encode(images[::-1])
    np.testing.assert_allclose(codes, expected, atol=1e-5)
    assert np.abs(expected - expected[::-1]).max() > 0.01
    # A copy elsewhere is the same images.
    monkeypatch.setattr(encoding, "_write_joined", stop)
    assert zscape("encode", trained.two, data, "-o", out, "--force").status == 130
    monkeypatch.setattr(encoding, "_write_joined", joined)
    data.rename(tmp_path / "b.npz")
    done = zscape("encode", trained.two, tmp_path / "b.npz", "-o", out, "--force")
    assert "going on after 20 of 20 images" in done.err


@pytest.mark.slow
def test_spatial_codes_are_one_row_for_each_image(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    from zscape.jobs.train import train

    run = train(trained.data, out=tmp_path / "vq", preset="classic", latent_dim=2, epochs=1,
                batch_size=16, bottleneck="vq:codebook=8")  # fmt: skip
    out = tmp_path / "c.parquet"
    assert zscape("encode", run.path, trained.data, "-o", out).status == 0
    table = pq.read_table(out)
    shape = tuple(json.loads(table.schema.metadata[b"code_shape"]))
    assert shape == run.model.code_shape == (2, 2, 2)
    codes = np.array(table.column("code").to_pylist(), np.float32).reshape(-1, *shape)
    images = load_images(trained.data).images
    np.testing.assert_allclose(codes, run.model.encode(images), atol=1e-5)
    done = zscape("encode", run.path, pictures, "-o", out, "--force")
    assert "10 codes" in done.out
    rows = pq.read_table(out).to_pylist()
    assert [row["path"] for row in rows if row["code"] is None] == ["class1/bad.png"]
    assert [row["path"] for row in rows if row["error"]] == ["class1/bad.png"]
    assert all(len(row["code"]) == 8 for row in rows if row["code"] is not None)
    out = tmp_path / "c.csv"
    assert zscape("encode", run.path, trained.data, "-o", out).status == 0
    rows = read_csv(out)
    header = [name for name in rows[0] if name.startswith("z")]
    assert header == [f"z_{i}_{j}_{k}" for i in (0, 1) for j in (0, 1) for k in (1, 2)]
    codes = np.array([[row[name] for name in header] for row in rows], np.float32)
    np.testing.assert_allclose(codes.reshape(-1, *shape), run.model.encode(images), atol=1e-5)


def test_some_reconstructions_are_of_images_from_all_over_the_set(
    trained: Trained, tmp_path: Path
) -> None:
    from zscape.jobs.reconstruct import write_reconstructions

    run = load_run(trained.two)
    images = load_images(trained.data).images
    done = write_reconstructions(run, trained.data, tmp_path / "r", n=12)
    assert done["n_images"] == 12
    with np.load(tmp_path / "r" / "reconstructions.npz") as stored:
        rows, outputs = stored["rows"], stored["images"]
    assert len(rows) == 12
    assert rows[0] < 20 < 40 < rows[-1]
    np.testing.assert_allclose(outputs, run.model.reconstruct(images[rows]), atol=1e-6)
    names = sorted(path.name for path in (tmp_path / "r").glob("[0-9]*.png"))
    assert names == [f"{row:05d}.png" for row in rows]


def test_reconstructions_and_decoded_images_are_written_in_parts(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zscape import model
    from zscape.jobs.decode import write_decoded
    from zscape.jobs.encode import write_codes
    from zscape.jobs.reconstruct import write_reconstructions

    run = load_run(trained.two)
    images = load_images(trained.data).images
    whole = run.model.reconstruct(images)
    sizes: list[int] = []
    real = model.mapped  # type: ignore[attr-defined]

    def counting(step: Any, inputs: Any, *rest: Any) -> np.ndarray:
        sizes.append(len(inputs))
        return real(step, inputs, *rest)

    monkeypatch.setattr(model, "mapped", counting)
    monkeypatch.setattr("zscape.data.images.CHUNK_VALUES", 25 * 64)
    done = write_reconstructions(run, trained.data, tmp_path / "r")
    assert (done["n_images"], sizes) == (60, [25, 25, 10, 10])  # the last for the sheet
    with np.load(tmp_path / "r" / "reconstructions.npz") as stored:
        assert list(stored.files) == ["images", "mse", "rows"]
        assert stored["images"].dtype == stored["mse"].dtype == np.float32
        np.testing.assert_allclose(stored["images"], whole, atol=1e-6)
        inputs = np.asarray(images) / np.float32(255)
        np.testing.assert_allclose(
            stored["mse"], np.square(whole - inputs).mean(axis=(1, 2, 3)), rtol=1e-4
        )
        assert done["mse"] == pytest.approx(stored["mse"].mean(), rel=1e-5)
        assert stored["rows"].tolist() == list(range(60))
    assert len(list((tmp_path / "r").glob("[0-9]*.png"))) == 60
    expected = np.round(whole[57, ..., 0] * 255)
    with Image.open(tmp_path / "r" / "00057.png") as picture:
        np.testing.assert_allclose(np.asarray(picture, np.float32), expected, atol=1)
    sizes.clear()
    write_codes(run, trained.data, tmp_path / "codes.npz")
    assert write_decoded(run, tmp_path / "codes.npz", tmp_path / "d.npz") == {"n_images": 60}
    assert sizes == [60, 25, 25, 10]
    with np.load(tmp_path / "d.npz") as stored:
        np.testing.assert_allclose(stored["images"], whole, atol=1e-6)
        assert stored["labels"].shape == (60,)


# --- CSV, and TSV for the Embedding Projector ---


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def projected(path: Path) -> tuple[np.ndarray, list[list[str]]]:
    """Read both files as the projector does: by line ends and tabs, without blank lines."""

    def rows(path: Path) -> list[list[str]]:
        lines = path.read_bytes().decode().split("\n")
        return [line.split("\t") for line in lines if line.strip()]

    metadata = rows(path.with_name(f"{path.stem}-metadata.tsv"))
    assert len({len(row) for row in metadata}) == 1
    return np.array(rows(path), np.float32), metadata


def test_arrays_become_csv(zscape: Zscape, trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "new" / "c.csv"
    done = zscape("encode", trained.two, trained.data, "-o", out)
    assert done.out == f"60 codes, 2 latent variables: {out}\n", done.err
    rows, images = read_csv(out), load_images(trained.data)
    assert list(rows[0]) == ["number", "label", "z1", "z2"]
    codes = np.array([[row["z1"], row["z2"]] for row in rows], np.float32)
    np.testing.assert_array_equal(codes, load_run(trained.two).model.encode(images.images))
    assert images.labels is not None
    assert [row["label"] for row in rows] == [str(label) for label in images.labels]
    assert [row["number"] for row in rows] == [str(n) for n in range(60)]


def test_arrays_become_tsv(zscape: Zscape, trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "c.tsv"
    done = zscape("encode", trained.two, trained.data, "-o", out, "--json")
    assert json.loads(done.out) == {
        "file": str(out), "n_codes": 60, "n_latent_variables": 2,
        "metadata": str(tmp_path / "c-metadata.tsv"),
    }  # fmt: skip
    codes, metadata = projected(out)
    images = load_images(trained.data)
    np.testing.assert_array_equal(codes, load_run(trained.two).model.encode(images.images))
    assert metadata[0] == ["number", "label"]
    assert images.labels is not None
    assert metadata[1:] == [[str(n), str(label)] for n, label in enumerate(images.labels)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c-metadata.tsv", "c.tsv"]


def test_a_single_column_of_metadata_has_no_header(
    zscape: Zscape, trained: Trained, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", blobs(5)[0])
    assert zscape("encode", trained.two, tmp_path / "a.npy", "-o", tmp_path / "c.tsv").status == 0
    assert projected(tmp_path / "c.tsv")[1] == [["0"], ["1"], ["2"], ["3"], ["4"]]


def test_pictures_with_odd_names_in_tables(
    zscape: Zscape, trained: Trained, pictures: Path, tmp_path: Path
) -> None:
    (pictures / "class0").rename(pictures / os.fsdecode(b"caf\xe9"))
    (pictures / "class2").rename(pictures / "猫\t犬")
    (pictures / "=cmd()").mkdir()
    Image.fromarray(blobs(1)[0][0, ..., 0]).save(pictures / "=cmd()" / "a.png")
    out = tmp_path / "c.csv"
    done = zscape("encode", trained.two, pictures, "-o", out)
    assert done.status == 0, done.err
    assert "11 codes, 2 latent variables, 2 left out" in done.out
    assert "left out: class1/bad.png: its content is not" in done.err
    rows = read_csv(out)
    paths = [row["path"] for row in rows]
    assert "class1/bad.png" not in paths
    assert {"'=cmd()/a.png", "café/0.png", "猫\t犬/2.png"} <= set(paths)
    labels = {row["path"].partition("/")[0]: row["label"] for row in rows}
    assert labels == {
        "café": "café", "class1": "class1", "猫\t犬": "猫\\t犬", "'=cmd()": "'=cmd()",
    }  # fmt: skip
    model = load_run(trained.two).model
    row = next(row for row in rows if row["path"] == "class1/1.png")
    image = read_picture(pictures / row["path"], (8, 8, 1))
    found = [float(row["z1"]), float(row["z2"])]
    np.testing.assert_allclose(found, model.encode(image[None])[0], atol=1e-5)
    assert zscape("encode", trained.two, pictures, "-o", tmp_path / "c.tsv").status == 0
    codes, metadata = projected(tmp_path / "c.tsv")
    assert metadata[0] == ["path", "label"]
    assert len(metadata) == 1 + len(codes) == 12
    assert ["猫\\t犬/2.png", "猫\\t犬"] in metadata
    assert zscape("encode", trained.two, pictures, "-o", tmp_path / "c.parquet").status == 0
    found = pq.read_table(tmp_path / "c.parquet").to_pylist()
    assert {row["class"] for row in found} == {"café", "class1", "猫\\t犬", "=cmd()"}


def test_a_formula_at_the_top_of_a_folder(zscape: Zscape, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for image, name in zip(blobs(3)[0], ("=cmd().png", "-1+1.png", "@a.png"), strict=True):
        Image.fromarray(image[..., 0]).save(tmp_path / "in" / name)
    for verb in ("csv", "tsv"):
        out = tmp_path / f"c.{verb}"
        assert zscape("encode", trained.two, tmp_path / "in", "-o", out).status == 0
    expected = {"'=cmd().png", "'-1+1.png", "'@a.png"}
    assert {row["path"] for row in read_csv(tmp_path / "c.csv")} == expected
    assert {path for (path,) in projected(tmp_path / "c.tsv")[1]} == expected


def test_a_label_that_is_not_known_is_an_empty_cell(trained: Trained, tmp_path: Path) -> None:
    from zscape.data.images import Images
    from zscape.jobs.code_tables import write_code_table
    from zscape.jobs.encode import write_code_csv, write_code_tsv

    run = load_run(trained.two)
    images = Images(blobs(3)[0], np.array([1, -1, 0]), "array")
    write_code_csv(run, images, tmp_path / "c.csv")
    assert [row["label"] for row in read_csv(tmp_path / "c.csv")] == ["1", "", "0"]
    images = Images(blobs(3)[0], np.array([1, -1, 0]), "array", class_names=("=a", "b"))
    write_code_csv(run, images, tmp_path / "c.csv")
    assert [row["label"] for row in read_csv(tmp_path / "c.csv")] == ["b", "", "'=a"]
    write_code_tsv(run, images, tmp_path / "c.tsv")
    assert projected(tmp_path / "c.tsv")[1][1:] == [["0", "b"], ["1", ""], ["2", "'=a"]]
    write_code_table(run, images, tmp_path / "c.parquet")
    table = pq.read_table(tmp_path / "c.parquet")
    assert table.column("class").to_pylist() == ["b", None, "=a"]


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_tables_are_written_part_by_part(
    ending: str, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zscape import model
    from zscape.jobs import coded, encode

    sizes: list[int] = []
    real = model.mapped  # type: ignore[attr-defined]

    def counting(step: Any, inputs: Any, *rest: Any) -> np.ndarray:
        sizes.append(len(inputs))
        return real(step, inputs, *rest)

    run = load_run(trained.two)
    write = {"csv": encode.write_code_csv, "tsv": encode.write_code_tsv}[ending]
    write(run, trained.data, tmp_path / f"whole.{ending}")
    monkeypatch.setattr(model, "mapped", counting)
    monkeypatch.setattr(coded, "CHUNK", 25)
    assert write(run, trained.data, tmp_path / f"c.{ending}") == {
        "n_codes": 60, "n_latent_variables": 2,
    }  # fmt: skip
    assert sizes == [25, 25, 10]
    content = (tmp_path / f"c.{ending}").read_text()
    assert content == (tmp_path / f"whole.{ending}").read_text()


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_without_any_code_there_is_no_file(
    ending: str, zscape: Zscape, trained: Trained, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.png").write_text("no picture")
    done = zscape("encode", trained.two, tmp_path / "in", "-o", tmp_path / f"c.{ending}")
    assert done.status == 2
    last = done.err.splitlines()[-1]
    assert "none of the 1 pictures can be read; the first, bad.png: its content" in last
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_no_file_beside_is_replaced(zscape: Zscape, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "c-metadata.tsv").write_text("mine")
    done = zscape("encode", trained.two, trained.data, "-o", tmp_path / "c.tsv")
    assert "c-metadata.tsv exists" in done.error
    assert (tmp_path / "c-metadata.tsv").read_text() == "mine"


def test_pictures_are_encoded_as_they_are_loaded(
    zscape: Zscape, trained: Trained, tmp_path: Path
) -> None:
    """Of a folder all splits, each named; light borders are inverted, and the user is told."""
    for split, n in (("train", 8), ("test", 5)):
        (tmp_path / "in" / split / "a").mkdir(parents=True)
        for number, image in enumerate(blobs(n)[0]):
            path = tmp_path / "in" / split / "a" / f"{number}.png"
            Image.fromarray(255 - image[..., 0]).save(path)
    run = load_run(trained.two)
    loaded = run.load_images(tmp_path / "in", "all")
    assert len(loaded) == 13
    done = zscape("encode", trained.two, tmp_path / "in", "-o", tmp_path / "c.csv")
    rows = read_csv(tmp_path / "c.csv")
    codes = np.array([[row["z1"], row["z2"]] for row in rows], np.float32)
    np.testing.assert_allclose(codes, run.model.encode(loaded.images), atol=1e-5)
    assert loaded.names is not None
    assert [row["path"] for row in rows] == loaded.names.tolist()
    assert [row["split"] for row in rows] == ["test"] * 5 + ["train"] * 8
    assert run.load_images(tmp_path / "in").names is not None
    assert len(run.load_images(tmp_path / "in")) == 5
    for note in loaded.notes:
        assert note.replace("`polarity=keep`", "--polarity keep") in done.err


def test_the_white_of_the_training_is_that_of_the_model(tmp_path: Path) -> None:
    from zscape.jobs.train import train

    options: dict[str, Any] = {"preset": "classic", "latent_dim": 2, "epochs": 1, "batch_size": 16}
    images = blobs(60)[0]
    deep = np.round(images / 255 * 4095).astype(np.uint16)
    run = train(deep, out=tmp_path / "deep", **options)
    assert run.model.white == 4095
    expected = run.model.encode((deep / 4095).astype(np.float32))
    np.testing.assert_allclose(run.model.encode(deep), expected, atol=1e-6)
    np.testing.assert_allclose(run.model.encode(run.load_images(deep).images), expected, atol=1e-6)
    # Brighter ones are read by another white, which the model does not mistake for its own.
    bright = run.load_images(images.astype(np.uint16) * 257).images
    expected = run.model.encode(images / np.float32(255))
    np.testing.assert_allclose(run.model.encode(bright), expected, atol=1e-5)
    for plain in (images, images / np.float32(255)):
        assert train(plain, out=tmp_path / str(plain.dtype), **options).model.white is None
