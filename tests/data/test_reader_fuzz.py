"""Damaged archives and tables: an error in one line or images, never anything else."""

from __future__ import annotations

import io
import json
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.archives import encoded, write_tar, write_zip
from zscape.data.decode import Rendering
from zscape.data.picture_cache import decode_rows
from zscape.data.sources import PictureSource, Source, Wanted, resolve
from zscape.data.sources.label_table import labels_beside
from zscape.data.white import BYTE, White
from zscape.errors import ZscapeError

PICTURES = {f"{name}/{i}.png": encoded(i) for name in ("cat", "dog") for i in range(3)}
MEMBERS = PICTURES | {"labels.csv": b"id,breed\n0,pug\n1,husky\n"}
MAX_BYTES = 2**27


def zip_file(folder: Path) -> Path:
    return write_zip(folder / "x.zip", MEMBERS)


def stored_zip_file(folder: Path) -> Path:
    return write_zip(folder / "x.zip", MEMBERS, compression=zipfile.ZIP_STORED)


def tar_file(folder: Path) -> Path:
    return write_tar(folder / "x.tar", MEMBERS | {"cat/0.cls": b"3"})


def pax_file(folder: Path) -> Path:
    with tarfile.open(folder / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("a" * 120 + ".png", "é.png"):
            member = tarfile.TarInfo(name)
            member.size = len(encoded(1))
            archive.addfile(member, io.BytesIO(encoded(1)))
    return folder / "x.tar"


def csv_file(folder: Path) -> Path:
    rows = np.random.default_rng(0).integers(0, 256, (3, 64)).tolist()
    lines = ["label," + ",".join(f"p{i}" for i in range(64))]
    lines += [f'"{i}",' + ",".join(map(str, row)) for i, row in enumerate(rows)]
    (folder / "x.csv").write_text("\n".join(lines))
    return folder / "x.csv"


def faces_file(folder: Path) -> Path:
    lines = ["emotion,pixels,Usage", *(f"{i},{' '.join(['7'] * 64)},Training" for i in range(3))]
    (folder / "x.csv").write_text("\n".join(lines))
    return folder / "x.csv"


def parquet_file(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = [{"bytes": encoded(i), "path": f"{i}.png"} for i in range(6)]
    features = {"info": {"features": {"label": {"names": ["cat", "dog"]}}}}
    table = pa.table({"image": records, "label": [0, 1, None] * 2})
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, folder / "x.parquet", row_group_size=2)
    return folder / "x.parquet"


def kinds_file(folder: Path) -> Path:
    return write_zip(
        folder / "x.zip",
        {f"{kind}.png": encoded(3, kind) for kind in ("ppm", "jpeg2000", "avif", "png")},
        compression=zipfile.ZIP_STORED,
    )


WRITERS = (
    zip_file,
    stored_zip_file,
    tar_file,
    pax_file,
    csv_file,
    faces_file,
    parquet_file,
    kinds_file,
)

changes = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "cut", "repeat", "insert"]),
        st.floats(0, 0.9999),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def damaged(content: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    """Return content with some bytes changed, cut off, repeated or put in."""
    data = bytearray(content)
    for kind, place, value in edits:
        at = int(place * len(data))
        if kind == "flip":
            data[at : at + 1] = bytes([data[at] ^ value[0]]) if data else b""
        elif kind == "set":
            data[at : at + len(value)] = value
        elif kind == "cut":
            del data[at : at + 16 * value[0]]
        elif kind == "repeat":
            data[at:at] = data[at : at + 16 * value[0]]
        else:
            data[at:at] = value
    return bytes(data)


def read_whole(source: Source) -> None:
    """Read everything, as a training would."""
    if isinstance(source, PictureSource):
        listed = source.list_pictures()
        listed.numbered_labels()
        decode_rows(listed, range(len(listed)), (8, 8, 1), Rendering("crop"), White(BYTE))
    else:
        source.read(Wanted())


@pytest.mark.slow
@pytest.mark.parametrize("write", WRITERS)
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=changes)
def test_damaged_files(
    tmp_path: Path, write: Callable[[Path], Path], edits: list[tuple[str, float, bytes]]
) -> None:
    path = write(tmp_path)
    path.write_bytes(damaged(path.read_bytes(), edits))
    tracemalloc.start()
    message = ""
    try:
        read_whole(resolve(path))
    except ZscapeError as error:
        message = str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert "\n" not in message
    assert peak < MAX_BYTES


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200) | st.text(",;\t\"'01.png\n{}[]", max_size=200),
    end=st.sampled_from(["csv", "tsv", "jsonl"]),
)
def test_any_table_of_labels(tmp_path: Path, content: bytes | str, end: str) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / f"labels.{end}").write_bytes(data)
    labels, notes = labels_beside(tmp_path, ["0.png", "1.png"])
    (tmp_path / f"labels.{end}").unlink()
    assert labels is None or len(labels) == 2
    assert not any("\n" in note for note in notes)
