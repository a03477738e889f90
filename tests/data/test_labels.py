"""Tables of labels that lie with pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zscape.data.sources.label_table import labels_beside

NAMES = [f"{i}.png" for i in range(6)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("metadata.csv", ["file_name,label", *(f"{i}.png,{i % 2}" for i in range(6))]),
        ("labels.csv", ["id,breed", *(f"{i},{i % 2}" for i in reversed(range(6)))]),
        ("train.csv", ["image;height;class", *(f"{i}.png;9;{i % 2}.0" for i in range(6))]),
        ("any.tsv", ['"label"\t"path"', *(f'{i % 2}\t"photos/{i}.png"' for i in range(6))]),
        ("any.csv", [f"{i}.png,{i % 2}" for i in range(6)]),  # no header
        ("list.csv", [",file,target", *(f"{i},C:\\data\\{i}.png,{i % 2}" for i in range(6))]),
        ("../labels.csv", ["file,label", *(f"./photos/{i}.png,{i % 2}" for i in range(6))]),
        ("../photos.csv", ["file,kind", *(f"/kaggle/input/{i}.png,{i % 2}" for i in range(6))]),
        ("metadata.jsonl", [json.dumps({"file_name": f"{i}.png", "boxes": [1], "label": i % 2})
                            for i in range(6)]),
    ],
)  # fmt: skip
def test_tables_as_people_keep_them(root: Path, name: str, lines: list[str]) -> None:
    (root / name).write_text("\n".join(lines))
    labels, notes = labels_beside(root, NAMES)
    assert labels == [0, 1, 0, 1, 0, 1]
    assert len(notes) == 1
    assert notes[0].startswith(f"the labels are from {name}, column ")


def test_texts_and_missing_labels(root: Path) -> None:
    (root / "labels.csv").write_text("id,breed\n0,pug\n1,\n2,NaN\n3,husky\n9,husky\n")
    labels, notes = labels_beside(root, NAMES)
    assert labels == ["pug", "", "", "husky", "", ""]
    assert notes == (
        "the labels are from labels.csv, column breed.",
        "4 of 6 pictures have no label there.",
    )
    (root / "labels.csv").write_text("id,label\n0,4\n1,-1\n2,\n3,2\n")
    assert labels_beside(root, NAMES)[0] == [4, -1, -1, 2, -1, -1]


def test_the_tables_of_the_parts_of_a_set(root: Path) -> None:
    names = [f"{part}/{i}.png" for part in ("test", "train") for i in range(2)]
    for part, value in {"test": 5, "train": 7}.items():
        (root / part).mkdir()
        rows = f"file_name,label\n0.png,{value}\n1.png,{value + 1}\n"
        (root / part / "metadata.csv").write_text(rows)
    labels, notes = labels_beside(root, names)
    assert labels == [5, 6, 7, 8]
    assert len(notes) == 2


def test_a_name_that_may_mean_two_pictures_means_none(root: Path) -> None:
    names = ["a/0.png", "b/0.png", "a/1.png", "c/2.png"]
    (root / "labels.csv").write_text("file,label\n0.png,3\n1.png,4\n2,5\n")
    assert labels_beside(root, names)[0] == [-1, -1, 4, 5]


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (["file_name,text", *(f"{i}.png,caption {i}" for i in range(6))],
         "text in x.csv has 6 values for 6 pictures, too many to be classes; no labels are taken"),
        (["file_name,smiling,hat", *(f"{i}.png,1,0" for i in range(6))],
         "x.csv lists the pictures in file_name, but has no column label among file_name, smiling"),
        (["file,label", *(f'{i}.png,"{i}' for i in range(6))],
         "x.csv cannot be read as a table ("),
        (["epoch,rate", *(f"{i},0.1" for i in range(6))], None),
        (["city,people", "Rome,3"], None),
        (["only"], None),
        ([], None),
    ],
)  # fmt: skip
def test_tables_without_labels(root: Path, rows: list[str], note: str | None) -> None:
    (root / "x.csv").write_text("\n".join(rows))
    labels, notes = labels_beside(root, NAMES)
    assert labels is None
    assert [text[: len(note or "")] for text in notes] == ([note] if note else [])


def test_damaged_tables_are_named(root: Path) -> None:
    (root / "a.csv").write_bytes(b"file,label\n0.png,\0\n")
    (root / "b.jsonl").write_text("{}\n[1]\n")
    (root / "c.jsonl").write_text('{"file_name": "0.png", "label": ' + "[" * 50_000)
    labels, notes = labels_beside(root, NAMES)
    assert labels is None
    assert [note.partition(" cannot be read as a table")[0] for note in notes] == [
        "a.csv", "c.jsonl",
    ]  # fmt: skip
