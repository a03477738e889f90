"""Noisy images and the clean ones that belong to them: of files by name, of arrays by place."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from zscape.data.images import Images, on_disk
from zscape.data.parts import upright_size
from zscape.data.picture_cache import Decoding
from zscape.data.pictures import PictureList, Skipped, quiet_pillow
from zscape.data.sources import PictureSource, Source, Wanted
from zscape.errors import DataError
from zscape.remote import in_threads
from zscape.settings import PictureConfig

Read = Callable[[Source, Wanted], Images]


def read_pairs(noisy: Source, clean: Source, wanted: Wanted, read: Read) -> Images:
    """Return noisy images with the clean ones as their `targets`, as `read` reads them.

    Raises:
        DataError: the two do not belong together.
    """
    if isinstance(noisy, PictureSource) and isinstance(clean, PictureSource):
        return _pictures(noisy, clean, wanted, read)
    if noisy.has_pictures or clean.has_pictures:
        has = [f"{each.name} has {_kind(each)}" for each in (noisy, clean)]
        raise DataError(
            f"{has[0]} and its `target` {has[1]}; give pictures for pictures, or an array for an "
            "array."
        )
    return _arrays(noisy, clean, wanted, read)


def one_white(*decodings: Decoding) -> None:
    """Give decodings of more than 8 bits the same white, the larger one; masks keep theirs."""
    deep = [each for each in decodings if each.how.exact and each.white.value > 1]
    whites = [each.white for each in deep]
    for each in deep:
        each.white = replace(
            each.white,
            value=max(white.value for white in whites),
            top=max(white.top or 0.0 for white in whites),
        )


def _kind(source: Source) -> str:
    return "pictures" if source.has_pictures else "an array"


def _arrays(noisy: Source, clean: Source, wanted: Wanted, read: Read) -> Images:
    """Return the pairs of two arrays of the same shape: of each place one."""
    own = wanted._replace(kept=None)  # the clean ones may be masks, whose white is 1
    images, targets = read(noisy, wanted), read(clean, own)
    whites = [each.white for each in (images, targets) if each.white is not None]
    if len({*whites}) > 1 and min(whites) > 1:
        own = wanted._replace(kept=max(whites))
        images, targets = read(noisy, own), read(clean, own)
    if images.images.shape != targets.images.shape:
        raise DataError(
            f"{images.source} has the shape {images.images.shape} and its `target` "
            f"{targets.source} {targets.images.shape}; expected one clean image for each noisy "
            "one, of the same shape."
        )
    both = images.splits, targets.splits
    if None not in both and not np.array_equal(*both):  # type: ignore[arg-type]
        raise DataError(f"{images.source} and its `target` {targets.source} have other splits.")
    return _with_targets(images, targets)


def _with_targets(images: Images, targets: Images) -> Images:
    pairs = replace(images, targets=targets.images)
    return with_remarks(pairs, targets.notes, targets.warnings)


def with_remarks(images: Images, notes: Iterable[str], warnings: Iterable[str]) -> Images:
    """Return images with what is to be told of their targets, unless it is told of them too."""
    more = [f"clean images: {note}" for note in notes if note and note not in images.notes]
    doubts = [f"Clean images: {text}" for text in warnings if text and text not in images.warnings]
    return replace(images, notes=(*images.notes, *more), warnings=(*images.warnings, *doubts))


# --- pictures ---


def _pictures(noisy: PictureSource, clean: PictureSource, wanted: Wanted, read: Read) -> Images:
    """Return the pairs of pictures of one name; both become images in the same way."""
    links = wanted.pictures.follow_links
    listed = [source.list_pictures(follow_links=links) for source in (noisy, clean)]
    matches = match_names(listed[0].names, listed[1].names)
    present = {*listed[0].names}
    lost = [name for name in wanted.known or () if name in present and name not in matches]
    if lost:
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        raise DataError(
            f"{clean.name} lacks clean pictures that the run was trained on, those of {lost[0]}"
            f"{more}."
        )
    if not matches:
        raise DataError(
            f"no picture in {noisy.name} has the name of one in its `target` {clean.name}: there "
            f"is {listed[0].names[0]}, and here {listed[1].names[0]}; give both pictures of a pair "
            "the same name."
        )
    notes = _unmatched(listed, matches)
    broken = _check_sizes(noisy.name, listed, matches, is_exact=wanted.pictures.patches)
    matches = {name: other for name, other in matches.items() if name not in broken}
    known = wanted.known if wanted.known is not None else matches
    theirs = wanted._replace(
        known=None, kept=None, chosen=[matches[name] for name in matches if name in known]
    )
    wanted = wanted._replace(chosen=[*matches])
    images, targets = _read_alike(noisy, clean, wanted, theirs, read)
    _check_parts(images, targets)
    skipped = [Skipped(name, reason) for name, reason in broken.items()]
    pairs, prints = _with_targets(images, targets), images.fingerprint + targets.fingerprint
    return replace(
        pairs,
        skipped=(*images.skipped, *skipped),
        fingerprint=hashlib.sha256(prints.encode()).hexdigest(),
        notes=(*pairs.notes, *notes),
    )


def match_names(noisy: Sequence[str], clean: Sequence[str]) -> dict[str, str]:
    """Return the name of the clean picture for each noisy one that has one, in order.

    Names are compared as they are, then without their endings where that leaves no doubt, and if
    none fits without the folders that all of a side are in.
    """
    found = _same_names(noisy, clean)
    if not found:
        ours, theirs = _below(noisy), _below(clean)
        found = {ours[a]: theirs[b] for a, b in _same_names([*ours], [*theirs]).items()}
    return found


def _same_names(noisy: Sequence[str], clean: Sequence[str]) -> dict[str, str]:
    exact = {*noisy} & {*clean}
    stems = [
        [str(PurePosixPath(name).with_suffix("")) for name in names if name not in exact]
        for names in (noisy, clean)
    ]
    counts = [Counter(each) for each in stems]
    rest = [name for name in clean if name not in exact]
    by_stem = {
        stem: name for stem, name in zip(stems[1], rest, strict=True) if counts[1][stem] == 1
    }
    pairs = {name: name for name in exact}
    left = [name for name in noisy if name not in exact]
    for name, stem in zip(left, stems[0], strict=True):
        if counts[0][stem] == 1 and stem in by_stem:
            pairs[name] = by_stem[stem]
    return {name: pairs[name] for name in noisy if name in pairs}


def _below(names: Sequence[str]) -> dict[str, str]:
    """Return names by what is left of them below the folder that all are in."""
    folder = PurePosixPath(os.path.commonpath([PurePosixPath("/", name).parent for name in names]))
    return {str(PurePosixPath("/", name).relative_to(folder)): name for name in names}


def _unmatched(listed: Sequence[PictureList], matches: Mapping[str, str]) -> list[str]:
    """Return what to tell of pictures that are no pair."""
    notes = [f"{len(matches):,} pairs of a noisy and a clean picture, by name"]
    used = {*matches}, {*matches.values()}
    for each, names, kind, other in zip(
        listed, used, ("noisy", "clean"), ("clean", "noisy"), strict=True
    ):
        left = [name for name in each.names if name not in names]
        if left:
            some = ", ".join(left[:3]) + (", ..." if len(left) > 3 else "")
            have = "pictures have" if len(left) > 1 else "picture has"
            notes.append(f"{len(left):,} {kind} {have} no {other} one, left out: {some}")
    return notes


def _check_sizes(
    source: str, listed: Sequence[PictureList], matches: Mapping[str, str], *, is_exact: bool
) -> dict[str, str]:
    """Refuse pairs of other proportions, or sizes; return why some pairs cannot be read."""
    rows = [{name: row for row, name in enumerate(each.names)} for each in listed]
    broken: dict[str, str] = {}
    odd: list[str] = []

    def sizes_of(names: tuple[str, str]) -> list[tuple[int, int] | None]:
        facts = zip(listed, rows, names, strict=True)
        return [upright_size(each.open(row[name])) for each, row, name in facts]

    with quiet_pillow():
        files = [*listed[0].files, *listed[1].files]
        found = in_threads(sizes_of, [*matches.items()], files)
    for (ours, theirs), (first, second) in zip(matches.items(), found, strict=True):
        if first is None or second is None:
            broken[ours] = f"it or the clean one, {theirs}, cannot be read as a picture"
        elif first != second and (is_exact or not _are_alike(first, second)):
            odd.append(
                f"{ours} has {first[0]} x {first[1]} pixels and {theirs} {second[0]} x {second[1]}"
            )
    if odd:
        more = f" ({len(odd) - 1:,} more)" if len(odd) > 1 else ""
        need = "one size, for patches" if is_exact else "the same proportions"
        raise DataError(f"{source}: {odd[0]}{more}; expected pairs of {need}: mend these pictures.")
    return broken


def _are_alike(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Tell whether one size is the other one, larger or smaller, but for a pixel."""
    (small, large) = sorted((first, second))
    scale = max(large) / max(small)
    return all(abs(scale * a - b) <= max(1, scale) for a, b in zip(small, large, strict=True))


