"""Images on disk used like an array, the check on every way in, and work in parts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zscape.data import images as images_module
from zscape.data.checks import as_images, check_values
from zscape.data.images import (
    Images,
    ImageStore,
    StoredImages,
    as_float,
    chunk_length,
    chunks,
    is_broken,
    on_disk,
    readable_rows,
)
from zscape.data.load import load_dataset
from zscape.errors import DataError

ARRAY = np.random.default_rng(0).integers(0, 3, (5, 4, 3, 2), dtype=np.uint8)
ROWS = np.array([4, 0, 0, 2, 3, 1])


class WholeDecoding:
    """Stands for a decoding that is finished; counts what is read."""

    def __init__(self, array: np.ndarray) -> None:
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self._array = array
        self.n_read = 0

    def __getitem__(self, rows: Any) -> np.ndarray:
        self.n_read += np.size(rows)
        return np.asarray(self._array[rows])


def stored(array: np.ndarray = ARRAY, rows: np.ndarray = ROWS) -> Any:
    return StoredImages(WholeDecoding(array), rows)  # type: ignore[arg-type]


WHOLE = ARRAY[ROWS]


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or the class of what it raises."""
    try:
        return call()
    except (IndexError, ValueError, TypeError) as error:
        return type(error)


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, type):
        return isinstance(found, type) and issubclass(found, expected | IndexError | ValueError)
    return type(found) is type(expected) and np.array_equal(found, expected) and (
        found.shape == expected.shape and found.dtype == expected.dtype
    )  # fmt: skip


number = st.integers(-8, 8)
part = (
    number
    | number.map(np.int64)
    | st.slices(6)
    | st.just(...)
    | st.none()
    | st.booleans()
    | st.lists(st.integers(-6, 6), max_size=4)
    | st.lists(st.booleans(), min_size=6, max_size=6)
    | hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, max_dims=2, max_side=3), elements=number)
    | hnp.arrays(bool, st.sampled_from([(6,), (4,), (3,), (6, 4), (4, 3), (2, 2), ()]))
    | st.just(0.5)
)


@given(part | st.lists(part, max_size=5).map(tuple))
@example(np.eye(6, 4, dtype=bool))  # a mask of images and rows
@example(([0, 1], [1, 2]))  # pairs, not every image with every row
@example((0, slice(None), [1, 2]))  # NumPy puts the list's axis first
def test_any_index_gives_what_numpy_gives(index: Any) -> None:
    found, expected = outcome(lambda: stored()[index]), outcome(lambda: WHOLE[index])
    assert same(found, expected), (found, expected)


@given(
    st.sampled_from([lambda x: x == 0, lambda x: 1 - x, lambda x: x + x, lambda x: -x,
                     lambda x: x.max(), lambda x: x.mean(axis=0), lambda x: x.reshape(6, -1),
                     lambda x: x.astype(float), lambda x: np.asarray(x), lambda x: x.T,
                     lambda x: np.array(x, np.float32), lambda x: np.stack(list(x)),
                     lambda x: np.concatenate([x, x]), lambda x: np.mean(x, axis=(1, 2)),
                     lambda x: np.take(x, [1, 0], axis=0), lambda x: np.sqrt(x),
                     lambda x: np.array_equal(x, WHOLE), lambda x: np.isin(1, x),
                     lambda x: np.add.reduce(x), lambda x: x < WHOLE, lambda x: WHOLE < x,
                     lambda x: np.float32(2) * x, lambda x: as_float(x), lambda x: x.tobytes(),
                     lambda x: np.shape(x), lambda x: x.size, lambda x: x.nbytes])
)  # fmt: skip
def test_calculations_give_what_numpy_gives(calculate: Callable[[Any], Any]) -> None:
    found, expected = calculate(stored()), calculate(WHOLE)
    np.testing.assert_array_equal(found, expected)
    assert np.shape(found) == np.shape(expected)


def test_a_value_of_two_bytes_counts_twice() -> None:
    assert stored(ARRAY.astype(np.uint16)).nbytes == WHOLE.astype(np.uint16).nbytes


def test_what_would_change_them_is_refused() -> None:
    images = stored()

    def add() -> None:
        nonlocal images
        images += 1

    def assign() -> None:
        images[0] = 1

    for change in (add, assign, lambda: images.fill(0), lambda: images.sort(), lambda: bool(images),
                   lambda: np.asarray(images, copy=False), lambda: images.of_no_array):  # fmt: skip
        with pytest.raises((TypeError, ValueError, AttributeError)):
            change()
    np.testing.assert_array_equal(copy.copy(stored())[:], WHOLE)


def test_only_what_is_asked_for_is_read() -> None:
    images: Any = stored()
    for index in (0, slice(1, 3), np.array([5, 2]), [True] + 5 * [False], (slice(2), ..., 0)):
        assert images[index].size
    assert images.decoding.n_read == 1 + 2 + 2 + 1 + 2
    read = images.decoding.n_read
    checked: Any = as_images(images)
    assert checked is images
    assert images.take(slice(2)).shape == (2, 4, 3, 2)
    assert Images(images, None, "spots").take(slice(2)).images.shape == (2, 4, 3, 2)
    assert images.decoding.n_read == read


