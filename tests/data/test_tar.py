"""Tar files: with class folders, with `.cls` files, damaged, and compressed ones."""

from __future__ import annotations

import gzip
import lzma
import subprocess
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from tests.data.archives import encoded, read, values, write_tar, write_zip
from zscape.data.load import load_dataset
from zscape.errors import DataError
from zscape.run_images import keep_pictures, known_pictures


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("top", ["", "./", "flowers/"])
def test_class_folders(tmp_path: Path, top: str) -> None:
    members = {
        f"{top}{name}/{i}.png": encoded(10 * k + i)
        for k, name in enumerate(("daisy", "rose")) for i in range(3)
    } | {f"{top}daisy/._0.png": b"of a Mac", f"{top}LICENSE.txt": b""}  # fmt: skip
    images = read(write_tar(tmp_path / "x.tar", members))
    assert values(images) == [0, 1, 2, 10, 11, 12]
    assert images.class_names == ("daisy", "rose")
    assert images.labels is not None
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.skipped == ()


def test_shards_of_one_set_are_no_classes(tmp_path: Path) -> None:
    for shard in range(2):
        members = {f"{shard}{i}.png": encoded(i) for i in range(3)}
        write_tar(tmp_path / "root" / f"photos-{shard}.tar", members)
    assert read(tmp_path / "root").labels is None


def test_a_run_keeps_no_list_of_what_is_in_the_archives_of_a_folder(tmp_path: Path) -> None:
    for shard in range(2):
        members = {f"{shard}{i:02d}.png": encoded(i) for i in range(15)}
        write_tar(tmp_path / "root" / f"photos-{shard}.tar", members)
    keep_pictures(tmp_path, load_dataset(tmp_path / "root", seed=0))
    assert known_pictures(tmp_path) is None


def test_a_picture_without_a_cls_file_has_no_label(tmp_path: Path) -> None:
    members = {f"{i}.png": encoded(i) for i in range(4)} | {"1.cls": b"3", "3.cls": b"0\n"}
    images = read(write_tar(tmp_path / "x.tar", members))
    assert images.labels is not None
    assert images.labels.tolist() == [-1, 3, -1, 0]


def test_a_table_in_the_archive_has_the_labels(tmp_path: Path) -> None:
    members = {f"{i}.png": encoded(i) for i in range(4)}
    members["train.csv"] = b"file,label\n0.png,5\n1.png,7\n2.png,5\n3.png,\n"
    images = read(write_tar(tmp_path / "x.tar", members))
    assert images.labels is not None
    assert images.labels.tolist() == [5, 7, 5, -1]


def test_what_is_no_plain_file_is_left_out(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {"a.png": encoded(1), "../b.png": encoded(2)})
    with tarfile.open(path, "a") as archive:
        for name, kind in {"s.png": tarfile.SYMTYPE, "h.png": tarfile.LNKTYPE,
                           "d.png": tarfile.CHRTYPE}.items():  # fmt: skip
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    images = read(path)
    assert values(images) == [1]
    assert {item.path: item.reason for item in images.skipped} == {
        "x.tar/../b.png": "its name leads out of the archive",
        "x.tar/s.png": "a link",
        "x.tar/h.png": "a link",
        "x.tar/d.png": "not an ordinary file",
    }


def test_a_sparse_file_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(1))
    with (tmp_path / "s.png").open("wb") as file:
        file.truncate(2**20)
    subprocess.run(
        ["tar", "--sparse", "--format=gnu", "-cf", "x.tar", "a.png", "s.png"],
        cwd=tmp_path, check=True,
    )  # fmt: skip
    images = read(tmp_path / "x.tar")
    assert values(images) == [1]
    assert images.skipped[0].reason.startswith("a sparse file; unpack the archive")


def claiming(size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    """Return a header that claims a size, and the end of an archive."""
    info = tarfile.TarInfo("huge.png")
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


@pytest.mark.parametrize("size", [2**20, 2**43, 2**60])
@pytest.mark.parametrize(
    "kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE]
)
def test_a_header_that_claims_more_than_there_is_is_refused(
    tmp_path: Path, size: int, kind: bytes
) -> None:
    good = write_tar(tmp_path / "good.tar", {"a.png": encoded(1)}).read_bytes()
    (tmp_path / "x.tar").write_bytes(good[:1024] + claiming(size, kind))
    tracemalloc.start()
    with pytest.raises(DataError, match=r"x\.tar cannot be read as an uncompressed tar file"):
        read(tmp_path / "x.tar")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**23


def test_what_follows_a_damaged_header_is_not_lost_in_silence(tmp_path: Path) -> None:
    content = bytearray(
        write_tar(tmp_path / "x.tar", {f"{i}.png": encoded(i) for i in range(4)}).read_bytes()
    )
    content[2048:2052] = b"\xff\xff\xff\xff"  # the third header
    (tmp_path / "x.tar").write_bytes(content)
    with pytest.raises(DataError, match="the header at 2,048 is damaged"):
        read(tmp_path / "x.tar")


def test_headers_that_nest_without_end(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 0
    (tmp_path / "x.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) * 5000)
    with pytest.raises(DataError, match="cannot be read as an uncompressed tar"):
        read(tmp_path / "x.tar")


@pytest.mark.parametrize("ending", ["tar.gz", "tgz", "tar.xz"])
def test_a_compressed_tar_file_is_refused_with_a_command_that_works(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"my flowers.{ending}"
    plain = write_tar(tmp_path / "x.tar", {f"{number}.png": encoded(number) for number in range(3)})
    pack = lzma.compress if ending.endswith("xz") else gzip.compress
    path.write_bytes(pack(plain.read_bytes()))
    with pytest.raises(DataError) as caught:
        read(path)
    command, rest = str(caught.value).partition("unpack it (")[2].split("), then name ")
    subprocess.run(command, shell=True, check=True)
    assert values(read(Path(rest.partition(", or the")[0]))) == [0, 1, 2]


def test_a_compressed_tar_file_by_the_name_of_a_plain_one(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(DataError, match=r"x\.tar is a compressed archive"):
        read(tmp_path / "x.tar")


def test_other_archives_name_what_unpacks_them(tmp_path: Path) -> None:
    for ending, command in {"7z": "7z x", "rar": "unrar x"}.items():
        path = write_zip(tmp_path / f"x.{ending}", {})
        with pytest.raises(DataError, match=rf"unpack it \({command} .*then name"):
            read(path)
