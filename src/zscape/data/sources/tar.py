"""Pictures in tar files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from zscape.data.listing import PictureList, Skipped
from zscape.data.pictures import ENDINGS, KINDS
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
        names: list[str] = []
        places: list[tuple[Path, int, int]] = []
        keys: list[str] = []
        classes: dict[str, str] = {}
        skipped: list[Skipped] = []
        for shard in files:
            try:
                with tarfile.open(shard, "r:") as archive:
                    for member in archive:
                        name = f"{shard.name}/{member.name}"
                        if not member.isfile():
                            continue
                        key, dot, ending = name.rpartition(".")
                        if dot + ending.lower() in ENDINGS:
                            names.append(name)
                            keys.append(key)
                            places.append((shard, member.offset_data, member.size))
                        elif ending == "cls" and member.size <= _MAX_LABEL_BYTES:
                            file = archive.extractfile(member)
                            classes[key] = (
                                file.read().decode(errors="replace").strip() if file else ""
                            )
                        elif ending not in ("json", "txt"):  # what often lies beside a picture
                            skipped.append(Skipped(name, "no picture by the ending of its name"))
            except (tarfile.TarError, EOFError, OSError, ValueError) as error:
                reason = " ".join(str(error).split())[:160]
                raise DataError(
                    f"{shard} cannot be read as an uncompressed tar file ({reason}); unpack it, or "
                    "copy it again."
                ) from error
        if not names:
            raise DataError(f"{files[0]} has no pictures; expected {KINDS} files in it.")
        labels = [classes.get(key) for key in keys]
        whole = [text for text in labels if text is not None]

        def read(row: int) -> io.BytesIO:
            shard, offset, size = places[row]
            with shard.open("rb") as file:
                file.seek(offset)
                return io.BytesIO(file.read(size))

        return PictureList(
            names,
            _numbers_or_texts(whole) if len(whole) == len(labels) else None,
            None,
            skipped,
            list(files),
            [size for _, _, size in places],
            read,
        )


def _numbers_or_texts(labels: list[str]) -> list[str] | list[int]:
    try:
        return [int(label) for label in labels]
    except ValueError:
        return labels
