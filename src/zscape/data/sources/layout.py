"""What the folders that pictures are in say of them: their splits and their classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from zscape.data.sources.split_names import split_of

MAX_CLASSES = 1000
_MAX_DEPTH = 3  # folders that splits may lie below
_TRUTH = "ground_truth"  # masks of anomalies, as MVTec AD has them

_Path = tuple[str, ...]


def described(
    names: Sequence[str],
) -> tuple[list[str] | None, list[str] | None, list[int], tuple[str, ...]]:
    """Return what the paths of pictures, with `/`, say of them.

    Folders train and test, or train and val, beside each other are splits; what lies beside them
    is left aside. Folders below these, or directly below the root, are classes if all pictures are
    in one of them, there are 2 to `MAX_CLASSES`, and at least two pictures for each on average; a
    split may have none. Splits may also lie in each class. A folder that has all pictures is looked
    into.

    Returns:
        The class of each picture kept or None ("" where it has none), its split or None, the
        numbers of those that are kept, and what there is to say.
    """
    paths = [PurePosixPath(name).parts for name in names]
    while paths and len({path[0] for path in paths}) == 1 and all(len(p) > 1 for p in paths):
        paths = [path[1:] for path in paths]
    depth = next((depth for depth in range(_MAX_DEPTH) if _are_splits(paths, depth)), None)
    if depth is None:
        classes, notes = _classes(paths)
        return classes, None, list(range(len(paths))), notes
    kept = [row for row, path in enumerate(paths) if _split(path, depth) is not None]
    splits = [split for path in paths if (split := _split(path, depth)) is not None]
    classes, notes = _classes(_below([paths[row][depth:] for row in kept]), splits)
    if classes is None and depth:
        classes, _ = _classes([paths[row][depth - 1 :] for row in kept])
    left = Counter(
        path[depth] if len(path) > depth + 1 else "."
        for path in paths
        if _split(path, depth) is None
    )
    aside = [
        f"{top}: {n:,} picture{'s' if n > 1 else ''} beside the splits {'are' if n > 1 else 'is'} "
        "left aside" + (" (masks of anomalies)" if top == _TRUTH else "")
        for top, n in sorted(left.items())
    ]
    return classes, splits, kept, (*aside, *notes)


def _split(path: _Path, depth: int) -> str | None:
    """Return the split that a folder on the way to a picture stands for, or None."""
    return split_of(path[depth]) if len(path) > depth + 1 else None


def _are_splits(paths: Sequence[_Path], depth: int) -> bool:
    """Tell whether the folders at a depth are splits: train and another, or nothing else."""
    counts = Counter(_split(path, depth) for path in paths)
    n_others = counts.pop(None, 0)
    if len(counts) < 2:
        return False
    # Deeper ones may be of a part of the pictures only.
    return n_others == 0 or ("train" in counts and (depth == 0 or 2 * n_others <= len(paths)))


def _below(paths: Sequence[_Path]) -> list[_Path]:
    """Return paths without the folder of their split, which may be there twice: train/train."""
    while all(len(path) > 2 and split_of(path[1]) == split_of(path[0]) for path in paths):
        paths = [path[1:] for path in paths]
    return [path[1:] for path in paths]


def _classes(
    paths: Sequence[_Path], splits: Sequence[str] | None = None
) -> tuple[list[str] | None, tuple[str, ...]]:
    """Return the class of each picture, "" where its split has no folders; or None; and notes."""
    uses = splits or [""] * len(paths)
    foldered = Counter(use for use, path in zip(uses, paths, strict=True) if len(path) > 1)
    loose = Counter(use for use, path in zip(uses, paths, strict=True) if len(path) == 1)
    classes = {path[0] for path in paths if len(path) > 1}
    if (
        not 2 <= len(classes) <= MAX_CLASSES
        or foldered.total() < 2 * len(classes)
        or all(map(split_of, classes))
    ):
        return None, ()
    beside = {use: n for use, n in loose.items() if foldered[use]}
    if n_beside := sum(beside.values()):
        lie = "picture lies" if n_beside == 1 else "pictures lie"
        return None, (
            f"the {len(classes):,} folders are not taken as classes, for {n_beside:,} {lie} "
            "beside them",
        )
    notes = [f"{use}: the pictures have no classes" for use in loose]
    return [path[0] if len(path) > 1 else "" for path in paths], tuple(notes)
