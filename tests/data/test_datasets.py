"""Named sets and the user's images: read, checked, and split with the seed."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zscape.data.images import Dataset, Images, as_float
from zscape.data.load import load_dataset, load_images
from zscape.errors import DataError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (50, 6, 5), dtype=np.uint8)
PIXELS[:, 0, 0] = np.arange(50)  # the first pixel of image i is i


def numbers(images: Images) -> list[int]:
    """Which of PIXELS these are."""
    return images.images[:, 0, 0, 0].tolist()


def message_of(source: Any, **arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(source, seed=0, **arguments) if arguments else load_images(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# The embedded MNIST


@pytest.fixture(scope="module")
def mnist() -> Dataset:
    return load_dataset("mnist", seed=0)


@pytest.mark.parametrize(
    ("split", "images_md5", "labels_md5"),
    [
        ("train", "6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624"),
        ("test", "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
    ],
)
def test_mnist_is_byte_for_byte_the_original(split: Any, images_md5: str, labels_md5: str) -> None:
    mnist = load_images("mnist", split)
    assert mnist.images.dtype == np.uint8
    assert mnist.labels is not None
    assert mnist.labels.dtype == np.int64
    assert mnist.source == "mnist"
    n = len(mnist)
    images = struct.pack(">4B3I", 0, 0, 8, 3, n, 28, 28) + np.asarray(mnist.images).tobytes()
    labels = struct.pack(">4B1I", 0, 0, 8, 1, n) + mnist.labels.astype(np.uint8).tobytes()
    assert hashlib.md5(images).hexdigest() == images_md5
    assert hashlib.md5(labels).hexdigest() == labels_md5


@pytest.mark.slow
def test_the_splits_of_mnist() -> None:
    train, test, both = (load_images("mnist", split) for split in ("train", "test", "all"))
    assert (len(train), len(test), len(both)) == (60_000, 10_000, 70_000)
    assert train.image_shape == (28, 28, 1)
    assert len(load_images("mnist")) == 10_000
    np.testing.assert_array_equal(both.images[60_000:], test.images)
    np.testing.assert_array_equal(both.images[:60_000], train.images)


def test_mnist_for_training(mnist: Dataset) -> None:
    assert (len(mnist.train), len(mnist.validation), len(mnist.test)) == (55_000, 5_000, 10_000)
    assert mnist.name == "mnist"
    np.testing.assert_array_equal(mnist.test.images, load_images("mnist", "test").images)
    for split in (mnist.train, mnist.validation, mnist.test):
        assert split.labels is not None
        assert len(split.labels) == len(split)
        assert set(np.unique(split.labels)) == set(range(10))


def test_validation_and_train_share_no_image_and_lose_none(mnist: Dataset) -> None:
    original = load_images("mnist", "train")
    parts = [np.asarray(split.images).reshape(-1, 784) for split in (mnist.train, mnist.validation)]
    hashes = sorted(hash(row.tobytes()) for part in parts for row in part)
    # Every image of MNIST's training split is there once, its few doubles included.
    assert hashes == sorted(
        hash(row.tobytes()) for row in np.asarray(original.images).reshape(-1, 784)
    )


@pytest.mark.slow
def test_the_seed_decides_the_validation_split(mnist: Dataset) -> None:
    again, other = load_dataset("mnist", seed=0), load_dataset("mnist", seed=1)
    np.testing.assert_array_equal(again.validation.images, mnist.validation.images)
    np.testing.assert_array_equal(again.train.labels, mnist.train.labels)
    assert again.fingerprint == mnist.fingerprint
    assert not np.array_equal(other.validation.images, mnist.validation.images)
    np.testing.assert_array_equal(other.test.images, mnist.test.images)


def test_a_limit_draws_images_from_all_of_mnist(mnist: Dataset) -> None:
    small = load_dataset("mnist", seed=0, limit=300)
    assert (len(small.train), len(small.validation), len(small.test)) == (270, 30, 300)
    used = {row.tobytes() for part in (small.train, small.validation) for row in part.images}
    every = {row.tobytes() for row in load_images("mnist", "train").images}
    first = {row.tobytes() for row in load_images("mnist", "train").images[:300]}
    assert used < every
    assert len(used & first) < 10
    assert small.fingerprint != mnist.fingerprint
    assert load_dataset("mnist", seed=0, limit=300).fingerprint == small.fingerprint


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match="split is 'dev'; expected train, validation, test, all"):
        load_images("mnist", "dev")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["MNIST", "mnits", "minst"])
def test_a_misspelt_name_is_mended(name: str) -> None:
    assert f"{name} is neither a file nor a known data set (mnist); did you mean mnist?" in (
        message_of(name)
    )


def test_an_unknown_name_says_what_there_is() -> None:
    assert "known data set (mnist); expected a .npz file" in message_of("cifar10")


@pytest.mark.parametrize("source", ["a" * 400, "~nobody-of-this-name/a.npy", "a\0b"])
def test_a_path_that_cannot_be(source: str) -> None:
    assert "expected a .npz" in message_of(source) or "cannot be read" in message_of(source)


@pytest.mark.parametrize("source", [None, 3, [[1, 2]], b"mnist"])
def test_a_source_of_another_kind(source: Any) -> None:
    assert "expected a name (mnist), a path, or a NumPy array" in message_of(source)


# The user's images


@given(
    n=st.integers(20, 400),
    seed=st.integers(0, 2**32 - 1),
    limit=st.none() | st.integers(20, 500),
)
def test_every_image_of_a_file_is_in_one_split(n: int, seed: int, limit: int | None) -> None:
    images = np.arange(n, dtype=np.uint16)[:, np.newaxis, np.newaxis].repeat(5, axis=2)
    images[:, 0, 1] = 65535  # white
    dataset = load_dataset(images, seed=seed, limit=limit)
    train, validation, test = (
        split.images[:, 0, 0, 0].tolist()
        for split in (dataset.train, dataset.validation, dataset.test)
    )
    n_rest = min(n - n // 10, limit or n)
    assert len(test) == min(n // 10, limit or n)
    assert len(validation) == n_rest // 10 or (len(validation) == 1 and n_rest < 20)
    assert len(train) + len(validation) == n_rest
    everything = train + validation + test
    assert len(set(everything)) == len(everything)
    if limit is None:
        assert sorted(everything) == list(range(n))
    again = load_dataset(images, seed=seed, limit=limit)
    np.testing.assert_array_equal(again.test.images, dataset.test.images)
    np.testing.assert_array_equal(again.validation.images, dataset.validation.images)


def test_a_large_file_gives_up_at_most_10000_for_test_and_5000_for_validation() -> None:
    dataset = load_dataset(np.zeros((120_000, 1, 2), bool), seed=0)
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (
        105_000,
        5_000,
        10_000,
    )


def test_a_limit_draws_from_the_parts_of_a_file() -> None:
    whole, small = (load_dataset(PIXELS, seed=3, limit=limit) for limit in (None, 20))
    assert numbers(small.test) == numbers(whole.test)
    kept = sorted(numbers(whole.train) + numbers(whole.validation))
    used = sorted(numbers(small.train) + numbers(small.validation))
    assert len(used) == 20
    assert set(used) < set(kept)
    assert used != kept[:20]


def test_another_seed_gives_another_test_split() -> None:
    assert numbers(load_dataset(PIXELS, seed=1).test) != numbers(load_dataset(PIXELS, seed=2).test)


def test_labels_go_with_their_images(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, images=PIXELS, labels=np.arange(50, dtype=np.int16))
    dataset = load_dataset(path, seed=0)
    assert dataset.name == str(path)
    for split in (dataset.train, dataset.validation, dataset.test):
        assert split.labels is not None
        assert split.labels.dtype == np.int64
        assert split.labels.tolist() == numbers(split)


def test_a_file_is_looked_at_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", PIXELS)
    monkeypatch.chdir(tmp_path)
    images = load_images("a.npy")
    assert numbers(images) == list(range(50))
    assert images.source == str(tmp_path / "a.npy")
    assert images.labels is None
    assert images.image_shape == (6, 5, 1)


def test_a_single_pixel_changes_the_fingerprint() -> None:
    fingerprints = {load_dataset(PIXELS, seed=0).fingerprint}
    for index in (0, 17, 49):
        changed = PIXELS.copy()
        changed[index, 3, 2] ^= 1
        fingerprints.add(load_dataset(changed, seed=0).fingerprint)
    fingerprints.add(load_dataset(PIXELS.reshape(50, 5, 6), seed=0).fingerprint)
    assert len(fingerprints) == 5
    same = load_dataset(PIXELS.astype(np.uint16), seed=0)
    assert same.fingerprint in fingerprints
    assert load_dataset(PIXELS.copy(order="F"), seed=0).fingerprint in fingerprints


def test_a_part_of_mnist_is_not_called_mnist() -> None:
    part = load_images("mnist").take(np.arange(100))
    dataset = load_dataset(part, seed=0)
    assert dataset.name == "array"
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 100


def test_take_keeps_the_order_asked_for() -> None:
    names = np.array([f"{i}.png" for i in range(50)])
    images = Images(PIXELS[..., np.newaxis], np.arange(50), "array", names=names)
    taken = images.take(np.array([3, 1, 3]))
    assert numbers(taken) == [3, 1, 3]
    assert taken.names is not None
    assert taken.names.tolist() == ["3.png", "1.png", "3.png"]
    assert taken.labels is not None
    assert taken.labels.tolist() == [3, 1, 3]
    assert numbers(images.take(slice(2))) == [0, 1]


@pytest.mark.parametrize(
    ("n", "arguments", "expected"),
    [
        (19, {"limit": None}, "array gives 19 images; training needs at least 20"),
        (1, {"limit": None}, "array gives 1 image; training"),
        (50, {"limit": 19}, "a limit of 19 gives 19 images"),
        (50, {"limit": 0}, "a limit of 0 "),
        (50, {"limit": -5}, "a limit of -5 "),
    ],
)
def test_too_few_images_to_train_on(n: int, arguments: dict[str, Any], expected: str) -> None:
    assert expected in message_of(PIXELS[:n], **arguments)


def test_a_limit_above_the_number_of_images_changes_nothing() -> None:
    whole, limited = (load_dataset(PIXELS[:20], seed=0, limit=limit) for limit in (None, 20))
    assert limited.fingerprint == whole.fingerprint
    assert len(limited.train) == 17


# Types and ranges


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([0, 51, 255], np.uint8), [0, 0.2, 1]),
        (np.array([0, 13107, 65535], np.uint16), [0, 0.2, 1]),
        (np.array([0, 13107, 65535], ">u2"), [0, 0.2, 1]),
        (np.array([0, 51, 255], np.int64), [0, 0.2, 1]),
        (np.array([0, 51, 255], ">i4"), [0, 0.2, 1]),
        (np.array([False, True]), [0, 1]),
        (np.array([0, 0.25, 1], np.float16), [0, 0.25, 1]),
        (np.array([0, 0.2, 1], np.float32), [0, 0.2, 1]),
        (np.array([0, 0.2, 1], np.float64), [0, 0.2, 1]),
        (np.array([0, 0.2, 1], ">f4"), [0, 0.2, 1]),
        (np.array([0, 0.2, 1], ">f8"), [0, 0.2, 1]),
    ],
    ids=lambda value: value.dtype.str if isinstance(value, np.ndarray) else "",
)
def test_every_type_becomes_native_float32(
    tmp_path: Path, stored: np.ndarray, expected: list[float]
) -> None:
    images = np.tile(stored, (4, 6, 3)).astype(stored.dtype)  # astype, as tile turns the bytes
    np.save(tmp_path / "a.npy", images)
    np.savez(tmp_path / "a.npz", images=images)
    for source in (tmp_path / "a.npy", tmp_path / "a.npz", images):
        loaded = load_images(source).images
        assert loaded.dtype.isnative
        floats = as_float(loaded)
        assert floats.dtype == np.float32
        assert floats.dtype.isnative
        wanted = np.tile(expected, (4, 6, 3))[..., np.newaxis]
        np.testing.assert_allclose(floats, wanted, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_numbers_come_back_from_float(dtype: Any) -> None:
    largest = np.iinfo(dtype).max
    values = np.arange(largest + 1).astype(dtype)
    floats = as_float(values)
    assert floats.min() == 0
    assert floats.max() == 1
    np.testing.assert_array_equal(np.round(floats.astype(np.float64) * largest), values)


@pytest.mark.parametrize("dtype", [np.complex64, object, "U1"])
def test_as_float_refuses_what_is_no_number(dtype: Any) -> None:
    with pytest.raises(DataError, match="expected uint8, uint16, bool, or floats"):
        as_float(np.ones((2, 3, 4, 1), dtype))


@pytest.mark.parametrize(
    ("dtype", "white", "expected"),
    [
        ("uint8", None, 255), ("uint16", None, 65535), ("int16", None, 255), ("int64", None, 255),
        ("uint32", None, 255), ("uint8", 1, 1), ("uint8", 4095, 255), ("uint16", 4095, 4095),
        ("uint16", 1e6, 65535), ("int64", 4095, 4095), ("int16", 65535, 32767),
    ],
)  # fmt: skip
def test_whole_numbers_are_divided_by_what_is_white(
    dtype: str, white: float | None, expected: float
) -> None:
    values = np.array([0, 1, 100], dtype)
    floats = as_float(values, white)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, values / expected, rtol=1e-6)
    for same in (values > 0, (values > 0).astype(np.float64)):
        np.testing.assert_array_equal(as_float(same, white), [0, 1, 1])


def test_the_layout_in_memory_does_not_matter() -> None:
    images = np.random.default_rng(1).random((30, 4, 5, 3))
    wanted = as_float(load_images(images).images)
    padded = np.zeros((60, 4, 5, 3))
    padded[::2] = images
    for layout in (np.asfortranarray(images), padded[::2], images[::-1].copy()[::-1]):
        np.testing.assert_array_equal(as_float(load_images(layout).images), wanted)
        assert load_dataset(layout, seed=0).fingerprint == load_dataset(images, seed=0).fingerprint


def test_the_given_array_is_not_changed() -> None:
    images = np.random.default_rng(1).random((30, 4, 5, 3))
    before = images.copy()
    as_float(load_dataset(images, seed=0).train.images)
    np.testing.assert_array_equal(images, before)


GOOD = np.full((30, 6, 5), 0.5)


def spoiled(value: float) -> np.ndarray:
    images = GOOD.copy()
    images[29, 5, 4] = value
    return images


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.zeros(784), "shape (784,); expected images (N, H, W) or"),
        (np.zeros(()), "shape (); expected images"),
        (np.zeros((2, 3, 4, 5, 6)), "shape (2, 3, 4, 5, 6); expected images"),
        (np.zeros((28, 28)), "one image, or flattened ones; expected images (N, H, W)"),
        (np.zeros((28, 28, 1)), "looks like one image (H, W, C); expected images"),
        (np.zeros((28, 28, 3)), "add a first axis"),
        (np.zeros((9, 3, 32, 32)), "looks like (N, C, H, W)"),
        (np.zeros((0, 28, 28)), "there are no pixels"),
        (np.zeros((0, 28, 28, 1)), "there are no pixels"),
        (np.zeros((5, 0, 28)), "there are no pixels"),
        (spoiled(np.nan), "1 NaN or infinite value; expected"),
        (spoiled(-np.inf).astype(np.float32), "1 NaN or infinite value;"),
        (np.full((30, 6, 5), np.nan), "900 NaN or infinite values;"),
        (spoiled(200), "values from 0.5 to 200; expected floats in [0, 1]: divide them by 255"),
        (spoiled(-0.75), "from -0.75 to 0.5; expected floats in [0, 1]: add 1 and divide by 2"),
        (spoiled(1.0000001), "0.5 to 1.0000001; expected floats in [0, 1]: clip them"),
        (spoiled(-1e-9), "from -1e-09 to 0.5; expected floats in [0, 1]: clip them"),
        (spoiled(-0.01), "from -0.01 to 0.5; expected floats in [0, 1]: clip them"),
        (spoiled(1.01), "from 0.5 to 1.01; expected floats in [0, 1]: clip them"),
        (spoiled(1.02), "from 0.5 to 1.02; expected floats in [0, 1]: divide them by 255"),
        (spoiled(0) * 510, "from 0 to 255; expected floats in [0, 1]: divide them by 255"),
        (spoiled(255.5), "from 0.5 to 255.5; expected floats in [0, 1]: rescale them"),
        (spoiled(2) * 2 - 2, "from -1 to 2; expected floats in [0, 1]: rescale them"),
        (spoiled(-1.5), "from -1.5 to 0.5; expected floats in [0, 1]: rescale them"),
        (spoiled(0) * 4 - 1, "from -1 to 1; expected floats in [0, 1]: add 1 and divide by 2"),
        (spoiled(1e300), "to 1e+300; expected floats in [0, 1]: rescale them"),
        (np.full((30, 6, 5), -1), "whole numbers from -1 to -1; expected 0 to 255"),
        (np.full((30, 6, 5), 65536), "values up to 65,536, beyond the 65,535 of 16 bits; name"),
        (np.full((30, 6, 5), 2**63, np.uint64), "beyond the 65,535 of 16 bits; name the one"),
        (np.full((30, 6, 5), "7"), "values of type <U1; expected uint8"),
        (np.full((30, 6, 5), 1j), "values of type complex128; expected uint8"),
        (np.full((30, 6, 5), None), "values of type object; expected uint8"),
        (np.zeros((30, 6, 5), "M8[s]"), "values of type datetime64[s]; expected uint8"),
        (np.zeros((30, 6, 5), [("r", "u1")]), "expected uint8"),
    ],
    ids=lambda value: "" if isinstance(value, np.ndarray) else value[:40],
)
def test_arrays_that_are_no_images(tmp_path: Path, images: np.ndarray, expected: str) -> None:
    assert expected in message_of(images)
    assert expected in message_of(images, limit=None)
    if images.dtype != object:
        np.savez(tmp_path / "a.npz", images=images)
        assert expected in message_of(tmp_path / "a.npz")


def test_low_images_of_many_channels_are_images() -> None:
    for shape in ((30, 3, 4, 32), (30, 1, 32, 7)):
        assert load_images(np.zeros(shape)).image_shape == shape[1:]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.arange(29), "labels of shape (29,) for 30 images; expected (30,)"),
        (np.zeros((30, 10)), "labels of shape (30, 10) for 30 images"),
        (np.zeros(()), "labels of shape ()"),
        (np.full(30, 0.5), "labels of type float64 that are not whole numbers"),
        (np.full(30, np.inf), "not whole numbers"),
        (np.full(30, 2**63, np.uint64), "not whole numbers"),
        (np.full(30, 1e30), "not whole numbers"),
        (np.full(30, 2.0**53), "not whole numbers"),
        (np.zeros((30, 10)), "numpy.argmax(labels, axis=1)"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, labels: np.ndarray, expected: str) -> None:
    np.savez(tmp_path / "a.npz", images=GOOD, labels=labels)
    assert expected in message_of(tmp_path / "a.npz")
    assert expected in message_of(Images(GOOD[..., np.newaxis], labels, "array"))


@pytest.mark.parametrize(
    ("labels", "numbers", "names"),
    [
        (np.arange(30)[:, None], [0, 1, 2], None),
        (np.arange(30) - 2, [-1, -1, 0], None),
        (np.array([np.nan, 1.0, *[0.0] * 28]), [-1, 1, 0], None),
        (np.array(["dog", "", *["cat"] * 28]), [1, -1, 0], ("cat", "dog")),
        (np.array([b"dog", b"caf\xc3\xa9", *[b"dog"] * 28]), [1, 0, 1], ("café", "dog")),
        (np.array(["10", "9", "-3", *["", "1.0"] * 13, "0"]), [10, 9, -1], None),
    ],
)  # fmt: skip
def test_labels_as_people_keep_them(
    tmp_path: Path, labels: np.ndarray, numbers: list[int], names: tuple[str, ...] | None
) -> None:
    np.savez(tmp_path / "a.npz", images=GOOD, labels=labels)
    images = load_images(tmp_path / "a.npz")
    assert images.labels is not None
    assert images.labels[:3].tolist() == numbers
    assert images.labels.dtype == np.int64
    assert images.class_names == names


@pytest.mark.parametrize("dtype", [np.uint8, ">i2", np.float32, bool])
def test_whole_labels_of_any_type_are_taken(tmp_path: Path, dtype: Any) -> None:
    labels = (np.arange(30) % 2).astype(dtype)
    np.savez(tmp_path / "a.npz", images=GOOD, labels=labels)
    loaded = load_images(tmp_path / "a.npz").labels
    assert loaded is not None
    assert loaded.dtype == np.int64
    assert loaded.tolist() == [0, 1] * 15


def test_labels_are_taken_up_to_where_floats_stop_counting() -> None:
    labels = np.full(30, 2.0**53 - 1)
    loaded = load_images(Images(GOOD[..., np.newaxis], labels, "array")).labels
    assert loaded is not None
    assert set(loaded.tolist()) == {2**53 - 1}
