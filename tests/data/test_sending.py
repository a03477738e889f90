"""Pictures of every kind of source can be sent to another process, and only those asked for."""

from __future__ import annotations

import io
import pickle
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zscape.data.parts import with_pages
from zscape.data.sources import PictureSource, resolve

NAMES = [f"{number:03d}.png" for number in range(40)]
CONTENTS = {name: f"picture {name}".encode() * 50 for name in NAMES}


def write_folder(root: Path) -> None:
    for name, content in CONTENTS.items():
        (root / name).write_bytes(content)


def write_tar(root: Path) -> None:
    for shard in range(4):
        with tarfile.open(root / f"{shard}.tar", "w") as archive:
            for name in NAMES[10 * shard : 10 * shard + 10]:
                member = tarfile.TarInfo(name)
                member.size = len(CONTENTS[name])
                archive.addfile(member, io.BytesIO(CONTENTS[name]))


def write_zip(root: Path) -> None:
    for shard in range(4):
        with zipfile.ZipFile(root / f"{shard}.zip", "w") as archive:
            for name in NAMES[10 * shard : 10 * shard + 10]:
                archive.writestr(name, CONTENTS[name])


def write_parquet(root: Path) -> None:
    for shard in range(4):
        names = NAMES[10 * shard : 10 * shard + 10]
        rows = [{"bytes": CONTENTS[name], "path": name} for name in names]
        table = pa.table({"image": rows})
        pq.write_table(table, root / f"{shard}.parquet", row_group_size=4)


@pytest.mark.parametrize("write", [write_folder, write_tar, write_zip, write_parquet])
def test_a_cut_has_its_pictures_and_no_others(write: object, tmp_path: Path) -> None:
    assert callable(write)
    write(tmp_path)
    source = resolve(tmp_path)
    assert isinstance(source, PictureSource)
    listed = with_pages(source.list_pictures())
    for rows in (range(8, 23), range(40), [31, 2, 30, 2], [17]):
        packed = pickle.dumps(listed.cut(rows))
        sent = pickle.loads(packed)
        assert len(sent) == len(rows)
        for place, row in enumerate(rows):
            opened = sent.open(place)
            content = opened.read_bytes() if isinstance(opened, Path) else opened.getvalue()
            name = listed.names[row].rpartition("/")[2]
            assert sent.names[place] == listed.names[row]
            assert content == CONTENTS[name]
    # Cut again, as a process that takes a part of its part would.
    again = pickle.loads(pickle.dumps(sent.cut([0])))
    assert again.names == [listed.names[17]]
    assert len(pickle.dumps(listed.cut([5]))) < len(pickle.dumps(listed.cut(range(40)))) + 100
