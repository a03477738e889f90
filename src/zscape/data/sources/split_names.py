"""What people call the parts of a data set."""

from __future__ import annotations

import re

SPLITS = {
    "train": ("train", "training", "trainset"),
    "validation": ("validation", "valid", "val", "dev", "publictest"),  # FER2013 has the last
    "test": ("test", "testing", "testset", "privatetest"),
}
_NUMBER = re.compile(r"[-_.]?\d+(-of-\d+)?$")  # of a shard


def split_of(name: str) -> str | None:
    """Return `train`, `validation` or `test` for a name like `train-00000-of-00002`, or None."""
    word = _NUMBER.sub("", name.lower().strip())
    return next((split for split, words in SPLITS.items() if word in words), None)
