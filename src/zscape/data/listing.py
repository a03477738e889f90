"""Encoded pictures as a source lists them: names, labels, and how to open each."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zscape.reporter import Reporter
from zscape.settings import Fit

CACHE_VERSION = 2  # counted up when the same pictures are decoded to other values
MAX_SKIPPED_LINES = 20


@dataclass(frozen=True)
class Skipped:
    """A file that was left out.

    Attributes:
        path: within the folder, with `/`.
        reason: why, in a few words.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class PictureList:
    """Pictures that are still encoded.

    Attributes:
        names: of each picture: its path in the folder, in the archive, or a number.
        labels: one text or whole number for each picture, or None.
        class_names: what whole numbers stand for, where that is known.
        skipped: what was left out.
        files: the files that all comes from.
        sizes: bytes of each picture, or of each file where that of pictures is not known.
        open: gives the path or the content of picture number `row`, in any thread.
    """

    names: list[str]
    labels: list[str] | list[int] | None
    class_names: tuple[str, ...] | None
    skipped: list[Skipped]
    files: list[Path]
    sizes: list[int]
    open: Callable[[int], Path | io.BytesIO]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the names and the sizes."""
        return hashlib.sha256(repr((self.names, self.sizes)).encode(errors="replace")).hexdigest()

    def key(self, fit: Fit, image_shape: Sequence[int], rows: np.ndarray | None = None) -> str:
        """Return a name for decoded pictures; any change of a file or an option gives another.

        Args:
            fit: how they are fitted.
            image_shape: (H, W, C) of the images.
            rows: which of them, in any order; all when None.

        Raises:
            OSError: a file is gone.
        """
        digest = hashlib.sha256(repr((CACHE_VERSION, fit, *image_shape)).encode())
        if rows is not None and len(rows) < len(self):
            digest.update(np.sort(rows).tobytes())
        for path in self.files:
            facts = path.stat()
            digest.update(
                f"\0{path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode(errors="replace")
            )
        return digest.hexdigest()[:32]

    def numbered_labels(self) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
        """Return the labels as whole numbers (N,), and the names of these, where there are any."""
        if self.labels is None:
            return None, None
        values = np.array(self.labels)
        if values.dtype.kind != "U":
            return values.astype(np.int64), self.class_names
        names, numbers = np.unique(values, return_inverse=True)
        return numbers.astype(np.int64), tuple(str(name) for name in names)


def report_skipped(skipped: Sequence[Skipped], reporter: Reporter, where: str = "") -> None:
    """Say which files were left out and why; of many, the first ones, and `where` the rest is."""
    for item in skipped[:MAX_SKIPPED_LINES]:
        reporter.say(f"left out: {item.path}: {item.reason}")
    if len(skipped) > MAX_SKIPPED_LINES:
        reporter.say(f"left out: {len(skipped) - MAX_SKIPPED_LINES:,} more files{where}")
