"""A file with arrays: `.npz`, `.npy`, idx or idx.gz."""

from __future__ import annotations

import gzip
import itertools
import math
import re
import struct
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from zscape.data.checks import as_labels
from zscape.data.images import NO_LABEL, Images
from zscape.data.sources import ACCEPTED, Source, Wanted
from zscape.data.sources.split_names import SPLITS, split_of
from zscape.errors import DataError, reason_of
from zscape.files import shown_name
from zscape.npz import READ_ERRORS, check_claims, check_unpacked
from zscape.remote import as_path, fetched

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # the second begins an empty archive
_NPY_MAGIC = b"\x93NUMPY"
_WHOLE = ("images", "x", "image", "imgs", "data")  # names of arrays of images
_LABELS = ("labels", "y", "label", "targets", "target", "classes", "class")  # and of their labels


class ArrayFile(Source):
    """Any file that no other source claims; its content tells what it is."""

    rank = 2

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether something is there, or a file is meant by the look of the name."""
        path = as_path(location).expanduser()
        return path.exists() or path.suffix != ""

    def read(self, wanted: Wanted) -> Images:
        """Return all images of the file, and its labels and splits if it has any."""
        found = read_arrays(self.path)
        return Images(found.images, found.labels, self.name, splits=found.splits, notes=found.notes)


class IdxFolder(Source):
    """A folder with files in the format of MNIST: `train-images-idx3-ubyte`, `t10k-...`."""

    rank = 0  # before `Folder`, whichever was imported first

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether a location is a folder with such a file directly in it."""
        path = as_path(location).expanduser()
        return path.is_dir() and bool(_idx_files(path))

    def read(self, wanted: Wanted) -> Images:
        """Return the images of all files; those with train and t10k or test in the name split."""
        parts, splits = {}, []
        for path in _idx_files(self.path):
            start = re.split(r"[-_.]", path.name.lower())[0]
            split = "test" if start == "t10k" else split_of(start)
            splits.append(split)
            parts[path.name if split is None else split] = read_arrays(path)
        if len(parts) < len(splits) or (len(parts) > 1 and None in splits):
            names = ", ".join(path.name for path in _idx_files(self.path))
            raise DataError(f"{self.path} has the files {names}; name one of them.")
        joined = _joined(self.path, parts)
        return Images(joined.images, joined.labels, self.name, splits=joined.splits)


class Arrays(NamedTuple):
    """What a file of arrays holds: images of any shape and type, and what is known of them."""

    images: np.ndarray
    labels: np.ndarray | None = None
    splits: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def read_arrays(path: Path) -> Arrays:
    """Return the images of a file, and labels and splits if there are any.

    The format is told by the first bytes of the content, not by the name.
    """
    with _as_data_errors(path):
        local = fetched(path)
        with local.open("rb") as file:
            start = file.read(8)
        if not start:
            raise DataError(f"{path} is empty; expected {ACCEPTED}.")
        if start.startswith(_ZIP_MAGICS):
            return _read_npz(path, local)
        if start.startswith(_NPY_MAGIC):
            # Mapped, a header that claims more than the file holds takes no memory.
            return Arrays(np.load(local, allow_pickle=False, mmap_mode="r"))
        if start.startswith(_GZIP_MAGIC) or _is_idx(start):
            return Arrays(_read_idx(path), _read_labels_beside(path))
    raise DataError(f"{path} is of an unknown kind; expected {ACCEPTED}.")


