"""Pictures in tar files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from zscape.data.pictures import ENDINGS, KINDS, NO_PICTURE, PictureList, Skipped, reason_of
from zscape.data.sources import ShardSource
from zscape.errors import DataError

_MAX_LABEL_BYTES = 1000


class Tar(ShardSource):
    """Uncompressed tar files, in the convention of WebDataset.

    Files of one name with different endings belong together: `0001.jpg`, `0001.cls`.
    """

    ending = ".tar"
    kind = "tar"

    @classmethod
    def list_files(cls, files: Sequence[Path]) -> PictureList:
        """List the pictures of several tar files, with their labels if all have one."""
        found: list[tuple[str, Path, int, int]] = []  # name, file, offset and size of each
        classes: dict[str, str] = {}
        skipped: list[Skipped] = []
        for shard, archive, member in _members(files):
            name = f"{shard.name}/{member.name}"
            stem, dot, ending = name.rpartition(".")
            if dot + ending.lower() in ENDINGS:
                found.append((name, shard, member.offset_data, member.size))
            elif ending == "cls" and member.size <= _MAX_LABEL_BYTES:
                if (file := archive.extractfile(member)) is not None:
                    classes[stem] = file.read().decode(errors="replace").strip()
            elif ending not in ("json", "txt"):  # what often lies beside a picture
                skipped.append(Skipped(name, NO_PICTURE))
        if not found:
            raise DataError(f"{files[0]} has no pictures; expected {KINDS} files in it.")
        names = [name for name, *_ in found]
        labels = [classes[stem] for name in names if (stem := name.rpartition(".")[0]) in classes]

        def read(row: int) -> io.BytesIO:
            _, shard, offset, size = found[row]
            with shard.open("rb") as file:
                file.seek(offset)
                return io.BytesIO(file.read(size))

        sizes = [size for *_, size in found]
        numbered = _numbers_or_texts(labels) if len(labels) == len(names) else None
        return PictureList(names, numbered, None, skipped, [*files], sizes, read)


def _members(files: Sequence[Path]) -> Iterator[tuple[Path, tarfile.TarFile, tarfile.TarInfo]]:
    """Yield the ordinary files in tar files, with the tar file each is in."""
    for shard in files:
        try:
            with tarfile.open(shard, "r:") as archive:
                for member in filter(tarfile.TarInfo.isfile, archive):
                    yield shard, archive, member
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise DataError(
                f"{shard} cannot be read as an uncompressed tar file ({reason_of(error)}); unpack "
                "it, or copy it again."
            ) from error


def _numbers_or_texts(labels: list[str]) -> list[str] | list[int]:
    try:
        return [int(label) for label in labels]
    except ValueError:
        return labels
