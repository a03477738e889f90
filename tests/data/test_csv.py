"""CSV files with pixels: every way in which people hand them out gives the same images."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zscape.data.images import as_float
from zscape.data.load import load_images
from zscape.data.sources import resolve
from zscape.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 784), dtype=np.uint8)
PIXELS[:, :30] = 0  # as at the edges of digits
LABELS = np.arange(12) % 5
NAMES = [f"pixel{i}" for i in range(784)]


def text(*rows: Sequence[Any], sep: str = ",") -> str:
    return "\n".join(sep.join(map(str, row)) for row in rows) + "\n"


def labelled(first: bool = True, labels: np.ndarray = LABELS) -> list[list[Any]]:
    pairs = zip(labels.tolist(), PIXELS.tolist(), strict=True)
    return [[label, *row] if first else [*row, label] for label, row in pairs]


FILES: dict[str, Callable[[], str]] = {
    "kaggle": lambda: text(["label", *NAMES], *labelled()),
    "fashion": lambda: text(["label", *(f"pixel{i}" for i in range(1, 785))], *labelled()),
    "grid": lambda: text(
        ["label", *(f"{y}x{x}" for y in range(28) for x in range(28))], *labelled()
    ),
    "no header": lambda: text(*labelled()),
    "no header, label last": lambda: text(*labelled(first=False)),
    "openml": lambda: text([*NAMES, "class"], *labelled(first=False)),
    "semicolons": lambda: text(["label", *NAMES], *labelled(), sep=";"),
    "tabs": lambda: text(["label", *NAMES], *labelled(), sep="\t"),
    "spaces, quotes and CRLF": lambda: text(
        [f'"{name}"' for name in ("label", *NAMES)], *labelled(), sep=" , "
    ).replace("\n", "\r\n"),
    "byte order mark": lambda: "\ufeff" + text(["label", *NAMES], *labelled()),
    "floats": lambda: text(["label", *NAMES], *[[float(v) for v in row] for row in labelled()]),
    "index of pandas": lambda: text(
        ["", "label", *NAMES], *([i, *row] for i, row in enumerate(labelled()))
    ),
    "numbers as names": lambda: text([*range(785)], *labelled()),
    "header made of the first row": lambda: text(
        [0, *(f"0.{i}" for i in range(1, 785))], *labelled()
    ),
    "column of another name": lambda: text(["symbol", *NAMES], *labelled()),
    "pixels in one column": lambda: text(
        ["emotion", "pixels"], *([row[0], " ".join(map(str, row[1:]))] for row in labelled())
    ),
}


def write(tmp_path: Path, content: str, name: str = "digits.csv") -> Path:
    (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path / name


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_table_gives_the_same_images(tmp_path: Path, kind: str) -> None:
    images = load_images(write(tmp_path, FILES[kind]()))
    assert images.images.dtype == np.uint8
    np.testing.assert_array_equal(images.images, PIXELS.reshape(12, 28, 28, 1))
    assert images.labels is not None
    assert images.labels.tolist() == LABELS.tolist()
    assert images.class_names is None
    guesses = ("no header", "numbers as names", "column of another", "header made")
    assert bool(images.notes) == kind.startswith(guesses)


def test_what_was_guessed_is_said(tmp_path: Path) -> None:
    first, last = (
        load_images(write(tmp_path, FILES[kind]())).notes
        for kind in ("no header", "no header, label last")
    )
    assert first == ("the columns have no names; the first of 785 is taken as the label.",)
    assert last == ("the columns have no names; the last of 785 is taken as the label.",)


@pytest.mark.parametrize("header", [True, False])
def test_no_label(tmp_path: Path, header: bool) -> None:
    path = write(tmp_path, text(*[NAMES] * header, *PIXELS.tolist()), "test.tsv")
    images = load_images(path)
    np.testing.assert_array_equal(images.images[..., 0].reshape(12, -1), PIXELS)
    assert images.labels is None


def test_names_of_classes_and_missing_ones(tmp_path: Path) -> None:
    labels = np.array(["shirt", "boot", "", "Boot, long"] * 3)
    quoted = np.array([f'"{label}"' for label in labels])
    for header in (True, False):
        rows = labelled(labels=labels[[0, 1, 2] * 4])
        images = load_images(write(tmp_path, text(*[["label", *NAMES]] * header, *rows)))
        assert images.class_names == ("boot", "shirt")
        assert images.labels is not None
        assert images.labels[:3].tolist() == [1, 0, -1]
    with pytest.raises(DataError, match=r"line 5 has 786 columns, the first has 785"):
        load_images(write(tmp_path, text(["label", *NAMES], *labelled(labels=quoted))))


@pytest.mark.parametrize(
    ("change", "dtype"),
    [(lambda p: p * 16.0, np.uint16), (lambda p: p / 255, np.float32), (lambda p: p > 9, np.uint8)],
)
def test_wider_values_keep_their_size(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], dtype: type
) -> None:
    values: np.ndarray = change(PIXELS).astype(dtype)
    images = load_images(write(tmp_path, text(NAMES, *values.tolist())))
    white = next(white for white in (1, 255, 4095) if values.max() <= white)
    assert images.white == (None if dtype is np.float32 else white)
    expected = values.astype(np.float32) / white
    np.testing.assert_allclose(as_float(images.images).reshape(12, -1), expected, atol=1e-6)


@pytest.mark.parametrize("planes", [True, False])
def test_colour_in_the_order_that_is_smooth(tmp_path: Path, planes: bool) -> None:
    y, x = np.mgrid[:32, :32]
    colour = np.stack([4 * y, 4 * x, 255 - 4 * y], -1).astype(np.uint8)
    flat = (np.moveaxis(colour, -1, 0) if planes else colour).ravel().tolist()
    header = ["label", *(f"p{i}" for i in range(3072))]
    images = load_images(write(tmp_path, text(header, *[[i, *flat] for i in range(3)])))
    np.testing.assert_array_equal(images.images, [colour] * 3)
    how = "all red, then all green, then all blue" if planes else "red, green, blue by turns"
    assert images.notes == (f"the 3,072 columns are read as 32x32 in colour: {how}.",)


def test_splits_of_a_column(tmp_path: Path) -> None:
    usage = ["Training"] * 8 + ["PublicTest"] * 2 + ["PrivateTest"] * 2
    rows = [
        [label, f'"{" ".join(map(str, row))}"', use]
        for label, row, use in zip(LABELS, PIXELS.tolist(), usage, strict=True)
    ]
    images = load_images(write(tmp_path, text(["emotion", "pixels", "Usage"], *rows)), "all")
    np.testing.assert_array_equal(images.images[..., 0].reshape(12, -1), PIXELS)
    assert images.splits is not None
    assert images.splits.tolist() == ["train"] * 8 + ["validation"] * 2 + ["test"] * 2
    assert images.notes == (
        "the splits are those of the file: train 8 (Training), validation 2 (PublicTest), test 2 "
        "(PrivateTest).",
    )


ONES = [1] * 784
WRONG: dict[str, tuple[str, str]] = {
    "empty": ("", "is empty; expected a label and a column for each pixel"),
    "header": ("label,pixel0\n", "it has no rows but the first"),
    "iris": ("5.1,3.5,1.4,0.2,setosa\n" * 9, "it has 5 columns"),
    "list": ("id,breed\na,pug\n", "none of its columns is one of pixels: id, breed"),
    "odd": (text(["label", *NAMES[:700]], [1] * 701), "it has 700 columns that may be pixels"),
    "short": (text(["label", *NAMES], [1, *ONES], ONES), "line 3 has 784 columns, the first has"),
    "text": (text(NAMES, ONES, [*ONES[1:], "x"]), "line 3: could not convert string 'x'"),
    "gap": (text(NAMES, ONES, [*ONES[1:], ""]), "line 3: could not convert string ''"),
    "nan": (text(NAMES, ONES, [*ONES[1:], "nan"]), "line 3 has a pixel that is NaN or infinite"),
    "huge": (text(NAMES, [*ONES[1:], 1e300]), "line 2 has a pixel that is NaN or infinite"),
    "sizes": (text(["y", "pixels"], [0, "1 " * 64], [0, "1 " * 81]), "line 2 on differ in size"),
    "binary": ("\0\0\0", "line 1 is not UTF-8 text"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_tables_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    content, expected = WRONG[kind]
    with pytest.raises(DataError) as caught:
        load_images(write(tmp_path, content))
    message = str(caught.value)
    assert expected in message
    assert message.endswith("leave a list of labels in the folder of its pictures.")
    assert "\n" not in message


def test_a_line_without_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    with path.open("wb") as file:
        file.write(b"1")
        file.seek(2**30)
        file.write(b"1")
    tracemalloc.start()
    with pytest.raises(DataError, match="cannot be read as CSV"):
        load_images(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**27


def test_a_table_is_no_source_of_pictures(tmp_path: Path) -> None:
    assert not resolve(write(tmp_path, FILES["kaggle"]())).has_pictures
