"""Small files that claim, or unpack to, far more than there is room for: refused by a check."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from PIL import Image

from benchmarks.malformed.bombs import npz_bomb, zeros
from tests.data.archives import write_tar, write_zip
from zscape.data.decode import Rendering, decode_picture
from zscape.data.load import load_images
from zscape.data.pictures import UnreadablePictureError, load_upright, quiet_pillow
from zscape.data.white import White
from zscape.errors import DataError
from zscape.npz import load_arrays
from zscape.settings import PictureConfig, Size

MAX_BYTES = 2**25


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """Fail where much memory is taken, or asked for in vain."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MAX_BYTES


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    tracemalloc.reset_peak()
    with pytest.raises(DataError) as refused:
        load_images(path, "all")
    assert not isinstance(refused.value.__cause__, MemoryError)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def npy(shape: tuple[int, ...], descr: str, values: bytes) -> bytes:
    content = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue() + values


def test_arrays_that_unpack_to_gigabytes(tmp_path: Path) -> None:
    content = npz_bomb(2**31)
    assert len(content) < 2**22
    assert "unpack to 2,147,483,776" in refusal(tmp_path / "x.npz", content)
    with pytest.raises(ValueError, match="unpack to 2,147,483,776"):
        load_arrays(tmp_path / "x.npz")


def test_arrays_larger_than_the_memory_that_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zscape.npz.free_memory", lambda: 1000)
    content = io.BytesIO()
    np.savez(content, images=np.zeros((2, 64, 64), np.uint8))
    assert "8,320 bytes of memory, and 1,000 are free" in refusal(
        tmp_path / "x.npz", content.getvalue()
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("shape", [(10**6, 1000, 1000), (2**62, 2**62, 4), (2**31 - 1,)])
def test_headers_of_arrays_that_claim_terabytes(
    tmp_path: Path, shape: tuple[int, ...], method: int
) -> None:
    path = write_zip(
        tmp_path / "x.npz", {"images.npy": npy(shape, "<f8", bytes(99))}, compression=method
    )
    assert "bytes of values, and 99 are there" in refusal(path, path.read_bytes())
    with pytest.raises(ValueError, match="99 are there"):
        load_arrays(path)


def test_an_npy_header_that_claims_terabytes(tmp_path: Path) -> None:
    refusal(tmp_path / "x.npy", npy((10**6, 1000, 1000), "|u1", bytes(99)))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_arrays_packed_in_ways_that_numpy_does_not_use(tmp_path: Path, method: int) -> None:
    members = {"images.npy": npy((2, 9, 9), "|u1", bytes(162))}
    path = write_zip(tmp_path / "x.npz", members, compression=method)
    assert "not compressed as NumPy does it" in refusal(path, path.read_bytes())


def test_an_idx_file_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    head = struct.pack(">4B3I", 0, 0, 8, 3, 2**15, 256, 256)
    content = gzip.compress(head) + zeros(2**31, 31)
    assert "unpack to 2,147,483,648" in refusal(tmp_path / "x.idx.gz", content)


def test_an_idx_file_that_claims_terabytes(tmp_path: Path) -> None:
    claim = struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**16, 2**16) + bytes(99)
    assert "unpack to 18,446,744,069,414,584,320" in refusal(
        tmp_path / "x.gz", gzip.compress(claim)
    )
    assert "99 are there" in refusal(tmp_path / "x.idx", claim)


def test_parquet_files_that_unpack_to_gigabytes(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    # A dictionary of one picture of 2 MB, which every row has.
    index = pa.array(np.zeros(2000, np.int32))
    column = pa.DictionaryArray.from_arrays(index, pa.array([bytes(2**21)]))
    ballast = pa.array(np.random.default_rng(0).integers(0, 2**62, 2000))
    table = pa.table({"image": column, "other": ballast})
    pq.write_table(table, tmp_path / "x.parquet", compression="zstd", store_schema=False)
    before = pa.total_allocated_bytes()
    message = refusal(tmp_path / "x.parquet", (tmp_path / "x.parquet").read_bytes())
    assert "as those of a trap do" in message
    assert pa.total_allocated_bytes() - before < MAX_BYTES


def test_a_jpeg_2000_header_that_asks_for_more_than_there_is(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (24, 20)).save(picture, "JPEG2000")
    content = bytearray(picture.getvalue())
    at = content.index(b"jp2h") - 4
    content[at : at + 4] = struct.pack(">I", 2**32 - 100)
    (tmp_path / "in").mkdir()
    assert "MemoryError" not in refusal_of_folder(tmp_path / "in", bytes(content))


def refusal_of_folder(folder: Path, content: bytes) -> str:
    (folder / "x.jp2").write_bytes(content)
    with pytest.raises(DataError) as refused:
        load_images(folder, pictures=PictureConfig(size=Size(8, 8)))
    return str(refused.value)


def test_links_that_leave(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    Image.new("L", (9, 9)).save(secret)
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("L", (9, 9)).save(folder / "own.png")
    (folder / "out.png").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    found = load_images(folder, pictures=PictureConfig(size=Size(8, 8)))
    assert len(found) == 1
    assert [item.reason for item in found.skipped] == [
        "a symbolic link that leaves the folder",
        "a symbolic link that leaves the folder",
    ]
    members = {"../up.png": secret.read_bytes(), "/root.png": secret.read_bytes()}
    for path in (write_zip(tmp_path / "x.zip", members), write_tar(tmp_path / "x.tar", members)):
        with pytest.raises(DataError, match="its name leads out of the archive"):
            load_images(path)


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGB", "RGBA", "I;16", "F"])
def test_huge_pictures_are_read_like_smaller_ones(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    y, x = np.mgrid[:200, :240]
    picture = Image.fromarray(np.uint8(x // 2 + y // 3))
    deep = mode in ("I;16", "F")
    picture = Image.fromarray(np.uint16(x * 50 + y)) if deep else picture.convert(mode)
    content = io.BytesIO()
    (picture.convert("F") if mode == "F" else picture).save(content, "TIFF" if deep else "PNG")
    how, white = Rendering("crop"), White(16383)
    whole, _ = decode_picture(content, (16, 16, 3), how, white=white)
    monkeypatch.setattr("zscape.data.pictures._LARGE", 100)
    made_smaller, _ = decode_picture(content, (16, 16, 3), how, white=white)
    assert made_smaller.shape == whole.shape
    assert np.abs(made_smaller.astype(int) - whole).max() <= 2


@pytest.mark.parametrize(
    ("mode", "side", "reason"),
    [("L", 11_500, ""), ("RGB", 8192, ""), ("RGB", 8193, "67,108,864"), ("L", 11_600, "134,217")],
)
def test_how_large_pictures_may_be(mode: str, side: int, reason: str) -> None:
    chunk = struct.pack(">II5B", side, side, 8, {"L": 0, "RGB": 2}[mode], 0, 0, 0)
    ihdr = b"IHDR" + chunk
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + struct.pack(">I", crc32(ihdr))
    content += struct.pack(">I", 4) + b"IDAT" + bytes(8)
    with quiet_pillow(), pytest.raises(UnreadablePictureError) as refused:
        load_upright(io.BytesIO(content), at_least=(16, 16))
    assert ("pixels" in refused.value.reason) == bool(reason)
    assert reason in refused.value.reason
