"""A folder with Parquet files below it, as Hugging Face keeps data sets."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from zscape.data.pictures import PictureList
from zscape.data.sources import PictureSource
from zscape.data.sources.parquet import Parquet
from zscape.data.sources.split_names import split_of
from zscape.errors import DataError
from zscape.remote import as_path


class ParquetFolder(PictureSource):
    """A folder with files `data/train-00000-of-00001.parquet`, `<config>/test/0000.parquet`.

    Parquet files in the folder itself are read by `Folder`, without a look below.
    """

    rank = 0

    @classmethod
    def matches(cls, location: str | Path) -> bool:
        """Tell whether a location is such a folder."""
        root = as_path(location).expanduser()
        return root.is_dir() and not any(root.glob("*.parquet")) and bool(_files_below(root))

    def list_pictures(self, *, follow_links: bool = False) -> PictureList:
        """List the pictures of the only configuration."""
        root = self.path.resolve()
        configs: dict[str, list[Path]] = defaultdict(list)
        for file in _files_below(root):
            folders = file.relative_to(root).parts[:-1]
            config = [part for part in folders if part != "data" and split_of(part) is None]
            configs["/".join(config)].append(file)
        if len(configs) > 1:
            raise DataError(
                f"{root} has Parquet files of {len(configs)} configurations: "
                f"{', '.join(sorted(configs)[:8])}; name the folder of one."
            )
        return Parquet.list_files(next(iter(configs.values())))


def _files_below(root: Path) -> list[Path]:
    return sorted([*root.glob("*/*.parquet"), *root.glob("*/*/*.parquet")])
