"""Labels: none is none, and classes are matched by name."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from tests.conftest import blobs
from zscape.data.images import NO_LABEL, Images
from zscape.evaluation.codes import cluster_agreement, knn_accuracy, linear_probe_accuracy
from zscape.evaluation.generation import class_shares
from zscape.evaluation.labels import as_digits, labels_as_in
from zscape.evaluation.truth import mixed_warning, truth_of
from zscape.jobs.evaluate import evaluate
from zscape.runs import load_run


def labelled(labels: list[int] | None, names: tuple[str, ...] | None = None) -> Images:
    n = 5 if labels is None else len(labels)
    pixels = np.zeros((n, 2, 2, 1), np.uint8)
    return Images(pixels, None if labels is None else np.array(labels), "x", class_names=names)


@pytest.mark.parametrize(
    ("images", "known", "expected"),
    [
        # A folder without the class b numbers the others anew.
        (labelled([0, 1, 1], ("a", "c")), labelled([0, 1, 2], ("a", "b", "c")), [0, 2, 2]),
        (labelled([0, 1, 2], ("a", "b", "c")), labelled([0, 1], ("a", "c")), [0, -1, 1]),
        (labelled([0, 1, -1], ("a", "c")), labelled([1, 1, -1], ("a", "c")), [-1, 1, -1]),
        (labelled([0, 1], ("3", "7")), labelled([3, 7, 9]), [3, 7]),
        (labelled([3, 7, 8]), labelled([0, 1], ("3", "7")), [0, 1, -1]),
        (labelled([0, 1, 2]), labelled([0, 1], ("cat", "dog")), [0, 1, -1]),
        (labelled([5, 0, -1]), labelled([0, 5, -1]), [5, 0, -1]),
    ],
)
def test_classes_are_matched_by_name(images: Images, known: Images, expected: list[int]) -> None:
    labels = labels_as_in(images, known)
    assert labels is not None
    assert labels.tolist() == expected


def test_without_labels_nothing_is_matched() -> None:
    assert labels_as_in(labelled(None), labelled([1])) is None
    assert labels_as_in(labelled([1]), labelled(None)) is None


def test_names_of_digits_count_more_than_their_order() -> None:
    digits = as_digits(labelled([0, 1, -1], ("3", "7")))
    assert digits is not None
    assert digits.tolist() == [3, 7, -1]
    words = as_digits(labelled([0, 1], ("cat", "dog")))
    assert words is not None
    assert words.tolist() == [0, 1]


def test_images_without_a_label_do_not_count() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    codes = 2.0 * np.eye(3)[labels] + rng.normal(0, 0.6, (200, 3))
    train, train_labels, test, test_labels = codes[:120], labels[:120], codes[120:], labels[120:]
    odd = np.full((30, 3), 50.0)
    none = np.full(30, NO_LABEL)
    more: Any = (
        np.concatenate([train, odd]), np.concatenate([train_labels, none]),
        np.concatenate([odd, test]), np.concatenate([none, test_labels]),
    )  # fmt: skip
    plain = (train, train_labels, test, test_labels)
    assert knn_accuracy(*more) == knn_accuracy(*plain)
    assert linear_probe_accuracy(*more) == pytest.approx(linear_probe_accuracy(*plain))
    assert cluster_agreement(*more[2:]) == cluster_agreement(test, test_labels)
    nobody = np.full(len(test), NO_LABEL)
    assert knn_accuracy(train, train_labels, test, nobody) is None
    assert knn_accuracy(train, np.full(len(train), NO_LABEL), test, test_labels) is None
    assert linear_probe_accuracy(train, train_labels, test, nobody) is None
    assert cluster_agreement(test, nobody) is None


def test_shares_of_classes_are_of_those_with_a_label() -> None:
    shares = class_shares(np.eye(3), np.array([0, 0, 1, NO_LABEL, NO_LABEL]))
    assert shares.data == pytest.approx((2 / 3, 1 / 3, 0))


@pytest.mark.slow
def test_evaluation_leaves_out_unlabelled_images_and_says_so(trained: Any) -> None:
    run = load_run(trained.two)
    images, labels = blobs(45)
    labels[:30] = NO_LABEL
    some = evaluate(run, Images(images, labels, "x"))
    only = evaluate(run, Images(images[30:], labels[30:], "x"))
    for name in ("knn_accuracy", "linear_probe_accuracy", "cluster_agreement"):
        assert some.model[name] == pytest.approx(only.model[name])
    assert any(note.startswith("30 images without a label") for note in some.notes)
    none = evaluate(run, Images(images, np.full(45, NO_LABEL), "x"))
    assert none.model["knn_accuracy"] is None
    assert any("have no labels" in note for note in none.notes)


@pytest.mark.slow
def test_one_class_is_not_told_from_others(trained: Any) -> None:
    run = load_run(trained.two)
    train = dataclasses.replace(run.dataset.train, labels=np.zeros(49, np.int64))
    run = dataclasses.replace(run, known_dataset=dataclasses.replace(run.dataset, train=train))
    images, labels = blobs(45)
    found = evaluate(run, Images(images, labels, "x"))
    assert found.model["knn_accuracy"] is None
    assert any("all of one class" in note for note in found.notes)


@pytest.mark.slow
def test_a_missing_class_does_not_make_codes_worse(trained: Any) -> None:
    run = load_run(trained.two)
    names = ("left", "middle", "right")

    def named(images: Images) -> Images:
        return dataclasses.replace(images, class_names=names)

    dataset = run.dataset
    parts: Any = {part: named(getattr(dataset, part)) for part in ("train", "validation", "test")}
    run = dataclasses.replace(run, known_dataset=dataclasses.replace(dataset, **parts))
    images, labels = blobs(60)
    kept = labels != 1
    whole = Images(images[kept], labels[kept], "x", class_names=names)
    renumbered = Images(images[kept], labels[kept] // 2, "x", class_names=("left", "right"))
    assert evaluate(run, renumbered).model == evaluate(run, whole).model


@pytest.mark.parametrize(
    ("images", "training", "expected"),
    [
        (labelled([0, 1, -1], ("crack", "good")), labelled([0, 0], ("good",)), [1, 0, -1]),
        (
            labelled([0, 1, 2], ("bolt", "nut", "dirt")),
            labelled([0, 1], ("bolt", "nut")),
            [0, 0, 1],
        ),
        (labelled([0, 1], ("crack", "GOOD")), labelled(None), [1, 0]),
        (labelled([0, 1], ("bad", "Ok")), labelled([-1, -1]), [1, 0]),
        (labelled([0, 1], ("bad", "ok")), labelled([0], ("mine",)), [1, 0]),
        (labelled([0, 1], ("bad", "ok")), labelled([0]), [1, 0]),
        (labelled([0, 1], ("cat", "dog")), labelled(None), None),
        (labelled([0, 1, 8]), labelled([8, 8]), [1, 1, 0]),
        (labelled(None), labelled([1]), None),
        (labelled([-1, -1], ("good",)), labelled(None), None),
    ],
)
def test_which_classes_are_normal(
    images: Images, training: Images, expected: list[int] | None
) -> None:
    truth = truth_of(images, training)
    assert (None if truth is None else truth.tolist()) == expected


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (labelled([0, 1, 2], ("bad", "good", "torn")), ["classes bad, torn, too"]),
        (labelled([0, 1], ("OK", "scratch")), ["class scratch, too"]),
        (labelled([1, 1], ("bad", "good")), []),
        (labelled([0, 1], ("cat", "dog")), []),
        (labelled(None), []),
    ],
)
def test_training_on_anomalies_is_warned_of(training: Images, expected: list[str]) -> None:
    found = mixed_warning(training)
    assert len(found) == len(expected)
    assert all(text in warning for text, warning in zip(expected, found, strict=True))
