"""How the pictures of a set become images, decided for all of them by a look at some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from zscape.data.decode import Rendering
from zscape.data.look import LEAST_CUT, Look, look_at
from zscape.data.parts import with_pages, with_patches
from zscape.data.pictures import PictureList
from zscape.data.white import BYTE, White, find_white
from zscape.errors import DataError
from zscape.settings import Background, PictureConfig, Size

LEFT_ASIDE = "since the training and left aside"  # the end of a note of pictures that came later


@dataclass(frozen=True)
class PicturePlan:
    """Pictures, and how they become images.

    Attributes:
        listed: the pictures; pages and patches are pictures of their own.
        image_shape: (H, W, C) of the images.
        how: how each is decoded.
        white: what is white, as far as a look at some can tell.
        scale: how many pixels of an image stand for one of a picture's side.
        notes: what the user is to be told once.
        warnings: what may be wrong.
    """

    listed: PictureList
    image_shape: tuple[int, int, int]
    how: Rendering
    white: White
    scale: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def plan_pictures(
    listed: PictureList,
    pictures: PictureConfig,
    image_shape: tuple[int, int, int] | None,
    source: str,
    *,
    white: float | None = None,
    kept: float | None = None,
) -> PicturePlan:
    """Decide how pictures become images of the settings, or of the `image_shape` of a model."""
    size = pictures.size if image_shape is None else Size(*image_shape[:2])
    listed = with_pages(listed)
    if pictures.patches:
        listed = with_patches(listed, size.height, size.width)
        if not len(listed):
            raise DataError(
                f"{source} has no picture of {size} pixels or more to cut patches from; choose a "
                "smaller `size`, or leave out `patches`."
            )
    look = look_at(listed)
    if image_shape is None:
        gray = pictures.color == "gray" or (pictures.color == "auto" and look.is_gray)
        image_shape = (size.height, size.width, 1 if gray else 3)
    background = _background(pictures, look)
    # What is white has to be found from all values, or is not what 8 bits have.
    odd = [value for value in (white, kept) if value is not None and value < BYTE]
    exact = look.is_exact or bool(odd) or white not in (None, BYTE)
    known = find_white(look.byte_top, look.deep_top, asked=white, kept=kept)
    return PicturePlan(
        listed,
        image_shape,
        Rendering(pictures.fit, background, exact),
        known,
        1.0 if pictures.patches else look.scale(size.height, size.width, pictures.fit),
        (*listed.notes, *_notes(look, pictures, size, background)),
        () if exact else tuple(filter(None, [known.warning])),
    )


def only_known(listed: PictureList, known: Mapping[str, int], source: str) -> PictureList:
    """Return the pictures of a folder that were there before, by name and bytes."""
    if len(listed.sizes) != len(listed):
        return listed
    sizes = dict(zip(listed.names, listed.sizes, strict=True))
    lost = [name for name, size in known.items() if sizes.get(name) != size]
    if lost:
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        raise DataError(
            f"{source} lacks pictures that the run was trained on, or has others of their name: "
            f"{lost[0]}{more}."
        )
    rows = [row for row, name in enumerate(listed.names) if name in known]
    n_new = len(listed) - len(rows)
    if not n_new:
        return listed
    were = "pictures were" if n_new > 1 else "picture was"
    notes = f"{n_new:,} {were} added to {source} {LEFT_ASIDE}"
    return replace(listed.take(rows), notes=(*listed.notes, notes))


def _background(pictures: PictureConfig, look: Look) -> Background:
    if pictures.background != "auto":
        return pictures.background
    return "black" if 2 * look.n_blank > look.n_transparent else "white"


def _notes(look: Look, pictures: PictureConfig, size: Size, background: str) -> list[str]:
    """Return what a look at some pictures shows that the user should know."""
    notes = []
    of = f"of {look.n:,} looked at"
    cut = look.share_cut(size.height, size.width)
    if pictures.fit == "crop" and not pictures.patches and cut >= LEAST_CUT:
        notes.append(
            f"`fit=crop` cuts off {100 * cut:.0f} % of the pictures (mean {of}); keep all with "
            f"`size={_whole(size, look.aspect)}` or `fit=pad`"
        )
    if pictures.background == "auto" and background == "black":
        notes.append(
            f"transparent pictures are laid over black, for {look.n_blank:,} {of} show nothing "
            "over white; choose with `background`"
        )
    elif look.n_blank and background == "white":
        notes.append(
            f"{look.n_blank:,} transparent ones {of} show nothing over {background}; choose "
            "with `background`"
        )
    if look.n_animated:
        notes.append(f"of animations the first frame is taken ({look.n_animated:,} {of})")
    return notes


def _whole(size: Size, aspect: float) -> Size:
    """Return a size of about as many pixels in the proportions of most pictures."""
    n_pixels = size.height * size.width
    sides = ((n_pixels / aspect) ** 0.5, (n_pixels * aspect) ** 0.5)
    height, width = (min(1024, max(8, 8 * round(side / 8))) for side in sides)
    return Size(height, width)
