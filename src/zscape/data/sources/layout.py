"""What the folders that pictures are in say of them: their splits and their classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from zscape.data.sources.split_names import split_of

MAX_CLASSES = 1000
_TRUTH = "ground_truth"  # masks of anomalies, as MVTec AD has them


def described(
    names: Sequence[str],
) -> tuple[list[str] | None, list[str] | None, list[int], tuple[str, ...]]:
    """Return what the paths of pictures, with `/`, say of them.

    Folders train and test, or train and val, beside each other are splits; what lies beside them
    is left aside. Folders below these, or directly below the root, are classes if all pictures are
    in one of them, there are 2 to `MAX_CLASSES`, and at least two pictures for each on average.
    A folder that has all pictures is looked into.

    Returns:
        The class of each picture kept or None, its split or None, the numbers of those that are
        kept, and what there is to say.
    """
    paths = [PurePosixPath(name).parts for name in names]
    while paths and len({path[0] for path in paths}) == 1 and all(len(p) > 1 for p in paths):
        paths = [path[1:] for path in paths]
    tops = Counter(path[0] for path in paths if len(path) > 1)
    splits = {top: split for top in tops if (split := split_of(top)) is not None}
    if "train" not in splits.values() or len(set(splits.values())) < 2:
        return _classes(paths), None, list(range(len(paths))), ()
    kept = [row for row, path in enumerate(paths) if len(path) > 1 and path[0] in splits]
    below = [paths[row][1:] for row in kept]
    others = [path for path in paths if len(path) < 2 or path[0] not in splits]
    left = Counter(path[0] if len(path) > 1 else "." for path in others)
    notes = [
        f"{top}: {n:,} pictures beside the splits are left aside"
        + (" (masks of anomalies)" if top == _TRUTH else "")
        for top, n in sorted(left.items())
    ]
    return _classes(below), [splits[paths[row][0]] for row in kept], kept, tuple(notes)


def _classes(paths: Sequence[tuple[str, ...]]) -> list[str] | None:
    classes = {path[0] for path in paths if len(path) > 1}
    if (
        any(len(path) == 1 for path in paths)
        or not 2 <= len(classes) <= MAX_CLASSES
        or len(paths) < 2 * len(classes)
        or all(map(split_of, classes))
    ):
        return None
    return [path[0] for path in paths]