@given(st.integers(0, 30), st.integers(1, 70), st.none() | st.integers(1, 9), st.integers(1, 4))
def test_chunks_are_all_images_in_parts_of_the_budget(
    n: int, budget: int, most: int | None, copies: int
) -> None:
    images = np.arange(n * 6).reshape(n, 1, 2, 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images_module, "CHUNK_VALUES", budget)
        parts = list(chunks(images, copies=copies, most=most))
        length = chunk_length((1, 2, 3), copies=copies)
    assert length == 1 or length * 6 * copies <= budget
    assert all(1 <= len(part) <= min(length, most or length) for _, part in parts)
    assert [row for rows, _ in parts for row in range(rows.start, rows.stop)] == list(range(n))
    for rows, found in parts:
        np.testing.assert_array_equal(found, images[rows])


# --- every way in ---

TO_255 = np.linspace(0, 255, 60 * 64, dtype=np.float32).reshape(60, 8, 8, 1)
WAYS: dict[str, Callable[[Any, np.ndarray], object]] = {
    "encode": lambda run, images: run.model.encode(images),
    "reconstruct": lambda run, images: run.model.reconstruct(images),
    "load_images": lambda run, images: run.load_images(images),
    "Images": lambda run, images: run.load_images(Images(images, None, "array")),
    "load_dataset": lambda run, images: load_dataset(images, seed=0),
    "train": lambda run, images: _train(images),
    "AnomalyDetector": lambda run, images: _detector().fit(images),
    "anomaly scores": lambda run, images: _scorer(run).score(images),
    "denoise": lambda run, images: _denoise(run, images[0]),
    "evaluate": lambda run, images: _evaluate(run, images),
    "as_images": lambda run, images: as_images(images),
}


def _train(images: np.ndarray) -> object:
    from zscape.jobs.train import train

    return train(images, epochs=1)


def _detector() -> Any:
    from zscape.jobs.detector import AnomalyDetector

    return AnomalyDetector(epochs=1)


def _scorer(run: Any) -> Any:
    from zscape.evaluation.anomaly import AnomalyScorer
    from zscape.latent.densities import fit_density

    images = run.dataset.train.images
    return AnomalyScorer(
        run.model, fit_density("normal", run.model.encode(images)), images, threshold=0.5
    )


def _denoise(run: Any, image: np.ndarray) -> object:
    from zscape.jobs.denoise import denoise

    return denoise(run, image)


def _evaluate(run: Any, images: np.ndarray) -> object:
    from zscape.jobs.evaluate import evaluate

    return evaluate(run, images)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (TO_255, r"divide them by 255|add 1 and divide by 2|clip them"),
        (np.where(TO_255 > 250, np.nan, TO_255 / 255), "NaN or infinite"),
        (np.where(TO_255 > 2, np.inf, 0).astype(np.float16), "NaN or infinite"),
        (TO_255.astype(str), "values of type <U"),
    ],
)
def test_every_way_in_is_checked(
    way: str, images: np.ndarray, expected: str, trained: Any, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from zscape.runs import load_run

    monkeypatch.chdir(tmp_path)
    if way == "denoise":  # of one image
        images = images[-1:]
    with pytest.raises(DataError, match=expected) as caught:
        WAYS[way](load_run(trained.two), images)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_floats_up_to_255_are_refused_as_by_load_images(trained: Any) -> None:
    from zscape.runs import load_run

    for given_ in (TO_255, TO_255.astype(np.float64), TO_255.tolist()):
        with pytest.raises(DataError, match=r"from 0 to 255; .*: divide them by 255\.$"):
            load_run(trained.two).model.encode(given_)


def test_a_value_at_the_end_of_many_parts_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images_module, "CHUNK_VALUES", 20)
    images = np.zeros((50, 2, 2, 1), np.float32)
    check_values(images)
    images[-1, 1, 1] = 1.5
    with pytest.raises(DataError, match=r"^the images have values from 0 to 1\.5;"):
        check_values(images)
    images[3:6, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"^spots\.npy has 3 NaN or infinite values"):
        check_values(images, "spots.npy")


def test_whole_numbers_above_white_are_refused() -> None:
    images = np.zeros((2, 4, 4, 1), np.int64)
    images[1, 2, 3] = 300
    with pytest.raises(DataError, match=r"numbers from 0 to 300; expected 0 to 255 \(or unsigned"):
        check_values(images)
    check_values(images, white=300)
    for dtype in ("uint16", "int64", "uint32"):
        with pytest.raises(DataError, match=r"a.npy has .* 0 to 300; .*0 to 299, for 299 is white"):
            check_values(images.astype(dtype), "a.npy", 299)
    with pytest.raises(DataError, match=r"numbers from -1 to 0; expected 0 to 255"):
        check_values(-(images > 0).astype(np.int8))
    check_values(images.astype(np.uint16))  # of these, 65535 is white


def test_wide_whole_numbers_become_the_smallest_type_that_holds_them() -> None:
    images = np.full((2, 4, 4, 1), 200, np.int64)
    for white, dtype in ((None, np.uint8), (255, np.uint8), (4095, np.uint16)):
        found = as_images(images, white=white)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, images)


def test_an_array_is_neither_copied_nor_on_disk() -> None:
    images = np.zeros((3, 8, 8), np.float32)
    checked: ImageStore = as_images(images)
    assert checked.shape == (3, 8, 8, 1)
    assert np.shares_memory(np.asarray(checked), images)
    assert on_disk(checked) is None


def test_every_image_of_an_array_can_be_read() -> None:
    assert readable_rows(ARRAY).tolist() == [0, 1, 2, 3, 4]
    assert is_broken(ARRAY, np.array([4, 0])).tolist() == [False, False]
