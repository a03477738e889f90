"""Codes in a Parquet file: what is in it, and that an interruption costs little."""

from __future__ import annotations

import json
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


def test_other_images_of_the_same_name_are_encoded_anew(
    zscape: Zscape, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zscape.jobs import encode as encoding

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
    real = model.mapped

    def counting(step: Any, inputs: Any, *rest: Any) -> np.ndarray:
        sizes.append(len(inputs))
        return real(step, inputs, *rest)

    monkeypatch.setattr(model, "mapped", counting)
    monkeypatch.setattr("zscape.data.images.CHUNK_VALUES", 25 * 64)
    done = write_reconstructions(run, trained.data, tmp_path / "r")
    assert (done["n_images"], sizes) == (60, [25, 25, 10, 10])  # the last for the sheet
    with np.load(tmp_path / "r" / "reconstructions.npz") as stored:
        assert list(stored.files) == ["images", "mse"]
        assert stored["images"].dtype == stored["mse"].dtype == np.float32
        np.testing.assert_allclose(stored["images"], whole, atol=1e-6)
        inputs = np.asarray(images) / np.float32(255)
        np.testing.assert_allclose(
            stored["mse"], np.square(whole - inputs).mean(axis=(1, 2, 3)), rtol=1e-4
        )
        assert done["mse"] == pytest.approx(stored["mse"].mean(), rel=1e-5)
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
