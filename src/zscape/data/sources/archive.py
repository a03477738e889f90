"""Archives of pictures, listed as the folder would be that unpacking them gives."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from zscape.data.pictures import (
    KINDS,
    MAX_PIXELS,
    OpenEach,
    PictureList,
    Skipped,
    hindrance_of,
)
from zscape.data.sources.label_table import TABLE_ENDINGS, Table, labels_from, tables_beside
from zscape.data.sources.layout import described
from zscape.data.sources.split_names import split_of
from zscape.errors import DataError

MAX_PICTURE_BYTES = 4 * MAX_PIXELS  # unpacked; a picture that is not compressed has up to that
_MAX_TABLE = 2**28  # bytes


@dataclass(frozen=True)
class Member:
    """A file in an archive."""

    shard: Path
    path: str  # within the archive, with `/`
    size: int  # bytes, unpacked
    hindrance: str  # why it cannot be read, in a few words, or nothing
    open: Callable[[], io.BytesIO]


class UnreadableMember(io.BytesIO):
    """Content that cannot be had; to read it is an error that says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(b"\0")
        self._reason = reason

    def read(self, size: int | None = -1, /) -> bytes:
        """Raise what kept the content from being read."""
        raise OSError(self._reason)


class Contents(NamedTuple):
    """What is in archives."""

    pictures: list[Member]
    tables: list[Member]  # which may have labels
    skipped: list[Skipped]


def sort_out(members: Iterable[Member], known: tuple[str, ...] = ()) -> Contents:
    """Tell the pictures from the rest; files of a `known` ending are passed over.

    So is what begins with a dot, as in a folder, and what macOS adds.
    """
    contents = Contents([], [], [])
    for member in members:
        name, parts = member.path.lower(), member.path.split("/")
        if any(map(_is_hidden, parts)):
            continue
        if name.endswith(TABLE_ENDINGS) and not member.hindrance and member.size <= _MAX_TABLE:
            contents.tables.append(member)
        elif reason := _hindrance(member, parts):
            if not name.endswith(known):
                contents.skipped.append(Skipped(f"{member.shard.name}/{member.path}", reason))
        else:
            contents.pictures.append(member)
    return contents


def _is_hidden(part: str) -> bool:
    return part == "__MACOSX" or (part.startswith(".") and part not in (".", ".."))


def _hindrance(member: Member, parts: Sequence[str]) -> str:
    if member.path.startswith("/") or ".." in parts or member.path[1:2] == ":":
        return "its name leads out of the archive"
    if member.size > MAX_PICTURE_BYTES:
        return f"it has {member.size:,} bytes unpacked; at most {MAX_PICTURE_BYTES:,} are read"
    return hindrance_of(member.path) or member.hindrance


def check_pictures(contents: Contents, file: Path) -> None:
    """Refuse archives without pictures, and tell what is in the first one."""
    if contents.pictures:
        return
    tables, skipped = contents.tables, contents.skipped
    if tables and not skipped:
        raise DataError(
            f"{file} has no pictures but {tables[0].path}; unpack it and name that file if it has "
            "the pixels of images."
        )
    others = (
        f"; it has {len(skipped):,} other files, the first: {skipped[0].reason}" if skipped else ""
    )
    raise DataError(f"{file} has no pictures{others}; expected {KINDS} files in it.")


def as_list(
    contents: Contents,
    files: Sequence[Path],
    names: Sequence[str],
    labels: list[str] | list[int] | None = None,
) -> PictureList:
    """Return the pictures under `names`, with the classes and splits that their folders tell.

    Without class folders a table in the archive, or beside it, may have the labels.
    """
    places = places_of(contents.pictures, contents.pictures)
    classes, splits, kept, notes = described(places)
    if labels is not None:
        found: list[str] | list[int] | None = [labels[row] for row in kept]  # type: ignore[assignment]
    elif classes is not None:
        found = classes
    else:
        found, more = _labels(contents, files, [places[row] for row in kept])
        notes = (*notes, *more)
    pictures = [contents.pictures[row] for row in kept]
    return PictureList(
        names=[names[row] for row in kept],
        labels=found,
        class_names=None,
        skipped=contents.skipped,
        files=[*files],
        sizes=[picture.size for picture in pictures],
        open=OpenEach([picture.open for picture in pictures]),
        splits=splits,
        notes=notes,
    )


def _labels(
    contents: Contents, files: Sequence[Path], places: Sequence[str]
) -> tuple[list[str] | list[int] | None, tuple[str, ...]]:
    paths = places_of(contents.tables, contents.pictures)
    inner = [Table(path, each.open) for path, each in zip(paths, contents.tables, strict=True)]
    folder = files[0].with_suffix("")  # that unpacking would give
    return labels_from([*inner, *tables_beside(folder)], places, folder.name)


def places_of(members: Sequence[Member], pictures: Sequence[Member]) -> list[str]:
    """Return the path of each file below the folder that one would name after unpacking.

    That is the innermost that has all the pictures in it. Where the names of all archives are
    those of splits, as in `train-00.tar` and `test-00.tar`, each archive is a folder.
    """
    shards = {picture.shard for picture in pictures}
    splits = {shard: split_of(shard.name.partition(".")[0]) for shard in shards}
    if len({*splits.values()}) > 1 and None not in splits.values():
        return [_in_split(member, splits.get(member.shard)) for member in members]
    folders = [_parts(picture)[:-1] for picture in pictures]
    low, high = min(folders), max(folders)  # what these have in common all have
    n_same = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    paths = [_parts(member) for member in members]
    return [
        "/".join(path[n_same:]) if path[:n_same] == low[:n_same] else f"../{path[-1]}"
        for path in paths
    ]


def _in_split(member: Member, split: str | None) -> str:
    parts = _parts(member)
    if len(parts) > 1 and split_of(parts[0]) == split:
        parts = parts[1:]  # `train/` in train.zip
    return "/".join((split or "..", *parts))


def _parts(member: Member) -> list[str]:
    return [part for part in member.path.split("/") if part not in ("", ".")]
