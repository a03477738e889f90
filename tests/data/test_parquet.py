"""Parquet files as Hugging Face keeps data sets, alone and in folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.archives import encoded, read, values
from zscape.data.sources import PictureSource, resolve
from zscape.errors import DataError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))


def write(path: Path, numbers: list[int], image: str = "image", **columns: Any) -> Path:
    """Write pictures of the given values as records, with other columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    records = [{"bytes": encoded(value), "path": f"{value}.png"} for value in numbers]
    names = {"label": {"names": ["cat", "dog"]}, "fine_label": {"names": ["ant", "bee"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": names}})}
    table = pa.table({**columns, image: records}).replace_schema_metadata(metadata)
    pq.write_table(table, path, row_group_size=2)
    return path


def listed(path: Path) -> Any:
    source = resolve(path)
    assert isinstance(source, PictureSource)
    return source.list_pictures()


@pytest.mark.parametrize(
    ("columns", "labels", "class_names"),
    [
        ({"label": [1, 0, 1]}, [1, 0, 1], ("cat", "dog")),
        ({"label": [1, None, -1]}, [1, -1, -1], ("cat", "dog")),
        ({"label": [1, 0, 5]}, [1, 0, 5], None),
        ({"labels": ["pug", None, "ant"]}, [1, -1, 0], ("ant", "pug")),
        ({"coarse_label": [7, 8, 9], "fine_label": [0, 1, 0]}, [0, 1, 0], ("ant", "bee")),
        ({"class": [True, False, True]}, [1, 0, 1], None),
    ],
)
def test_labels(
    tmp_path: Path, columns: dict[str, Any], labels: list[int], class_names: tuple[str, ...] | None
) -> None:
    images = read(write(tmp_path / "x.parquet", [5, 3, 9], image="img", **columns))
    assert values(images) == [5, 3, 9]
    assert images.names is not None
    assert images.names.tolist() == ["5.png", "3.png", "9.png"]
    assert images.labels is not None
    assert images.labels.tolist() == labels
    assert images.class_names == class_names


def test_what_is_chosen_or_not_read_is_said(tmp_path: Path) -> None:
    both = write(tmp_path / "a.parquet", [1, 2], coarse_label=[0, 1], fine_label=[0, 1])
    assert listed(both).notes == (
        "the labels are those of the column fine_label, not coarse_label.",
    )
    lists = write(tmp_path / "b.parquet", [1, 2], labels=[[0, 1], [1]])
    assert listed(lists).labels is None
    assert listed(lists).notes[0].startswith("the column labels is not read: list<")


@pytest.mark.parametrize("folder", ["", "data/", "default/"])
def test_the_splits_of_a_folder(tmp_path: Path, folder: str) -> None:
    root = tmp_path / "digits"
    write(root / f"{folder}test-00000-of-00001.parquet", [9, 8], label=[0, 0])
    write(root / f"{folder}train-00000-of-00002.parquet", [1, 2, 3], label=[0, 1, 0])
    write(root / f"{folder}train-00001-of-00002.parquet", [4], label=[1])
    write(root / f"{folder}validation-00000-of-00001.parquet", [5], label=[1])
    (root / "assets").mkdir()
    (root / "assets" / "logo.png").write_bytes(encoded(0))
    if not folder:
        (root / "assets" / "logo.png").unlink()
    images, pictures = read(root), listed(root)
    assert values(images) == [9, 8, 1, 2, 3, 4, 5]
    assert images.labels is not None
    assert images.labels.tolist() == [0, 0, 0, 1, 0, 1, 1]
    assert pictures.splits == ["test"] * 2 + ["train"] * 4 + ["validation"]
    assert pictures.notes == ()


def test_folders_of_splits_and_of_configurations(tmp_path: Path) -> None:
    for config in ("small", "large"):
        write(tmp_path / "x" / config / "train" / "0000.parquet", [1, 2], label=[0, 1])
        write(tmp_path / "x" / config / "test" / "0000.parquet", [3], label=[0])
        write(tmp_path / "x" / config / "extra" / "0000.parquet", [4], label=[0])
    with pytest.raises(DataError, match=r"of 4 configurations: large, large/extra, small"):
        read(tmp_path / "x")
    for config in ("small", "large"):
        (tmp_path / "x" / config / "extra").rename(tmp_path / "x" / config / "train" / "old")
        (tmp_path / "x" / config / "train" / "old" / "0000.parquet").unlink()
    with pytest.raises(DataError, match=r"of 2 configurations: large, small; name the folder"):
        read(tmp_path / "x")
    pictures = listed(tmp_path / "x" / "small")
    assert pictures.splits == ["test", "train", "train"]


def test_a_file_of_no_split_is_named(tmp_path: Path) -> None:
    for name, value in {"train-0": 1, "test-0": 2, "extra-0": 3}.items():
        write(tmp_path / "x" / f"{name}.parquet", [value])
    pictures = listed(tmp_path / "x")
    assert pictures.splits == ["train", "test", "train"]
    assert pictures.notes == ("extra-0.parquet: of no split by the name, read as train.",)


def test_a_shard_without_the_column_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x" / "a-0.parquet", [1])
    write(tmp_path / "x" / "a-1.parquet", [2], image="photo")
    with pytest.raises(
        DataError,
        match=r"a-1\.parquet has no column image of encoded pictures; its columns are photo",
    ):
        read(tmp_path / "x")


def test_a_damaged_page_spoils_its_pictures_only(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", [1, 2, 3, 4])
    content = bytearray(path.read_bytes())
    content[4:24] = b"\xff" * 20  # the header of the first page
    path.write_bytes(content)
    images = read(path)
    assert values(images) == [3, 4]
    assert len(images.skipped) == 2
