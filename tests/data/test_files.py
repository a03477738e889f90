"""Files of images: every format comes back as it was, every damage is said in one line."""

from __future__ import annotations

import gzip
import io
import itertools
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zscape.data.load import load_images
from zscape.data.sources.array_file import read_arrays
from zscape.errors import DataError

IDX_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 6, 5), dtype=np.uint8)


def idx_bytes(array: np.ndarray) -> bytes:
    code = IDX_CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npz_bytes(compressed: bool = True, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    save: Callable[..., None] = np.savez_compressed if compressed else np.savez
    save(buffer, **arrays)
    return buffer.getvalue()


def npy_with_header(header: str, content: bytes = b"x" * 64) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + content


WRITERS: dict[str, Callable[[np.ndarray], bytes]] = {
    ".idx": idx_bytes,
    ".idx.gz": lambda array: gzip.compress(idx_bytes(array), mtime=0),
    ".npy": npy_bytes,
    ".npz": lambda array: npz_bytes(images=array),
}


def message_of(path: Path) -> str:
    """Check that reading `path` as images fails in one line of a fair length; return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError) as caught:
            load_images(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    assert message.endswith(".")
    return message


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


shapes = hnp.array_shapes(min_dims=1, max_dims=5, max_side=5)
arrays = st.sampled_from(list(IDX_CODES)).flatmap(lambda dtype: hnp.arrays(dtype, shapes))


@pytest.mark.parametrize("suffix", list(WRITERS))
@given(array=arrays)
@settings(max_examples=40)
def test_an_array_comes_back_as_it_was(folder: Path, suffix: str, array: np.ndarray) -> None:
    path = folder / f"trip{suffix}"
    path.write_bytes(WRITERS[suffix](array))
    images, labels = read_arrays(path)[:2]
    assert labels is None
    assert images.dtype == array.dtype
    np.testing.assert_array_equal(images, array)


@pytest.mark.parametrize("dtype", [">u2", "?", "<f2", ">f8"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_numpy_files_keep_types_that_idx_lacks(tmp_path: Path, suffix: str, dtype: str) -> None:
    path = tmp_path / f"images{suffix}"
    array = (PIXELS > 99).astype(dtype)
    path.write_bytes(WRITERS[suffix](np.asfortranarray(array)))
    images, _ = read_arrays(path)[:2]
    assert images.dtype == array.dtype
    np.testing.assert_array_equal(images, array)


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_the_content_tells_the_format_not_the_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "images.dat"
    path.write_bytes(WRITERS[suffix](PIXELS))
    np.testing.assert_array_equal(read_arrays(path)[0], PIXELS)


@pytest.mark.parametrize("compressed", [True, False])
def test_an_npz_may_have_labels(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes(compressed=compressed, images=PIXELS, labels=np.arange(7)))
    images, labels = read_arrays(path)[:2]
    np.testing.assert_array_equal(images, PIXELS)
    np.testing.assert_array_equal(np.asarray(labels), np.arange(7))


@pytest.mark.parametrize(
    ("image_name", "label_name"),
    [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
        ("t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
    ],
)
def test_idx_labels_are_found_beside_the_images(
    tmp_path: Path, image_name: str, label_name: str
) -> None:
    labels = np.arange(7, dtype=np.uint8)
    pack = gzip.compress if image_name.endswith(".gz") else bytes
    (tmp_path / image_name).write_bytes(pack(idx_bytes(PIXELS)))
    assert read_arrays(tmp_path / image_name)[1] is None
    (tmp_path / label_name).write_bytes(pack(idx_bytes(labels)))
    np.testing.assert_array_equal(np.asarray(read_arrays(tmp_path / image_name)[1]), labels)


@pytest.mark.parametrize(("image_end", "label_end"), [("", ".gz"), (".gz", "")])
def test_idx_labels_are_found_when_only_one_file_is_packed(
    tmp_path: Path, image_end: str, label_end: str
) -> None:
    pack: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress}
    images, labels = (tmp_path / f"{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
    images = images.with_name(images.name + image_end)
    images.write_bytes(pack[image_end](idx_bytes(PIXELS)))
    labels = labels.with_name(labels.name + label_end)
    labels.write_bytes(pack[label_end](idx_bytes(np.arange(7, dtype=np.uint8))))
    assert np.asarray(read_arrays(images)[1]).tolist() == list(range(7))


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b damaged", idx_bytes(np.arange(7.0))[:-1]])
def test_a_damaged_file_of_labels_is_the_one_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "images-idx3-ubyte"
    path.write_bytes(idx_bytes(PIXELS))
    (tmp_path / "labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=r"labels-idx1-ubyte (is|cannot)") as caught:
        read_arrays(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    assert "does not exist; expected a .npz" in message_of(tmp_path / "none.npz")


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"")
    assert "is empty; expected a .npz" in message_of(path)


def test_a_folder(tmp_path: Path) -> None:
    assert "has no pictures; expected PNG" in message_of(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.idx"
    path.write_bytes(idx_bytes(PIXELS))
    monkeypatch.setattr(Path, "open", refuse)  # an administrator may read whatever the mode
    assert "may not be read; change its permissions" in message_of(path)


@pytest.mark.parametrize(
    "content", [b"PK", b"PK is no archive", b"\x89PNG\r\n\x1a\n", b"1,2,3\n", b"\0", b"\0" * 99]
)
def test_another_kind_of_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    assert "unknown kind; expected a .npz" in message_of(path)


def test_an_npz_without_images_says_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    arrays: dict[str, Any] = {"pictures": PIXELS, "line\nbreak": PIXELS}
    path.write_bytes(npz_bytes(**arrays))
    assert r"x_train and x_test, it has 'pictures', 'line\nbreak'; rename" in message_of(path)


def test_an_archive_without_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes())
    assert "it has nothing" in message_of(path)


@pytest.mark.parametrize("name", ["images.npy", "images"])
def test_a_member_that_is_no_array(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"some words")
    message_of(path)


class Trap:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (str(self.path), "w")


@pytest.mark.parametrize("where", ["images", "labels", "npy"])
def test_pickled_objects_are_never_loaded(tmp_path: Path, where: str) -> None:
    trap = np.array([Trap(tmp_path / "sprung")] * 7, dtype=object)
    members: dict[str, Any] = {"images": PIXELS, "labels": np.arange(7), where: trap}
    path = tmp_path / "a.bin"
    path.write_bytes(npy_bytes(trap) if where == "npy" else npz_bytes(**members))
    assert "pickled Python objects, which are never loaded" in message_of(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_a_file_cut_off_anywhere(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    whole = WRITERS[suffix](PIXELS)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        message = message_of(path)
        if suffix == ".idx" and length >= 16:
            assert f"announces {PIXELS.size} bytes and {length - 16} are there" in message


def test_an_idx_file_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.idx"
    path.write_bytes(idx_bytes(PIXELS) + b"\0")
    assert "goes on after the 210 bytes" in message_of(path)


@pytest.mark.parametrize("content", [b"", b"\0", b"words, not numbers", npy_bytes(PIXELS)])
def test_a_gzip_file_of_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content))
    assert "gzip file without an idx file in it; expected a .npz" in message_of(path)


def test_a_gzip_file_with_a_wrong_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.idx.gz"
    content = bytearray(gzip.compress(idx_bytes(PIXELS)))
    content[-8] ^= 1
    path.write_bytes(content)
    assert "cannot be read (CRC check failed" in message_of(path)


@pytest.mark.parametrize("compressed", [True, False])
def test_an_npz_with_a_changed_pixel(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.npz"
    content = bytearray(npz_bytes(compressed=compressed, images=PIXELS))
    content[250] ^= 1  # in the values of the only member
    path.write_bytes(content)
    assert "cannot be read (" in message_of(path)


HUGE = 2**32 - 1


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">4B3I", 0, 0, 0x08, 3, HUGE, HUGE, HUGE),
        struct.pack(">4B3I", 0, 0, 0x0E, 3, 60_000, 28_000, 28_000) + b"x" * 1000,
        gzip.compress(struct.pack(">4B3I", 0, 0, 0x08, 3, HUGE, 28, 28) + b"x" * 1000, mtime=0),
        npz_bytes(False, images=np.zeros((2, 2, 2))).replace(b"(2, 2, 2)", b"(9, 9, 9)"),
        *(
            npy_with_header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}")
            for shape in (
                "(60000, 28000, 28000)",
                "(9223372036854775807, 28, 28)",
                "(99999999999999999999999, 28, 28)",
                "(-1, 28, 28)",
            )
        ),
    ],
    ids=itertools.count(),  # bytes would be the names, and the time of day is in some of them
)
def test_a_header_that_claims_too_much_takes_no_memory(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    tracemalloc.start()
    message_of(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40e6  # one part that is read at a time


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    "shape",
    ["(1000000, 28, 28)", "(60000, 28000, 28000)", f"({2**63 - 1}, 28, 28)", f"({10**23}, 2, 2)"],
)
def test_an_npz_that_claims_more_than_it_holds(tmp_path: Path, shape: str, packing: int) -> None:
    path = tmp_path / "a.npz"
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("images.npy", npy_with_header(header))
    assert "cannot be read (" in message_of(path)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "(((((",
        "'''",
        "{[]: 1}",
        "{1: 2, 'a': 3}",
        "{'descr': 5, 'fortran_order': False, 'shape': (2, 4, 8)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (True, 8, 8)}",
        "{'descr': '|u1', 'fortran_order': 1, 'shape': (1, 8, 8)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': 'abc'}",
        "{'descr': '|S0', 'fortran_order': False, 'shape': (2, 4, 8)}",
        "x" * 20_000,
    ],
)
def test_a_npy_header_that_makes_no_sense(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy_with_header(header))
    assert len(message_of(path)) < len(str(path)) + 300


def test_a_npy_file_of_python_2_is_read_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(
        npy_with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 4L, 8L), }")
    )
    images, _ = read_arrays(path)[:2]
    assert images.shape == (2, 4, 8)


@given(content=st.binary(max_size=200), start=st.sampled_from(list(WRITERS)))
@example(content=b"\x1f\x8b", start=".idx")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_read_or_refused(folder: Path, content: bytes, start: str) -> None:
    path = folder / "random.bin"
    path.write_bytes(WRITERS[start](PIXELS)[:6] + content)
    with pytest.raises(DataError) as caught:
        load_images(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_changed_bytes_are_read_or_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    whole = WRITERS[suffix](PIXELS)
    rng = np.random.default_rng(1)
    n_refused = 0
    for _ in range(200):
        changed = bytearray(whole)
        for position in rng.integers(0, min(len(whole), 300), size=rng.integers(1, 4)):
            changed[position] = rng.integers(256)
        path.write_bytes(changed)
        try:
            images = load_images(path)
        except DataError:
            n_refused += 1
        else:
            assert images.images.ndim == 4
    assert n_refused > 5
