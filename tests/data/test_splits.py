"""Splits and classes that people already made are kept; some images are drawn over all."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.discs import disc, pictures
from zscape.data.images import Dataset, Images, drawn
from zscape.data.load import Reading, load_dataset, load_images
from zscape.errors import DataError
from zscape.settings import PictureConfig

SMALL = PictureConfig(size=8)


def load(path: Path, **options: Any) -> Dataset:
    return load_dataset(path, seed=0, pictures=SMALL, **options)


def sizes(dataset: Dataset) -> tuple[int, int, int]:
    return len(dataset.train), len(dataset.validation), len(dataset.test)


def classes(dataset: Dataset, part: str) -> dict[str, int]:
    images = getattr(dataset, part)
    names, counts = np.unique(images.shown_labels, return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def names_of(images: Images) -> list[str]:
    assert images.names is not None
    return [str(name) for name in images.names]


def labels_of(images: Images) -> set[int]:
    assert images.labels is not None
    return set(images.labels.tolist())


def make(root: Path, **counts: int) -> None:
    """Make folders of pictures; `train__cat=4` makes four in train/cat."""
    for k, (name, n) in enumerate(counts.items()):
        pictures(root.joinpath(*name.split("__")), n, k=k)


def test_a_limit_has_all_classes_of_a_sorted_folder(tmp_path: Path) -> None:
    make(tmp_path, **{f"c{k}": 60 for k in range(10)})
    dataset = load(tmp_path, limit=100)
    assert sizes(dataset) == (90, 10, 60)
    assert set(classes(dataset, "train")) == {f"c{k}" for k in range(10)}
    rows = drawn(600, 100)
    assert np.all(np.diff(rows) > 0)
    assert np.bincount(rows // 60, minlength=10).min() >= 4


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "Testing"), ("train", "test1")])
def test_train_and_test_folders(tmp_path: Path, names: tuple[str, str]) -> None:
    train, test = names
    make(
        tmp_path,
        **{f"{train}__cat": 40, f"{train}__dog": 40, f"{test}__cat": 20, f"{test}__dog": 20},
    )
    dataset = load(tmp_path)
    assert sizes(dataset) == (72, 8, 40)
    assert classes(dataset, "test") == {"cat": 20, "dog": 20}
    assert set(classes(dataset, "train")) == {"cat", "dog"}
    assert all(name.startswith(f"{test}/") for name in names_of(dataset.test))
    assert dataset.train.notes == ("the set's own splits are kept: 80 train, 40 test",)
    again = load_images(tmp_path, pictures=SMALL)
    assert len(again) == 40
    assert again.notes == (f"{tmp_path}: its test split, 40 of 120 images",)
    assert len(load_images(tmp_path, "all", pictures=SMALL)) == 120


def test_train_val_and_test_folders_below_a_single_one(tmp_path: Path) -> None:
    make(tmp_path / "archive", train__a=30, train__b=30, val__a=7, val__b=4, test__a=3, test__b=5)
    dataset = load(tmp_path)
    assert sizes(dataset) == (60, 11, 8)
    assert classes(dataset, "validation") == {"a": 7, "b": 4}


def test_train_and_val_only_hold_a_test_split_out_of_train(tmp_path: Path) -> None:
    make(tmp_path, train__a=50, train__b=50, valid__a=5, valid__b=6)
    dataset = load(tmp_path)
    assert sizes(dataset) == (90, 11, 10)
    assert all(name.startswith("train/") for name in names_of(dataset.test))


def test_a_folder_of_anomalies_as_mvtec_has_it(tmp_path: Path) -> None:
    make(tmp_path, train__good=60, test__good=10, test__crack=12, ground_truth__crack=12)
    dataset = load(tmp_path)
    assert sizes(dataset) == (54, 6, 22)
    assert classes(dataset, "train") == {"good": 54}
    assert classes(dataset, "test") == {"crack": 12, "good": 10}
    assert dataset.train.notes[0] == (
        "ground_truth: 12 pictures beside the splits are left aside (masks of anomalies)"
    )


def test_what_is_no_split_is_a_class(tmp_path: Path) -> None:
    make(tmp_path, train=20, bus=20)  # a class of trains
    assert set(classes(load(tmp_path), "train")) == {"bus", "train"}


def test_a_test_folder_without_classes_keeps_those_of_train(tmp_path: Path) -> None:
    make(tmp_path, train__a=30, train__b=30, test=10)
    dataset = load(tmp_path)
    assert set(classes(dataset, "train")) == {"a", "b"}
    assert classes(dataset, "test") == {"-": 10}
    assert dataset.train.notes[0] == "test: the pictures have no classes"


def test_the_folder_of_a_split_may_be_there_twice(tmp_path: Path) -> None:
    make(tmp_path, train__train__a=30, train__train__b=30, test__test__a=4, test__test__b=5)
    assert classes(load(tmp_path), "test") == {"a": 4, "b": 5}


def test_splits_in_each_class(tmp_path: Path) -> None:
    make(tmp_path, a__train=30, a__test=4, b__train=30, b__test=5)
    dataset = load(tmp_path)
    assert sizes(dataset) == (54, 6, 9)
    assert classes(dataset, "test") == {"a": 4, "b": 5}


def test_several_folders_of_anomalies(tmp_path: Path) -> None:
    for kind in ("bottle", "cable"):
        make(tmp_path / kind, train__good=30, test__good=4, test__crack=5, ground_truth__crack=5)
    dataset = load(tmp_path)
    assert sizes(dataset) == (54, 6, 18)
    assert classes(dataset, "train") == {"good": 54}


def test_splits_below_a_folder_that_does_not_have_all(tmp_path: Path) -> None:
    make(tmp_path / "archive", train__a=30, train__b=30, test__a=4, test__b=5)
    pictures(tmp_path, 1)
    dataset = load(tmp_path)
    assert classes(dataset, "test") == {"a": 4, "b": 5}
    assert dataset.train.notes[0] == ".: 1 picture beside the splits is left aside"


def test_a_picture_beside_class_folders_is_named(tmp_path: Path) -> None:
    make(tmp_path, a=20, b=20)
    pictures(tmp_path, 1)
    dataset = load(tmp_path)
    assert dataset.train.labels is None
    assert dataset.train.notes == (
        "the 2 folders are not taken as classes, for 1 picture lies beside them",
    )


def test_a_set_without_images_to_train_on(tmp_path: Path) -> None:
    make(tmp_path / "folders", val__a=20, val__b=20, test__a=4, test__b=5)
    with pytest.raises(DataError, match="to validate and test on, and none to train on; name"):
        load(tmp_path / "folders")
    assert len(load_images(tmp_path / "folders", pictures=SMALL)) == 9
    np.savez(tmp_path / "a.npz", x_val=digits(30)[0], x_test=digits(30)[0])
    with pytest.raises(DataError, match="to validate and test on, and none to train on; name"):
        load(tmp_path / "a.npz")


def digits(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([disc(i % 10, 8, 8, seed=i) for i in range(n)]), np.arange(n) % 10


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_train", "y_train", "X_test", "y_test"),
    ],
)
def test_arrays_as_keras_and_medmnist_keep_them(tmp_path: Path, keys: tuple[str, ...]) -> None:
    (x, y), (x2, y2) = digits(200), digits(50)
    values = (x, y[:, None], x2, y2[:, None])
    arrays: dict[str, Any] = dict(zip(keys, values, strict=True))
    np.savez(tmp_path / "a.npz", **arrays)
    dataset = load(tmp_path / "a.npz")
    assert sizes(dataset) == (180, 20, 50)
    np.testing.assert_array_equal(dataset.test.images[..., 0], x2)
    np.testing.assert_array_equal(dataset.test.labels, y2)


def test_a_validation_split_of_arrays(tmp_path: Path) -> None:
    x, y = digits(30)
    arrays: dict[str, Any] = {
        f"{name}_{use}": value
        for use in ("train", "val", "test")
        for name, value in (("x", x), ("y", y))
    }
    np.savez(tmp_path / "a.npz", **arrays)
    assert sizes(load(tmp_path / "a.npz")) == (30, 30, 30)


def test_labels_of_one_split_only(tmp_path: Path) -> None:
    (x, y), (x2, _) = digits(60), digits(20)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x2)
    dataset = load(tmp_path / "a.npz")
    assert labels_of(dataset.train) == set(range(10))
    assert labels_of(dataset.test) == {-1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # Together they are as many as the images.
        (
            {"y_train": digits(59)[1], "y_test": digits(21)[1]},
            r"\(train\) has labels of shape \(59",
        ),
        ({"y_test": digits(20)[1].astype(str)}, "labels that are texts and labels that are num"),
        # As one type, what is True would become 1 of 255.
        ({"x_train": digits(60)[0] > 0}, "several types: bool in train, uint8 in test; expected"),
        ({"x_test": digits(20)[0] / 255}, "several types: uint8 in train, float64 in test; expec"),
    ],
)
def test_splits_of_arrays_that_do_not_match(
    tmp_path: Path, changes: dict[str, np.ndarray], message: str
) -> None:
    (x, y), (x2, y2) = digits(60), digits(20)
    arrays: dict[str, Any] = {"x_train": x, "y_train": y, "x_test": x2, "y_test": y2} | changes
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.npz")


def test_arrays_that_are_not_read_are_named(tmp_path: Path) -> None:
    x, y = digits(30)
    np.savez(tmp_path / "a.npz", data=x, target=y, kinds=y)
    dataset = load(tmp_path / "a.npz")
    assert labels_of(dataset.train) <= set(range(10))
    assert dataset.train.notes == ("a.npz: not read: kinds",)


def test_a_folder_of_idx_files(tmp_path: Path) -> None:
    for start, n in (("train", 60), ("t10k", 20)):
        x, y = digits(n)
        head = struct.pack(">4B3I", 0, 0, 8, 3, *x.shape)
        (tmp_path / f"{start}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + x.tobytes()))
        labels = struct.pack(">4BI", 0, 0, 8, 1, n) + y.astype(np.uint8).tobytes()
        (tmp_path / f"{start}-labels-idx1-ubyte").write_bytes(labels)
    dataset = load(tmp_path)
    assert sizes(dataset) == (54, 6, 20)
    np.testing.assert_array_equal(dataset.test.images[..., 0], digits(20)[0])
    np.testing.assert_array_equal(dataset.test.labels, digits(20)[1])


def test_images_to_test_and_to_validate_on_are_named(tmp_path: Path) -> None:
    make(tmp_path / "mine", b=40, c=40)
    make(tmp_path / "theirs", c=6, a=5)  # other numbers, and a class that is new
    pictures(tmp_path / "more", 9, k=3)
    reading = Reading(test=tmp_path / "theirs", validation=tmp_path / "more")
    dataset = load(tmp_path / "mine", reading=reading)
    assert sizes(dataset) == (80, 9, 11)
    assert classes(dataset, "test") == {"a": 5, "c": 6}
    assert dataset.train.class_names == dataset.test.class_names == ("b", "c", "a")
    assert dataset.fingerprint != load(tmp_path / "mine").fingerprint
    with pytest.raises(DataError, match=r"shape \(9, 9, 1\), and those of .* have \(8, 8, 1\)"):
        load(tmp_path / "mine", reading=Reading(test=np.zeros((30, 9, 9))))


def test_names_are_shown_as_they_were_meant(tmp_path: Path) -> None:
    for k, name in enumerate((b"caf\xe9", b"th\xe9", "猫".encode(), "犬".encode())):
        folder = tmp_path / "made"
        pictures(folder, 10, k=k)
        folder.rename(tmp_path / os.fsdecode(name))
    assert load(tmp_path).train.class_names == ("café", "thé", "犬", "猫")


def test_pages_and_patches_of_one_file_stay_together(tmp_path: Path) -> None:
    for i in range(30):
        pages = [Image.fromarray(disc(k, seed=i)) for k in range(4)]
        pages[0].save(tmp_path / f"{i}.tif", save_all=True, append_images=pages[1:])
    dataset = load(tmp_path)
    assert sum(sizes(dataset)) == 120
    files = [
        {name.partition("#")[0] for name in part.names}
        for part in vars(dataset).values()
        if hasattr(part, "names")
    ]
    assert [
        len(a & b) for a, b in ((files[0], files[1]), (files[0], files[2]), (files[1], files[2]))
    ] == [0] * 3
    assert dataset.train.notes == ("30 TIFF files with 120 pages: each page is an image",)
    np.testing.assert_array_equal(
        load_images(tmp_path, pictures=PictureConfig(size=64)).images[2][..., 0], disc(2)
    )
    patched = load_dataset(tmp_path, seed=0, pictures=PictureConfig(size=32, patches=True))
    assert sum(sizes(patched)) == 480
    every = {name.partition("#")[0] for name in names_of(patched.train)}
    assert not every & {name.partition("#")[0] for name in names_of(patched.test)}


def test_patches_keep_their_scale(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 70), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    Image.fromarray(picture[:20]).save(tmp_path / "small.png")
    images = load_images(tmp_path, pictures=PictureConfig(size=32, patches=True))
    np.testing.assert_array_equal(images.images[:, :, :, 0], [picture[:32, :32], picture[:32, 38:]])
    assert images.scale == 1
    assert images.skipped[0].reason == "70 x 20 pixels, smaller than a patch of 32 x 32"
    assert images.notes == (
        "2 patches of 32 x 32 pixels of 2 pictures, at the pictures' own scale",
    )


def test_a_set_that_lacks_the_split_asked_for_is_taken_whole_and_says_so(tmp_path: Path) -> None:
    make(tmp_path, train__a=9, train__b=9, val__a=4, val__b=4)
    images = load_images(tmp_path, pictures=SMALL)
    assert images.notes == (f"{tmp_path} has no test split: all 26 images are taken",)


def test_a_limit_is_of_train_and_validation_together(tmp_path: Path) -> None:
    make(tmp_path, train__a=40, train__b=40, val__a=9, val__b=9, test__a=30, test__b=30)
    assert sizes(load(tmp_path, limit=50)) == (45, 5, 50)
