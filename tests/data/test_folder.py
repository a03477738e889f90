"""Folders of pictures: what is read, what is left out and why, and the cache of decoded ones."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.archives import write_tar
from zscape.data.decode import decode_picture
from zscape.data.images import Images, StoredImages
from zscape.data.load import load_dataset, load_images
from zscape.data.pictures import KINDS
from zscape.data.sources.folder import picture_files
from zscape.errors import ConfigError, DataError
from zscape.settings import PictureConfig

SMALL = PictureConfig(size=8)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def draw(path: Path, value: int | tuple[int, ...] = 100, size: tuple[int, int] = (12, 9)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = "L" if isinstance(value, int) else "RGB"
    Image.new(mode, size, value).save(path)
    return path


def read(root: Path, pictures: PictureConfig = SMALL, **more: Any) -> Images:
    return load_images(root, pictures=pictures, **more)


def test_every_kind_of_picture_in_every_folder_is_read(root: Path) -> None:
    kinds = ("png", "jpg", "JPEG", "webp", "bmp", "gif", "tif", "tiff")
    for number, kind in enumerate(kinds):
        draw(root / ("a" * (number % 3 + 1)) / f"x.{kind}", (200, 0, 0))
    images = read(root)
    assert images.images.shape == (8, 8, 8, 3)
    assert images.images.dtype == np.uint8
    np.testing.assert_allclose(images.images[:], np.broadcast_to((200, 0, 0), (8, 8, 8, 3)), atol=6)
    assert images.names is not None
    assert sorted(images.names) == list(images.names)
    assert images.skipped == ()


@pytest.mark.parametrize(("color", "channels"), [("auto", 1), ("gray", 1), ("rgb", 3)])
def test_gray_pictures(root: Path, color: Any, channels: int) -> None:
    draw(root / "a.png")
    draw(root / "b.jpg", (50, 50, 50))  # gray in fact
    assert read(root, PictureConfig(size=8, color=color)).image_shape == (8, 8, channels)


def test_one_coloured_picture_makes_all_coloured(root: Path) -> None:
    draw(root / "a.png")
    draw(root / "b.png", (250, 50, 50))
    images = read(root)
    assert images.image_shape == (8, 8, 3)
    np.testing.assert_array_equal(images.images[0], np.full((8, 8, 3), 100))


def test_fit(root: Path) -> None:
    pixels = np.zeros((10, 30), np.uint8)
    pixels[:, 10:20] = 200
    Image.fromarray(pixels).save(root / "wide.png")
    cropped, padded, stretched = (
        read(root, PictureConfig(size=12, fit=fit)).images[0][..., 0]
        for fit in ("crop", "pad", "stretch")
    )
    assert cropped.mean() > 190
    assert (padded[:4] == 255).all()
    assert (padded[-4:] == 255).all()
    assert padded[5].max() < 230
    assert stretched[:, :3].max() < 30
    assert stretched[:, 5:7].min() > 170


def test_subfolders_are_classes_when_they_look_like_it(root: Path) -> None:
    for name in ("cat", "dog"):
        for number in range(3):
            draw(root / name / f"deep{number}" / "x.png")
    images = read(root)
    assert images.class_names == ("cat", "dog")
    assert images.labels is not None
    assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.shown_labels is not None
    assert images.take(slice(2, 4)).shown_labels.tolist() == ["cat", "dog"]  # type: ignore[union-attr]
    draw(root / "loose.png")
    assert read(root).labels is None


@pytest.mark.parametrize("names", [["train", "test"], ["only"], ["a", "b", "c", "d"]])
def test_subfolders_that_are_no_classes(root: Path, names: list[str]) -> None:
    for name in names:
        draw(root / name / "x.png")
    assert read(root).class_names is None


def test_a_second_look_decodes_nothing_and_a_change_decodes_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(root / "a.png", 10)
    (root / "b.png").write_text("no picture")
    decoded: list[str] = []

    def counting(path: Path, *arguments: Any) -> Any:
        decoded.append(path.name)
        return decode_picture(path, *arguments)

    monkeypatch.setattr("zscape.data.picture_cache.decode_picture", counting)
    first = read(root)
    assert sorted(decoded) == ["a.png", "b.png"]
    again = read(root)
    assert len(decoded) == 2
    np.testing.assert_array_equal(first.images[:], again.images[:])
    assert again.skipped == first.skipped
    assert read(root, image_shape=(4, 6, 1)).image_shape == (4, 6, 1)
    assert len(decoded) == 4
    draw(root / "a.png", 90)
    os.utime(root / "a.png", ns=(1, 1))
    assert read(root).images[0].max() == 90
    assert len(decoded) == 6


def test_a_decoding_that_fails_leaves_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(root / "a.png")

    def fail(*_: Any) -> np.ndarray:
        raise KeyboardInterrupt

    monkeypatch.setattr("zscape.data.picture_cache.decode_picture", fail)
    with pytest.raises(KeyboardInterrupt):
        read(root)
    assert list((tmp_path / "cache" / "pictures").iterdir()) == []


# --- what is left out ---


def bomb(width: int, height: int) -> bytes:
    """Return a PNG file whose header announces a huge picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )  # fmt: skip

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def test_broken_and_odd_files_are_left_out_with_a_reason(root: Path, tmp_path: Path) -> None:
    whole = draw(root / "good.png").read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    content = (tmp_path / "noise.png").read_bytes()
    for name, damaged in {
        "empty.png": b"", "cut.png": content[: len(content) // 2], "text.jpg": b"hello",
        "bomb.png": bomb(60_000, 60_000), "large.png": bomb(12_000, 12_000),
    }.items():  # fmt: skip
        (root / name).write_bytes(damaged)
    (root / "wrong.jpg").write_bytes(whole)  # a PNG by another name is read
    (root / "notes.txt").write_text("mine")
    (root / ".hidden.png").write_text("passed over")
    outside = draw(tmp_path / "elsewhere" / "x.png")
    (root / "link.png").symlink_to(outside)
    (root / "way").symlink_to(outside.parent)
    (root / "inside.png").symlink_to(root / "good.png")
    (root / "nowhere.png").symlink_to(root / "gone.png")
    (root / "circle").symlink_to(root)
    images = read(root)
    assert images.names is not None
    assert images.names.tolist() == ["good.png", "inside.png", "wrong.jpg"]
    reasons = {item.path: item.reason for item in images.skipped}
    assert reasons.pop("cut.png").startswith("image file is truncated")
    assert "134,217,728" in reasons.pop("bomb.png")
    assert "12,000 x 12,000 pixels" in reasons.pop("large.png")
    assert reasons == {
        "empty.png": "it is empty",
        "text.jpg": f"its content is not {KINDS}",
        "notes.txt": "no picture by the ending of its name",
        "link.png": "a symbolic link that leaves the folder",
        "way": "a symbolic link that leaves the folder",
        "nowhere.png": "a symbolic link to nothing",
    }
    found, _ = picture_files(root, follow_links=True)
    assert {"link.png", "way/x.png"} <= set(found)
    assert not [name for name in found if name.startswith("circle")]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "has no pictures; expected PNG, JPEG"),
        (["a.txt"], "has no pictures; it has 1 other files"),
        (["a.png"], "none of the 1 pictures in"),
    ],
)
def test_folders_without_pictures(root: Path, names: list[str], expected: str) -> None:
    for name in names:
        (root / name).write_text("no picture")
    with pytest.raises(DataError, match=expected):
        read(root)


