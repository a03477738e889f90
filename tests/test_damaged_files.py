"""Files that once ended in a traceback; each is the smallest part of one that was drawn."""

from __future__ import annotations

import io
import json
import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Zscape
from zscape.data.load import load_images
from zscape.errors import DataError, RunError
from zscape.latent.densities import load_density
from zscape.latent.projection import PcaBaseline
from zscape.run_images import known_pictures

RUN = Path(__file__).parent / "runs" / "classic-plain"
CLAIM = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,), }\n"
TOO_LONG = CLAIM.replace("4294967296", "9" * 25 + ", 0")
OPEN = "{'descr': '<f4', 'fortran_order': False, 'shape': (5,\n"
DATE = "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (2,), }\n"


def header(text: str) -> bytes:
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode() + bytes(16)


def with_member(path: Path, member: str, content: bytes, out: Path) -> Path:
    """Write a copy of a `.npz` file with one array replaced."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == f"{member}.npy" else old.read(name))
    return out


def stored(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, np.asarray(array))
    return content.getvalue()


@pytest.mark.parametrize("text", [CLAIM, TOO_LONG, OPEN])
def test_a_baseline_with_a_damaged_header(tmp_path: Path, text: str) -> None:
    path = with_member(RUN / "baseline.npz", "mean", header(text), tmp_path / "baseline.npz")
    with pytest.raises(DataError, match="delete it to have it made again"):
        PcaBaseline.load(path)


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("mean", stored(np.array(["x"] * 784))),
        ("mean", stored(np.full(784, np.nan, np.float32))),
        ("components", stored(np.full((2, 784), b"x"))),
        ("shape", stored(np.zeros(3, [("a", "<f4")]))),
        ("shape", stored(np.array([np.inf, 28, 1]))),
        ("shape", stored(np.array([28, 27, 1]))),
    ],
    ids=["text", "nan", "bytes", "records", "infinite", "other-size"],
)
def test_a_baseline_whose_arrays_do_not_fit(tmp_path: Path, member: str, content: bytes) -> None:
    path = with_member(RUN / "baseline.npz", member, content, tmp_path / "baseline.npz")
    with pytest.raises(DataError, match="delete it to have it made again"):
        PcaBaseline.load(path)


def test_a_baseline_packed_in_an_unknown_way(tmp_path: Path) -> None:
    content = bytearray((RUN / "baseline.npz").read_bytes())
    at = content.index(b"PK\1\2") + 10  # the method, in the list of the archive
    content[at] = 99
    (tmp_path / "baseline.npz").write_bytes(content)
    with pytest.raises(DataError, match="delete it to have it made again"):
        PcaBaseline.load(tmp_path / "baseline.npz")


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("shift", header(DATE)),
        ("weights", stored(np.zeros(0))),
        ("covariances", stored(np.ones((1, 2, 3)))),
        ("means", stored(np.ones((1, 5)))),
        ("scale", stored(np.float64(np.nan))),
    ],
)
def test_a_density_whose_arrays_do_not_fit(tmp_path: Path, member: str, content: bytes) -> None:
    (kept,) = (RUN / "density").glob("gmm.*.npz")
    path = with_member(kept, member, content, tmp_path / "gmm.npz")
    with pytest.raises(RunError, match=r"is damaged .* delete it, and it will be made again"):
        load_density("gmm", path)


@pytest.mark.parametrize("size", ["Infinity", "-Infinity", "NaN", '"x"', "[]"])
def test_sizes_of_pictures_that_are_no_numbers(tmp_path: Path, size: str) -> None:
    (tmp_path / "images.json").write_text(f'{{"a.png": {size}}}')
    with pytest.raises(RunError, match=r"images.json is damaged: .* Copy the run again"):
        known_pictures(tmp_path)


def test_a_table_whose_rows_are_parted_in_different_ways(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("0.5,\n0.25\t1,\n0.5\t0.25,\n")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        load_images(tmp_path / "x.tsv")


@pytest.mark.parametrize("text", [CLAIM, OPEN])
def test_codes_with_a_damaged_header(tmp_path: Path, zscape: Zscape, text: str) -> None:
    np.savez(tmp_path / "whole.npz", codes=np.zeros((3, 2)))
    path = with_member(tmp_path / "whole.npz", "codes", header(text), tmp_path / "codes.npz")
    error = zscape("decode", RUN, path, "-o", tmp_path / "out.npz").error
    assert "cannot be read" in error
    assert "expected a .npz file with an array codes" in error


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("variable_0000", header(CLAIM)),
        ("variable_0000", header(OPEN)),
        ("state", stored(json.dumps({"epoch": "one", "best_val_loss": 1.0}))),
        ("state", stored(json.dumps({"epoch": 1, "best_val_loss": [], "history": [{"a": "b"}]}))),
        ("state", stored(json.dumps([1]))),
    ],
)
def test_a_damaged_checkpoint(tmp_path: Path, member: str, content: bytes) -> None:
    import zscape
    from zscape.training.fit import fit_autoencoder

    folder = tmp_path / "run"
    shutil.copytree(RUN, folder)
    with_member(
        RUN / "checkpoint" / "state.npz", member, content, folder / "checkpoint" / "state.npz"
    )
    config = zscape.load_run(folder).config
    model = zscape.build_autoencoder(config.image_shape, config.network, config.bottleneck, seed=0)
    images = load_images(np.zeros((6, 28, 28, 1), np.uint8), "all")
    dataset: Any = type("Few", (), {"train": images, "validation": images})
    with pytest.raises(RunError, match="Start the training again without `resume`"):
        fit_autoencoder(model, dataset, config.training, folder, resume=True)


def test_a_palette_with_more_transparency_than_colours(tmp_path: Path, zscape: Zscape) -> None:
    picture = io.BytesIO()
    Image.new("P", (9, 9)).save(picture, "PNG")
    content, chunk = picture.getvalue(), b"tRNS" + bytes(277)
    at = content.index(b"IDAT") - 4
    more = struct.pack(">I", 277) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "x.png").write_bytes(content[:at] + more + content[at:])
    done = zscape("denoise", RUN, tmp_path / "x.png", "-o", tmp_path / "out")
    assert done.status == 2
    assert "Traceback" not in done.err
    assert "x.png cannot be read as a picture (palette index out of range)" in done.err
