"""Which files of a folder are pictures, and why the others are not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zscape.data.pictures import ENDINGS


@dataclass(frozen=True)
class Skipped:
    """A file that was left out.

    Attributes:
        path: within the folder, with `/`.
        reason: why, in a few words.
    """

    path: str
    reason: str


def list_pictures(folder: Path, *, follow_links: bool = False) -> tuple[list[str], list[Skipped]]:
    """List the picture files in a folder and in the folders below it.

    Names that begin with a dot are passed over, as everywhere. Files are told by their endings.

    Args:
        folder: the folder.
        follow_links: also go where symbolic links lead out of the folder.

    Returns:
        Paths within the folder, with `/`, in alphabetical order, and what was left out.

    Raises:
        OSError: the folder cannot be read.
    """
    root = folder.resolve()
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
    if not entry.name.lower().endswith(ENDINGS):
        return "no picture by the ending of its name"
    return ""