def _read_alike(
    noisy: PictureSource, clean: PictureSource, ours: Wanted, theirs: Wanted, read: Read
) -> tuple[Images, Images]:
    """Read both in the same way: in colour if either has colours, over one background."""
    images = read(noisy, ours)
    assert images.decoding is not None  # they are pictures
    asked = {**theirs.pictures.to_dict(), "background": images.decoding.how.background}
    theirs = theirs._replace(pictures=PictureConfig.from_dict(asked))
    targets = read(clean, theirs)
    if images.image_shape != targets.image_shape:
        shape = max(images.image_shape, targets.image_shape)  # only the channels can differ
        images = read(noisy, ours._replace(image_shape=shape))
        targets = read(clean, theirs._replace(image_shape=shape))
    return images, targets


def _check_parts(images: Images, targets: Images) -> None:
    """Refuse pairs of which one has other pages than the other."""
    stored, other = on_disk(images.images), on_disk(targets.images)
    assert stored is not None  # they are pictures
    assert other is not None
    ours, theirs = stored.decoding.source, other.decoding.source
    if ours.parts == theirs.parts:
        return
    parts = [each.parts or [None] * len(each) for each in (ours, theirs)]
    row = next((row for row, (a, b) in enumerate(zip(*parts, strict=False)) if a != b), -1)
    raise DataError(
        f"{images.source}: {ours.names[row]} and its clean picture {theirs.names[row]} have other "
        "pages; give both as many pages of the same sizes."
    )
