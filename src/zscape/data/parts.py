"""Parts of picture files that are images of their own: pages of TIFF files, and patches."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from zscape.data.images import drawn
from zscape.data.pictures import FORMATS, Part, PictureList, Skipped, bounded, quiet_pillow
from zscape.errors import PARSE_ERRORS
from zscape.remote import in_threads

MAX_PATCHES = 64  # of a picture
_TURNED = (5, 6, 7, 8)  # orientations of EXIF that swap height and width
_ORIENTATION = 274
_PNG_KEYS = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")  # begin what may tell it


def with_pages(listed: PictureList) -> PictureList:
    """Return a list in which every page of a TIFF file of several is a picture."""
    names = [PurePosixPath(name).suffix.lower() for name in listed.names]
    is_tiff = [ending in (".tif", ".tiff") for ending in names]
    if not any(is_tiff):
        return listed
    with quiet_pillow():
        n_pages = in_threads(
            lambda row: _n_pages(listed.open(row)) if is_tiff[row] else 1,
            range(len(listed)),
            listed.files,
        )
    if max(n_pages) == 1:
        return listed
    parts: list[list[Part | None]] = [
        [Part(page) for page in range(n)] if n > 1 else [None] for n in n_pages
    ]
    n_files, n_images = sum(n > 1 for n in n_pages), sum(n for n in n_pages if n > 1)
    files = "TIFF file" if n_files == 1 else "TIFF files"
    note = f"{n_files:,} {files} with {n_images:,} pages: each page is an image"
    return _divided(listed, parts, lambda part: f"#{part.page + 1}", note)


def with_patches(listed: PictureList, height: int, width: int) -> PictureList:
    """Return a list of patches of the pictures, which keep their scale; smaller ones are left out.

    The patches do not overlap; of more than `MAX_PATCHES` of one picture so many are drawn.
    """
    parts: list[list[Part | None]] = []
    skipped = list(listed.skipped)
    n_places = 0
    with quiet_pillow():
        sizes = in_threads(
            lambda row: upright_size(listed.open(row), listed.part(row)),
            range(len(listed)),
            listed.files,
        )
    for row, size in enumerate(sizes):
        wide, high = size or (width, height)
        boxes = [
            (left, top, left + width, top + height)
            for top in _starts(high, height)
            for left in _starts(wide, width)
        ]
        n_places += len(boxes)
        if not boxes:
            reason = f"{wide} x {high} pixels, smaller than a patch of {width} x {height}"
            skipped.append(Skipped(listed.names[row], reason))
        part = listed.part(row)
        page = 0 if part is None else part.page
        chosen = drawn(len(boxes), MAX_PATCHES, [0, row])
        parts.append([Part(page, boxes[i]) for i in chosen])
    n_patches = sum(map(len, parts))
    few = f" of {n_places:,}" if n_places > n_patches else ""
    note = (
        f"{n_patches:,}{few} patches of {height} x {width} pixels of {len(listed):,} pictures, at "
        "the pictures' own scale"
    )
    divided = _divided(
        listed, parts, lambda part: f"@{part.box[0]},{part.box[1]}" if part.box else "", note
    )
    return replace(divided, skipped=skipped)


def _starts(size: int, patch: int) -> list[int]:
    """Return where patches begin that do not overlap, spread over `size` pixels."""
    return [round(start) for start in np.linspace(0, size - patch, size // patch)]


def _divided(
    listed: PictureList,
    parts: list[list[Part | None]],
    suffix: Callable[[Part], str],
    note: str,
) -> PictureList:
    """Return a list with a picture for each part of each picture."""
    rows = [row for row, of_row in enumerate(parts) for _ in of_row]
    flat = [part for of_row in parts for part in of_row]
    groups = listed.groups
    labels = None if listed.labels is None else [listed.labels[row] for row in rows]
    return replace(
        listed,
        names=[
            listed.names[row] + (suffix(part) if part is not None else "")
            for row, part in zip(rows, flat, strict=True)
        ],
        labels=labels,  # type: ignore[arg-type]  # still all text or all numbers
        open=listed.open.take(rows),
        splits=None if listed.splits is None else [listed.splits[row] for row in rows],
        parts=flat,
        groups=rows if groups is None else [groups[row] for row in rows],
        notes=(*listed.notes, note),
    )


def _n_pages(path: Path | io.BytesIO) -> int:
    """Return how many pages a TIFF file has; 1 of a file that cannot be read, told later."""
    from PIL import Image

    try:
        with Image.open(bounded(path), formats=FORMATS) as opened:
            return int(getattr(opened, "n_frames", 1)) if opened.format == "TIFF" else 1
    except (Image.DecompressionBombError, *PARSE_ERRORS):
        return 1


def upright_size(path: Path | io.BytesIO, part: Part | None = None) -> tuple[int, int] | None:
    """Return width and height of an upright picture by its header; None if it is broken."""
    from PIL import Image

    try:
        with Image.open(bounded(path), formats=FORMATS) as opened:
            if part is not None:
                opened.seek(part.page)
            width, height = opened.size
            # For the facts of a camera in a PNG, Pillow decodes all of it.
            if opened.format == "PNG" and not any(key in _content(path) for key in _PNG_KEYS):
                return width, height
            is_turned = opened.getexif().get(_ORIENTATION) in _TURNED
            return (height, width) if is_turned else (width, height)
    except (Image.DecompressionBombError, *PARSE_ERRORS):
        return None


def _content(path: Path | io.BytesIO) -> bytes:
    return path.read_bytes() if isinstance(path, Path) else path.getvalue()
