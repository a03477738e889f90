"""Later images made like those of a training: their classes by name, and their polarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from zscape.data.images import NO_LABEL, Images, ImageStore, as_float, drawn, on_disk

Border = Literal["dark", "light"]

N_BORDERS = 256
_DARK, _LIGHT, _MOST = 0.25, 0.75, 0.8


def with_classes(images: Images, class_names: Sequence[str] | None) -> Images:
    """Return images whose labels stand for `class_names`, to which unknown classes are added."""
    if images.labels is None or not class_names:
        return images
    if images.class_names is None:
        is_clear = all(map(_is_number, class_names)) or not (images.labels != NO_LABEL).any()
        return images if is_clear else _with_note(images, class_names)
    new = [name for name in images.class_names if name not in class_names]
    names = (*class_names, *new)
    numbers = np.array([*map(names.index, images.class_names), NO_LABEL])
    return replace(images, labels=numbers[images.labels], class_names=names)


def _with_note(images: Images, class_names: Sequence[str]) -> Images:
    """Return images that say which class each of their numbers is taken for."""
    pairs = [f"{number} for {name}" for number, name in enumerate(class_names[:4])]
    more = ", and so on" if len(class_names) > len(pairs) else ""
    note = f"{images.source}: the labels are numbers, taken as {', '.join(pairs)}{more}"
    return images if note in images.notes else replace(images, notes=(*images.notes, note))


def _is_number(name: str) -> bool:
    return name.removeprefix("-").isdecimal()


def border(images: ImageStore, rows: np.ndarray | None = None) -> Border | None:
    """Return whether the borders of gray images (N, H, W, 1) are dark or light, if most are.

    A digit drawn white on black has a dark one. Some images are looked at: those at `rows`, or
    some that are drawn.
    """
    if images.shape[-1] != 1 or not len(images) or len(images.shape) != 4:
        return None
    rows = drawn(len(images), N_BORDERS) if rows is None else rows[:N_BORDERS]
    some = as_float(images[np.sort(rows)])[..., 0]
    edges = np.concatenate([some[:, 0], some[:, -1], some[:, :, 0], some[:, :, -1]], axis=1)
    brightness = edges.mean(axis=1)
    if (brightness < _DARK).mean() >= _MOST:
        return "dark"
    return "light" if (brightness > _LIGHT).mean() >= _MOST else None


def with_border(images: Images, wanted: str | None) -> Images:
    """Return images, inverted if their borders are light and those of a training dark, or so."""
    found = border(images.images) if wanted is not None else None
    if found is None or found == wanted:
        return images
    note = (
        f"the images have {found} borders and those of the training {wanted} ones: they are "
        "inverted; to keep such images as they are, train with `polarity=keep`"
    )
    return replace(images, images=inverted(images.images), notes=(*images.notes, note))


def inverted(images: ImageStore) -> ImageStore:
    """Return images (N, H, W, C) with black for white; what is on disk stays there."""
    if (stored := on_disk(images)) is not None:
        return stored.inverted()
    array = np.asarray(images)
    if array.dtype.kind == "f":
        return 1 - array
    return ~array  # 255 - x of bytes