def test_too_few_pictures(root: Path) -> None:
    for number in range(15):
        draw(root / f"{number}.png")
    with pytest.raises(DataError, match=r"root gives 15 images; .* at least 20"):
        load_dataset(root, seed=0, pictures=SMALL)
    for number in range(10):
        (root / f"broken{number}.png").write_text("no picture")
    with pytest.raises(
        DataError, match=r"\(10 files were left out; .*: .*\) gives 15 images; .* at"
    ):
        load_dataset(root, seed=0, pictures=SMALL)


@pytest.mark.parametrize(
    "options", [{"size": 7}, {"size": 5000}, {"size": 8.5}, {"color": "red"}, {"fit": "best"},
                {"follow_links": "yes"}],
)  # fmt: skip
def test_settings_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        PictureConfig.from_dict(options)


# --- images on disk ---


def test_a_split_of_a_folder_stays_on_disk(root: Path) -> None:
    for number in range(40):
        draw(root / f"{number:02d}.png", number)
    dataset = load_dataset(root, seed=0, pictures=SMALL)
    parts = (dataset.train, dataset.validation, dataset.test)
    assert all(isinstance(part.images, StoredImages) for part in parts)
    seen = [int(image[0, 0, 0]) for part in parts for image in part.images[:]]
    assert sorted(seen) == list(range(40))
    for part in parts:
        assert part.names is not None
        assert [int(name[:2]) for name in part.names] == part.images[:, 0, 0, 0].tolist()
    in_memory = load_dataset(Images(np.asarray(read(root).images), None, "array"), seed=0)
    np.testing.assert_array_equal(in_memory.train.images, dataset.train.images[:])


