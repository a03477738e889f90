"""Classes of images, matched by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from zscape.data.images import NO_LABEL, Images


def is_labelled(images: Images) -> np.ndarray:
    """Tell which images have a label, (N,)."""
    labels = images.labels
    return np.zeros(len(images), bool) if labels is None else np.asarray(labels != NO_LABEL)


def names_of(images: Images) -> dict[int, str]:
    """Return the name of each class that is present, by its label; without names its number."""
    if images.labels is None:
        return {}
    names = images.class_names
    present = np.unique(images.labels[is_labelled(images)]).tolist()
    return {label: str(label) if names is None else names[label] for label in present}


def labels_as_in(images: Images, known: Images) -> np.ndarray | None:
    """Return the labels of images as the classes of `known` images are numbered, (N,).

    Classes are matched by name; where one side has numbers and the other words, by number. Those
    that are not among the known ones become `NO_LABEL`. None where one of the two has no labels.
    """
    if images.labels is None or known.labels is None:
        return None
    own, others = names_of(images), names_of(known)
    if _are_numbers(own.values()) != _are_numbers(others.values()):
        own, others = {label: str(label) for label in own}, {label: str(label) for label in others}
    numbers = {name: label for label, name in others.items()}
    return _renumbered(images.labels, {label: numbers.get(own[label], NO_LABEL) for label in own})


def as_digits(images: Images) -> np.ndarray | None:
    """Return which digits the labels stand for, (N,): their names where all of these are numbers.

    None without labels.
    """
    names = names_of(images)
    if images.labels is None or not _are_numbers(names.values()):
        return images.labels
    return _renumbered(images.labels, {label: int(name) for label, name in names.items()})


def _renumbered(labels: np.ndarray, numbers: Mapping[int, int]) -> np.ndarray:
    present, places = np.unique(labels, return_inverse=True)
    renumbered = [numbers.get(label, NO_LABEL) for label in present.tolist()]
    return np.array(renumbered, np.int64)[places]


def _are_numbers(names: Iterable[str]) -> bool:
    return all(name.removeprefix("-").isdecimal() for name in names)
