"""A folder: the pictures in it and in those below it, or files of many pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from zscape.data.pictures import KINDS, OpenEach, PictureList, Skipped, hindrance_of
from zscape.data.sources import PictureSource, ShardSource, source_kinds
from zscape.data.sources.label_table import TABLE_ENDINGS, labels_beside
from zscape.data.sources.layout import described
from zscape.errors import DataError
from zscape.remote import RemotePath, as_path

_ARRAYS = (".npz", ".npy", "ubyte", ".gz")  # endings of files of arrays


class Folder(PictureSource):
    """A folder of pictures, or of tar or Parquet files if it has no picture itself."""

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether a location is a folder."""
        return as_path(location).expanduser().is_dir()

    def list_pictures(self, *, follow_links: bool = False) -> PictureList:
        """List the pictures, with the folders directly below as classes if they look like it."""
        root = self.path.resolve()
        names, skipped = picture_files(root, follow_links=follow_links)
        kinds = [kind for kind in source_kinds() if issubclass(kind, ShardSource)]
        entries = [] if names else sorted(root.iterdir())
        shards = [(kind, found) for kind in kinds if (found := [*filter(kind.matches, entries)])]
        if len(shards) > 1:
            both = " and ".join(sorted((kind.kind for kind, _ in shards), reverse=True))
            raise DataError(f"{root} has {both} files; name one of them, or part them.")
        for kind, files in shards:
            return kind.list_files(files)
        if not names:
            raise DataError(_no_pictures(root, [item.path for item in skipped]))
        classes, splits, kept, notes = described(names)
        names = [names[row] for row in kept]
        labels: list[str] | list[int] | None = classes
        if labels is None:
            labels, more = labels_beside(root, names)
            notes = (*notes, *more)
            skipped = [item for item in skipped if not item.path.lower().endswith(TABLE_ENDINGS)]
        files = [root / name for name in names]
        sizes = [file.stat().st_size for file in files]
        return PictureList(
            names, labels, None, skipped, files, sizes, OpenEach(files), splits, notes=notes
        )


def _no_pictures(root: Path, others: Sequence[str]) -> str:
    """Say what is wrong with a folder that has other files only."""
    sets = [name for name in others if name.lower().endswith((*TABLE_ENDINGS, *_ARRAYS))]
    if sets:
        return (
            f"{root} has no pictures but {sets[0]}; name that file itself, if it has the pixels of "
            "images."
        )
    more = f"; it has {len(others):,} other files" if others else ""
    return (
        f"{root} has no pictures{more}; expected {KINDS} files in it, or zip, tar or Parquet files "
        "with such."
    )


def picture_files(folder: Path, *, follow_links: bool = False) -> tuple[list[str], list[Skipped]]:
    """Return the pictures in a folder and below it, and what was left out, in alphabetical order.

    Paths are within the folder, with `/`. Names that begin with a dot are passed over, as
    everywhere. Files are told by their endings.
    """
    root = folder.resolve()
    if isinstance(root, RemotePath):
        return _remote_files(root)
    found: list[str] = []
    skipped: list[Skipped] = []
    seen = {root}
    pending = [root]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = Path(entry.path).relative_to(root).as_posix()
                reason = _hindrance(entry, root, follow_links=follow_links)
                if reason:
                    skipped.append(Skipped(name, reason))
                elif not entry.is_dir():
                    found.append(name)
                elif (target := Path(entry.path).resolve()) not in seen:  # no circles of links
                    seen.add(target)
                    pending.append(Path(entry.path))
    return sorted(found), sorted(skipped, key=lambda item: item.path)


def _remote_files(root: RemotePath) -> tuple[list[str], list[Skipped]]:
    """Return what `picture_files` does, of a folder that lies elsewhere."""
    names = [name for name in root.files_below() if "/." not in f"/{name}"]
    # An object may have any name, also one that no path can have.
    odd = {name for name in names if PurePosixPath(name).as_posix() != name or "/../" in f"/{name}"}
    skipped = [
        Skipped(name, reason)
        for name in names
        if (reason := "its name is not that of a path" if name in odd else hindrance_of(name))
    ]
    left_out = {item.path for item in skipped}
    return [name for name in names if name not in left_out], skipped


def _hindrance(entry: os.DirEntry[str], root: Path, *, follow_links: bool) -> str:
    """Return why an entry of a folder is left out, or nothing."""
    try:
        if entry.is_symlink() and not follow_links:
            target = Path(entry.path).resolve(strict=True)
            if not target.is_relative_to(root):
                return "a symbolic link that leaves the folder"
        if entry.is_dir():
            return "" if os.access(entry.path, os.R_OK | os.X_OK) else "a folder nobody may read"
        if not entry.is_file():
            return "a symbolic link to nothing" if entry.is_symlink() else "not an ordinary file"
    except FileNotFoundError:
        return "a symbolic link to nothing"
    except (OSError, RuntimeError) as error:  # a circle of links, or no permission
        return getattr(error, "strerror", None) or str(error)
    return hindrance_of(entry.name)