def test_the_fingerprint_of_a_folder_is_that_of_its_names_and_sizes(
    root: Path, tmp_path: Path
) -> None:
    for number in range(30):
        draw(root / f"{number:02d}.png", number)
    before = load_dataset(root, seed=0, pictures=SMALL).fingerprint
    copy = Path(shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copy))
    assert load_dataset(copy, seed=0, pictures=SMALL).fingerprint == before
    draw(copy / "07.png", 7, size=(200, 90))
    assert load_dataset(copy, seed=0, pictures=SMALL).fingerprint != before


def test_stored_images_are_read_like_an_array(root: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (9, 2, 3, 1), dtype=np.uint8)
    rows = np.array([7, 2, 2, 5])
    for number, image in enumerate(array):
        Image.fromarray(image[..., 0]).save(root / f"{number}.png")
    whole = read(root, image_shape=(2, 3, 1)).images
    assert isinstance(whole, StoredImages)
    stored, expected = whole.take(rows), array[rows]
    assert (stored.shape, stored.size, stored.nbytes) == (expected.shape, 24, 24)
    for index in (0, -1, slice(1, 3), np.array([3, 0]), slice(None)):
        np.testing.assert_array_equal(stored[index], expected[index])
    np.testing.assert_array_equal(np.asarray(stored), expected)
    np.testing.assert_array_equal(stored.take(np.array([3, 1]))[:], expected[[3, 1]])
    assert not np.shares_memory(stored[0], array)


# --- tar shards and Parquet ---


def encoded(value: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (9, 9), value).save(content, "png")
    return content.getvalue()


def test_tar_shards(root: Path) -> None:
    for shard in (0, 1):
        members: dict[str, bytes] = {}
        for number in range(3):
            members[f"{number}.png"] = encoded(100 * shard + number)
            members[f"{number}.cls"] = b"%d" % (number % 2)
        write_tar(root / f"{shard}.tar", members)
    images = read(root)
    assert images.images[:, 0, 0, 0].tolist() == [0, 1, 2, 100, 101, 102]
    assert images.labels is not None
    assert images.labels.tolist() == [0, 1, 0, 0, 1, 0]
    assert images.class_names is None
    assert images.names is not None
    assert images.names[3] == "1.tar/0.png"
    assert len(read(root / "1.tar")) == 3


def test_tar_with_named_classes_and_a_broken_picture(root: Path) -> None:
    members = {"a.png": encoded(1), "a.cls": b"cat", "b.png": b"no picture", "b.cls": b"dog",
               "c.png": encoded(3), "c.cls": b"ant", "c.exe": b"odd"}  # fmt: skip
    images = read(write_tar(root / "x.tar", members))
    assert images.shown_labels is not None
    assert images.shown_labels.tolist() == ["cat", "ant"]
    assert [item.path for item in images.skipped] == ["x.tar/b.png", "x.tar/c.exe"]


def write_parquet(path: Path, columns: dict[str, Any], metadata: dict[str, str]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(columns).replace_schema_metadata(metadata)
    pq.write_table(table, path, row_group_size=4)
    return path


@pytest.mark.parametrize("as_records", [True, False])
def test_parquet(root: Path, as_records: bool) -> None:
    contents = [encoded(value) for value in range(10)]
    column = [{"bytes": content, "path": None} for content in contents] if as_records else contents
    features = {"info": {"features": {"label": {"names": ["even", "odd"]}}}}
    path = write_parquet(
        root / "x.parquet",
        {"label": [value % 2 for value in range(10)], "image": column},
        {"huggingface": json.dumps(features)},
    )
    images = read(path)
    assert images.images[:, 0, 0, 0].tolist() == list(range(10))
    assert images.shown_labels is not None
    assert images.shown_labels.tolist() == ["even", "odd"] * 5


def test_archives_that_cannot_be_read(root: Path) -> None:
    (root / "x.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(DataError, match="cannot be read as an uncompressed tar"):
        read(root / "x.tar")
    (root / "x.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(root / "x.parquet")
    with pytest.raises(DataError, match="tar and Parquet files; name one"):
        read(root)
    with pytest.raises(DataError, match="its columns are label"):
        read(write_parquet(root / "x.parquet", {"label": [1]}, {}))
    with pytest.raises(DataError, match="has no pictures"):
        read(write_tar(root / "x.tar", {"a.txt": b""}))
