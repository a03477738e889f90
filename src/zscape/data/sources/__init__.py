"""What a location stands for: one class for each kind of source, one file for each class.

Nothing else lists them: every module of this package is imported when a location is resolved, and
a subclass of `Source` is known from then on, that of a plugin too.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from zscape.data.images import Images, StoredImages
from zscape.data.picture_cache import Decoding
from zscape.data.picture_plan import PicturePlan, only_known, plan_pictures
from zscape.data.pictures import PictureList
from zscape.errors import DataError
from zscape.remote import as_path, cache_root, is_remote
from zscape.settings import PictureConfig

Split = Literal["train", "validation", "test", "all"]

ACCEPTED = (
    "a .npz file with an array images, a .npy, idx, idx.gz or .csv file, a folder of pictures, or "
    "a .zip, .tar or .parquet file of them"
)

_kinds: list[type[Source]] = []


class Wanted(NamedTuple):
    """Which images are wanted of a source, and how they are read."""

    pictures: PictureConfig = PictureConfig()  # how pictures become images
    image_shape: tuple[int, int, int] | None = None  # of a model, in place of size and colour
    white: float | None = None  # what the user says is white
    kept: float | None = None  # what was white in the training of a model
    known: Mapping[str, int] | None = None  # bytes of the pictures to keep, by name; None for all
    chosen: Sequence[str] | None = None  # names of the pictures to take, in order; None for all


class Source(ABC):
    """Where images come from; `resolve` makes one of what the user named.

    Attributes:
        names: what the source is called, if it has names in place of paths.
        has_pictures: whether the images are made of encoded pictures, as `PictureConfig` says.
        rank: sources of a lower one are asked first whether a location is theirs.
    """

    names: ClassVar[tuple[str, ...]] = ()
    has_pictures: ClassVar[bool] = False
    rank: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        _kinds.append(cls)

    def __init__(self, location: str | Path) -> None:
        self.path = as_path(location).expanduser()

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether a location is of this kind."""
        return str(location) in cls.names

    @property
    def name(self) -> str:
        """What to give `resolve` for the same images: a name, or an absolute path."""
        return str(self.path.absolute())

    @property
    def default_stem(self) -> str:
        """What to name files after that are made of these images."""
        return Path(self.name).name.split(".")[0] or "images"

    @abstractmethod
    def read(self, wanted: Wanted) -> Images:
        """Return all images, not yet checked; pictures are only listed, not yet decoded."""


class InMemory(Source):
    """Images that are there already."""

    def __init__(self, images: Images) -> None:
        self._images = images

    @property
    def name(self) -> str:
        """Where the images came from; `array` for those of a named set, which may be a part."""
        source = self._images.source
        return "array" if source in known_names() else source

    def read(self, wanted: Wanted) -> Images:
        """Return them."""
        return self._images


class PictureSource(Source):
    """A source of encoded pictures."""

    has_pictures = True

    @property
    def name(self) -> str:
        """The absolute path, with no links and dots in it."""
        return str(self.path.resolve())

    @abstractmethod
    def list_pictures(self, *, follow_links: bool = False) -> PictureList:
        """List the pictures; a `DataError` when there are none, or a file is damaged."""

    def plan(self, wanted: Wanted) -> PicturePlan:
        """List the pictures and decide, by a look at some, how they become images."""
        listed = self.list_pictures(follow_links=wanted.pictures.follow_links)
        if wanted.chosen is not None:
            rows = {name: row for row, name in enumerate(listed.names)}
            listed = listed.take([rows[name] for name in wanted.chosen])
        if wanted.known is not None:
            listed = only_known(listed, wanted.known, self.name)
        return plan_pictures(
            listed,
            wanted.pictures,
            wanted.image_shape,
            self.name,
            white=wanted.white,
            kept=wanted.kept,
        )

    def read(self, wanted: Wanted) -> Images:
        """Return all pictures as images on disk, which can be read once decoding is started."""
        plan = self.plan(wanted)
        listed = plan.listed
        decoding = Decoding(
            listed,
            plan.image_shape,
            plan.how,
            cache_root() / "pictures",
            asked=wanted.white,
            kept=wanted.kept,
        )
        labels, class_names = listed.numbered_labels()
        return Images(
            StoredImages(decoding, np.arange(len(listed))),
            labels,
            self.name,
            class_names,
            np.array(listed.names),
            tuple(listed.skipped),
            listed.fingerprint,
            splits=None if listed.splits is None else np.array(listed.splits),
            groups=None if listed.groups is None else np.array(listed.groups),
            scale=plan.scale,
            notes=plan.notes,
            warnings=plan.warnings,
        )


class ShardSource(PictureSource):
    """A file of many pictures, of which several in a folder are read as one."""

    ending: ClassVar[str | None] = None  # of the names of such files
    kind: ClassVar[str]  # what they are, for messages

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether a location is a file with the ending."""
        path = as_path(location).expanduser()
        return path.suffix.lower() == cls.ending and path.is_file()

    def list_pictures(self, *, follow_links: bool = False) -> PictureList:
        """List the pictures in the file."""
        return self.list_files([self.path.resolve()])

    @classmethod
    @abstractmethod
    def list_files(cls, files: Sequence[Path]) -> PictureList:
        """List the pictures in several files, one after the other; raises as `list_pictures`."""


def resolve(data: Any) -> Source:
    """Return what a name, a path, an array (N, H, W) or (N, H, W, C), or `Images` are."""
    if isinstance(data, np.ndarray | StoredImages):
        data = Images(data, None, "array")
    if isinstance(data, Images):
        return InMemory(data)
    names = ", ".join(known_names())
    if not isinstance(data, str | Path):
        raise DataError(
            f"images are given as {type(data).__name__}; expected a name ({names}), a path, or a "
            "NumPy array."
        )
    if not str(data).strip():
        raise DataError(f"the name of the images is empty; expected {ACCEPTED}.")
    if is_remote(data):
        data = as_path(data).looked_up()  # type: ignore[attr-defined]  # it is remote
    try:
        found: Source | None = next((k(data) for k in source_kinds() if k.matches(data)), None)
    except (OSError, RuntimeError, ValueError) as error:  # too long, ~nobody, forbidden folder
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise DataError(
            f"{str(data)[:80]!r} cannot be opened ({reason}); expected {ACCEPTED}."
        ) from error
    if found is not None:
        return found
    close = difflib.get_close_matches(str(data).lower(), known_names(), n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else f"expected {ACCEPTED}."
    raise DataError(f"{data} is neither a file nor a known data set ({names}); {hint}")


def source_kinds() -> list[type[Source]]:
    """Return the classes of all sources, in the order to ask them."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return sorted(_kinds, key=lambda kind: kind.rank)


def known_names() -> tuple[str, ...]:
    """Return the names of all sets that have one."""
    return tuple(name for kind in source_kinds() for name in kind.names)
