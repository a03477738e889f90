"""A file with arrays: `.npz`, `.npy`, idx or idx.gz."""

from __future__ import annotations

from pathlib import Path

from zscape.data.arrays import read_arrays
from zscape.data.images import Images
from zscape.data.sources import Source, Wanted


class ArrayFile(Source):
    """Any file that no other source claims; its content tells what it is."""

    rank = 2

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether something is there, or a file is meant by the look of the name."""
        path = Path(location).expanduser()
        return path.exists() or path.suffix != ""

    def read(self, wanted: Wanted) -> Images:
        """Return all images of the file, and its labels if it has any."""
        return Images(*read_arrays(self.path), self.name)
