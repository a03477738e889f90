"""Zip files: read like the folder that unpacking them gives; what is hostile is left out."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.archives import encoded, read, values, write_tar, write_zip
from zscape.data.sources import resolve
from zscape.data.sources.archive import MAX_PICTURE_BYTES
from zscape.data.sources.zip import Zip
from zscape.errors import DataError

CLASSES = {
    f"{name}/{i}.png": encoded(10 * k + i)
    for k, name in enumerate(("cat", "dog"))
    for i in range(3)
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("top", ["", "archive/", "Users/me/archive/"])
def test_a_zip_file_is_read_like_the_folder_it_unpacks_to(
    tmp_path: Path, compression: int, top: str
) -> None:
    members = {f"{top}{name}": content for name, content in reversed(CLASSES.items())}
    members |= {f"__MACOSX/{top}cat/._1.png": b"x", f"{top}.DS_Store": b"x"}
    images = read(write_zip(tmp_path / "x.zip", members, compression=compression))
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        archive.extractall(tmp_path / "x")
    folder = read(tmp_path / "x" / top)
    for found in (images, folder):
        assert values(found) == [0, 1, 2, 10, 11, 12]
        assert found.class_names == ("cat", "dog")
        assert found.labels is not None
        assert found.labels.tolist() == [0, 0, 0, 1, 1, 1]
        assert found.names is not None
        assert found.names.tolist() == list(CLASSES)
        assert found.skipped == ()
    assert images.fingerprint == folder.fingerprint


def test_a_zip_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "download", CLASSES)
    assert isinstance(resolve(path), Zip)
    np.savez(tmp_path / "arrays.npz", images=np.zeros((3, 8, 8), np.uint8))
    (tmp_path / "arrays.npz").rename(tmp_path / "arrays.zip")
    assert len(read(tmp_path / "arrays.zip")) == 3


def test_zip_files_in_a_folder_are_read_as_one(tmp_path: Path) -> None:
    for number in (1, 2):
        write_zip(tmp_path / "root" / f"photos-{number}.zip", {"a.png": encoded(number)})
    images = read(tmp_path / "root")
    assert values(images) == [1, 2]
    assert images.names is not None
    assert images.names.tolist() == ["photos-1.zip/a.png", "photos-2.zip/a.png"]


def test_names_of_windows_and_a_name_that_comes_twice(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat\\a.png", encoded(1))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("cat\\a.png", encoded(2))
    images = read(path)
    assert values(images) == [2]
    assert images.names is not None
    assert images.names.tolist() == ["a.png"]


def test_a_table_in_the_zip_file_has_the_labels(tmp_path: Path) -> None:
    members = {f"x/train/{name}.png": encoded(i) for i, name in enumerate("abcd")}
    members["x/labels.csv"] = b"id,breed\na,pug\nb,husky\nd,pug\n"
    images = read(write_zip(tmp_path / "x.zip", members))
    assert images.class_names == ("husky", "pug")
    assert images.labels is not None
    assert images.labels.tolist() == [1, 0, -1, 1]
    assert images.skipped == ()


# --- what is left out ---


def changed(path: Path, marker: bytes, offset: int, content: bytes) -> Path:
    """Write into the header of the only member: `PK12` its own, `PK34` that at its place."""
    data = bytearray(path.read_bytes())
    start = data.rindex(marker) + offset
    data[start : start + len(content)] = content
    path.write_bytes(data)
    return path


CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


@pytest.mark.parametrize(
    ("marker", "offset", "content", "reason"),
    [
        (CENTRAL, 8, b"\x01\0", "it is encrypted; unpack the archive with its password, then"),
        (CENTRAL, 10, b"\x0c\0", "it is not compressed by Deflate; unpack the archive"),
        (CENTRAL, 16, b"\1\2\3\4", "the archive is damaged there: the checksum differs"),
        (CENTRAL, 20, struct.pack("<I", 2**31), "it claims 2,147,483,648 bytes of an archive of"),
        (CENTRAL, 24, struct.pack("<I", 2**31), "it has 2,147,483,648 bytes unpacked; at most 536"),
        (CENTRAL, 24, struct.pack("<I", 20), "it unpacks to more than the 20 bytes it declares"),
        (CENTRAL, 24, struct.pack("<I", 9999), "the archive is damaged there: the checksum"),
        (CENTRAL, 40, struct.pack("<I", 0xA1FF), "a symbolic link"),
        (CENTRAL, 46, b"../b.png", "its name leads out of the archive"),
        (CENTRAL, 46, b"/etc.png", "its name leads out of the archive"),
        (CENTRAL, 46, b"c:\\b.png", "its name leads out of the archive"),
        (LOCAL, 0, b"PK", "PK"),
        (LOCAL, 0, b"xx", "the archive is damaged there"),
        (LOCAL, 34 + 4, b"\xff" * 8, "invalid"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_left_out_with_the_reason(
    tmp_path: Path, marker: bytes, offset: int, content: bytes, reason: str
) -> None:
    path = write_zip(tmp_path / "x.zip", {"good.png": encoded(7), "last.png": encoded(9)})
    changed(path, marker, offset, content)
    if reason == "PK":
        assert values(read(path)) == [7, 9]
        return
    images = read(path)
    assert values(images) == [7]
    assert len(images.skipped) == 1
    assert reason in images.skipped[0].reason


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"a.png": encoded(7), "z.png": bytes(2**26)})
    changed(path, CENTRAL, 24, struct.pack("<I", 1000))  # 64 MB, and it declares 1,000 bytes
    tracemalloc.start()
    images = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23
    assert images.skipped[0].reason == "it unpacks to more than the 1,000 bytes it declares"
    changed(path, CENTRAL, 24, struct.pack("<I", MAX_PICTURE_BYTES + 1))
    assert "at most 536,870,912" in read(path).skipped[0].reason


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, "has no pictures; expected PNG, JPEG"),
        ({"a.txt": b""}, "has no pictures; it has 1 other files, the first: no picture by the end"),
        ({"a.heic": b""}, "the first: HEIC is not read; save it as JPEG, for example: magick"),
        ({"a.csv": b"label,pixel0"}, "has no pictures but a.csv; unpack it and name that file"),
    ],
)
def test_zip_files_without_pictures(tmp_path: Path, members: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        read(write_zip(tmp_path / "x.zip", members))


def test_damaged_and_mixed_archives(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"no archive" * 100)
    with pytest.raises(DataError, match=r"x\.zip cannot be read as a zip file \(File is not a zip"):
        read(tmp_path / "x.zip")
    write_tar(tmp_path / "x.tar", CLASSES)
    with pytest.raises(DataError, match="has zip and tar files; name one"):
        read(tmp_path)
