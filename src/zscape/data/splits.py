"""Which images are to train, to validate and to test on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from zscape.data.alike import with_classes
from zscape.data.images import MAX_VALUES, Images
from zscape.data.pictures import Skipped
from zscape.data.sources import known_names
from zscape.errors import DataError

MIN_IMAGES = 20
MAX_TEST = 10_000
_USES = {"validation": "validate", "test": "test"}
_TEST, _LIMIT = 1, 2  # the last words of the seeds of draws


def part_of(images: Images, split: str) -> Images:
    """Return a split of images that have splits; all images otherwise, or if they lack it."""
    if split == "all" or images.splits is None or split not in images.splits:
        return images
    part = images.take(np.flatnonzero(images.splits == split))
    return replace(part, splits=None, part=split)


def parts_of(
    images: Images, seed: int, others: Mapping[str, Images]
) -> tuple[dict[str, Images], list[str]]:
    """Return what images are split into, by use, with `train` first; and what there is to say.

    What is to validate on is missing if it has to be drawn from `train`.
    """
    check_enough(len(images), described(images.source, len(images.skipped), *images.skipped[:1]))
    if images.splits is None:
        if "test" in others:
            return {"train": images}, []
        # The test split is measured as a whole.
        most = min(MAX_TEST, MAX_VALUES // math.prod(images.image_shape))
        n_test = max(1, min(most, len(images) // 10))
        rest, test = held_out(images, n_test, [seed, _TEST])
        return {"train": rest, "test": test}, []
    own = [name for name in ("train", "validation", "test") if name in images.splits]
    if "train" not in own:
        raise DataError(
            f"{images.source} has images to {' and '.join(_USES[name] for name in own)} on, and "
            "none to train on; name the images to train on."
        )
    parts = {name: part_of(images, name) for name in own if name not in others}
    unused = [name for name in own if name in others]
    notes = [f"{name}: the set's own {name} images are left aside" for name in unused]
    if "test" not in own and "test" not in others:
        whole = parts["train"]
        rest, test = held_out(whole, max(1, len(whole) // 10), [seed, _TEST])
        parts |= {"train": rest, "test": test}
    if images.source not in known_names():
        counts = ", ".join(f"{len(part):,} {name}" for name, part in parts.items())
        notes.insert(0, f"the set's own splits are kept: {counts}")
    return parts, notes


def held_out(images: Images, n: int, seed: int | list[int]) -> tuple[Images, Images]:
    """Return what is left and `n` images drawn; images of one file stay together.

    Both in file order, so that nothing but the choice itself is random.
    """
    rng = np.random.default_rng(seed)
    n_groups = 0 if images.groups is None else len(np.unique(images.groups))
    if images.groups is None or n_groups < 3:
        order = rng.permutation(len(images))
        return images.take(np.sort(order[n:])), images.take(np.sort(order[:n]))
    groups, sizes = np.unique(images.groups, return_counts=True)
    order = rng.permutation(n_groups)
    n_held = int(np.searchsorted(np.cumsum(sizes[order]), n)) + 1
    is_held = np.isin(images.groups, groups[order[: min(n_held, n_groups // 3)]])
    return images.take(np.flatnonzero(~is_held)), images.take(np.flatnonzero(is_held))


def limited(
    parts: Mapping[str, Images], limit: int, seed: int, *, first: bool
) -> dict[str, Images]:
    """Return parts with at most `limit` images of train and validation together, and of test.

    They are drawn, or the first.
    """
    most = dict.fromkeys(parts, limit)
    if "validation" in parts:
        most["validation"] = min(len(parts["validation"]), max(1, limit // 10))
        most["train"] -= most["validation"]
    if first:
        return {name: part.take(slice(most[name])) for name, part in parts.items()}
    # The lengths of the names differ, so each part has a draw of its own.
    return {name: part.some(most[name], [seed, _LIMIT, len(name)]) for name, part in parts.items()}


def same_classes(parts: dict[str, Images]) -> dict[str, Images]:
    """Return the parts with one numbering of the classes, by name."""
    names = parts["train"].class_names
    for part in parts.values():
        names = with_classes(part, names).class_names or names
    return {name: with_classes(part, names) for name, part in parts.items()}


def described(source: str, n_left_out: int, first: Skipped | None = None) -> str:
    """Return the name of a source, with how many of its files were left out, and why the first."""
    if not n_left_out:
        return source
    files = "file was" if n_left_out == 1 else "files were"
    reason = "" if first is None else f"; {first.path}: {first.reason}"
    return f"{source} ({n_left_out:,} {files} left out{reason})"


def check_enough(n_images: int, what: str) -> None:
    """Refuse to train on too few images."""
    if n_images < MIN_IMAGES:
        raise DataError(
            f"{what} gives {n_images} image{'s' if n_images != 1 else ''}; training needs at "
            f"least {MIN_IMAGES}: some to learn from, some to validate and to test on."
        )