@contextmanager
def _as_data_errors(path: Path) -> Iterator[None]:
    """Turn whatever reading `path` raises into a `DataError` of one line."""
    try:
        # NumPy multiplies the sizes in a header without looking, and says with a warning that
        # a file is as old as Python 2.
        with np.errstate(over="raise"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Reading `.npy` or `.npz` file", UserWarning)
            yield
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; expected {ACCEPTED}.") from error
    except PermissionError as error:
        raise DataError(f"{path} may not be read; change its permissions.") from error
    except READ_ERRORS as error:
        reason = reason_of(error)
        if "object arrays" in reason.lower() or "python objects" in reason.lower():
            raise DataError(
                f"{path} holds pickled Python objects, which are never loaded; save plain arrays "
                "of numbers."
            ) from error
        raise DataError(
            f"{path} cannot be read ({reason}); it may be damaged: copy or save it again."
        ) from error


def _read_npz(path: Path, local: Path) -> Arrays:
    """Read `images` and `labels`, or the arrays of splits such as `x_train` and `y_train`.

    Messages name `path`, of which `local` is a copy if it lies elsewhere.
    """
    # Opened here, because NumPy leaves a damaged archive open.
    with local.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        names = {name.lower(): name for name in stored.files}
        found = {split: (x, y) for x, y, split in _pairs(names)}
        if not found:
            listed = ", ".join(map(repr, stored.files[:8])) or "nothing"
            raise DataError(
                f"{path} has no array named images, or x_train and x_test, it has {listed}; "
                "rename yours."
            )

        pairs = [name for pair in found.values() for name in pair if name is not None]
        check_claims(stored.zip, [names[name] for name in pairs])

        def read(name: str) -> np.ndarray:
            return np.asarray(stored[names[name]])  # a member may be no array

        def labels_of(name: str | None) -> np.ndarray | None:
            return None if name is None else read(name)

        used = {name for pair in found.values() for name in pair}
        others = [shown_name(names[name]) for name in names if name not in used]
        notes = [f"{path.name}: not read: {', '.join(others[:8])}"] if others else []
        if len(found) == 1:
            ((x, y),) = found.values()
            if x not in _WHOLE:
                notes.append(f"{path.name}: the images are those of the array {names[x]}")
            return Arrays(read(x), labels_of(y), notes=tuple(notes))
        parts = {split: Arrays(read(x), labels_of(y)) for split, (x, y) in found.items()}
        return _joined(path, parts)._replace(notes=tuple(notes))


def _pairs(names: Iterable[str]) -> Iterator[tuple[str, str | None, str]]:
    """Yield the names of images, of their labels and of their split, for arrays of such names."""
    names = list(names)
    for x in _WHOLE:
        if x in names:
            yield x, next((y for y in _LABELS if y in names), None), "all"
            return
    for split, words in SPLITS.items():
        for word, x in itertools.product(words, _WHOLE):
            for form in ("{0}_{1}", "{1}_{0}", "{0}{1}", "{1}{0}"):
                if form.format(x, word) in names:
                    labels = (form.format(y, word) for y in _LABELS)
                    yield form.format(x, word), next((y for y in labels if y in names), None), split
    if len(names) == 1:
        yield names[0], None, "all"


def _joined(path: Path, parts: Mapping[str, Arrays]) -> Arrays:
    """Return the arrays of splits as one, in that order."""
    shapes = {split: part.images.shape for split, part in parts.items()}
    if len({shape[1:] for shape in shapes.values()}) > 1:
        listed = ", ".join(f"{shape} in {split}" for split, shape in shapes.items())
        raise DataError(f"{path} has images of several shapes: {listed}; expected one.")
    # Of types that differ, one would have another white.
    types = {split: part.images.dtype for split, part in parts.items()}
    if len({(dtype.kind, dtype.itemsize) for dtype in types.values()}) > 1:
        listed = ", ".join(f"{dtype} in {split}" for split, dtype in types.items())
        raise DataError(f"{path} has images of several types: {listed}; expected one.")
    return Arrays(
        np.concatenate([part.images for part in parts.values()]),
        _joined_labels(path, parts),
        np.repeat(list(parts), [len(part.images) for part in parts.values()])
        if len(parts) > 1
        else None,
    )


def _joined_labels(path: Path, parts: Mapping[str, Arrays]) -> np.ndarray | None:
    """Return the labels of splits as one array (N,), empty or -1 for a split that has none."""
    for split, part in parts.items():
        if part.labels is not None:
            as_labels(part.labels, len(part.images), f"{path} ({split})")
    known = [part.labels for part in parts.values() if part.labels is not None]
    if not known:
        return None
    are_texts = {labels.dtype.kind in "SUT" for labels in known}
    if len(are_texts) > 1:
        raise DataError(f"{path} has labels that are texts and labels that are numbers.")
    none: str | int = "" if True in are_texts else NO_LABEL
    return np.concatenate(
        [
            np.full(len(part.images), none) if part.labels is None else part.labels.reshape(-1)
            for part in parts.values()
        ]
    )


def _idx_files(folder: Path) -> list[Path]:
    found = [*folder.glob("*images*idx3*"), *folder.glob("*images*idx4*")]
    stems = {path.name.removesuffix(".gz"): path for path in sorted(found) if path.is_file()}
    return [stems[name] for name in sorted(stems)]


def _is_idx(start: bytes) -> bool:
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _IDX_TYPES and start[3] > 0


def _read_idx(path: Path) -> np.ndarray:
    """Read the format of the MNIST files: magic number, big-endian sizes, values."""
    local = fetched(path)
    with local.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
    with gzip.open(local) if compressed else local.open("rb") as file:
        magic = file.read(4)
        if not _is_idx(magic):
            inside = "a gzip file without an idx file in it" if compressed else "not an idx file"
            raise DataError(f"{path} is {inside}; expected {ACCEPTED}.")
        dtype, n_axes = np.dtype(_IDX_TYPES[magic[2]]), magic[3]
        shape = struct.unpack(f">{n_axes}I", _read_exactly(file, 4 * n_axes, path))
        # The header is only a claim: what is there decides how much memory is taken.
        n_bytes = math.prod(shape) * dtype.itemsize
        if compressed:
            check_unpacked(n_bytes, local.stat().st_size)
        content = _read_exactly(file, n_bytes, path)
        if file.read(1):
            raise DataError(
                f"{path} goes on after the {n_bytes:,} bytes of values that its header "
                "announces; copy it again."
            )
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_exactly(file: Any, n_bytes: int, path: Path) -> bytearray:
    content = bytearray()
    while len(content) < n_bytes:
        part = file.read(min(n_bytes - len(content), 2**24))
        if not part:
            raise DataError(
                f"{path} is cut off: its header announces {n_bytes:,} bytes and "
                f"{len(content):,} are there; copy it again."
            )
        content += part
    return content


def _read_labels_beside(path: Path) -> np.ndarray | None:
    """Read the file of labels that the names of MNIST put beside a file of images."""
    name, n_changes = re.subn(r"images([-.])idx3", r"labels\1idx1", path.name)
    bare = name.removesuffix(".gz")  # only one of the two files may have been unpacked
    for labels in (path.with_name(each) for each in (name, bare, f"{bare}.gz")):
        if n_changes and labels.is_file():
            with _as_data_errors(labels):
                return _read_idx(labels)
    return None
