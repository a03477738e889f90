"""Which pictures a run was trained on, kept in its folder, so that later ones are told apart."""

from __future__ import annotations

import json
from pathlib import Path

from zscape.data.images import Dataset
from zscape.errors import RunError
from zscape.files import write_json
from zscape.remote import as_path

FILE = "images.json"


def keep_pictures(folder: Path, dataset: Dataset) -> None:
    """Write the bytes of the pictures of a folder that a run is trained on, by path."""
    if dataset.decoding is None:
        return
    listed, root = dataset.decoding.source, as_path(dataset.name)
    if not root.is_dir() or not all(file.is_relative_to(root) for file in listed.files):
        return
    if len(listed.files) != len(listed.sizes):  # the files are archives
        return
    names = [file.relative_to(root).as_posix() for file in listed.files]
    write_json(folder / FILE, dict(zip(names, listed.sizes, strict=True)))


def known_pictures(folder: Path) -> dict[str, int] | None:
    """Return the bytes of the pictures that a run was trained on, by path; None if not kept.

    Raises:
        RunError: the file is damaged.
    """
    path = folder / FILE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): int(size) for name, size in values.items()}
    except FileNotFoundError:
        return None
    except (
        OSError,
        ArithmeticError,
        AttributeError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise RunError(f"{path} is damaged: {error}. Copy the run again.") from error
