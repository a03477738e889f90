"""One small data set in every form that is read from elsewhere."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.archives import write_tar, write_zip

N = 24


def picture(number: int) -> bytes:
    """Return a PNG of 9 x 9 pixels that no other number has."""
    pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    return content.getvalue()


def classes(prefix: str = "") -> dict[str, bytes]:
    return {f"{prefix}{'ab'[i % 2]}/{i:02d}.png": picture(i) for i in range(N)}


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def class_folders(folder: Path) -> Path:
    return _write(folder / "pictures", classes() | {"a/.hidden.png": b"", "notes.txt": b"odd"})


def split_folders(folder: Path) -> Path:
    return _write(folder / "pictures", classes("train/") | classes("test/"))


def label_table(folder: Path) -> Path:
    pictures = {f"{i:02d}.png": picture(i) for i in range(N)}
    table = "file,label\n" + "".join(f"{name},{'ab'[i % 2]}\n" for i, name in enumerate(pictures))
    return _write(folder / "pictures", pictures | {"labels.csv": table.encode()})


def with_a_broken_one(folder: Path) -> Path:
    return _write(folder / "pictures", classes() | {"a/99.png": b"no picture"})


def zip_file(folder: Path) -> Path:
    return write_zip(folder / "pictures.zip", classes("inner/"))


def tar_folder(folder: Path) -> Path:
    some, others = dict([*classes().items()][:9]), dict([*classes().items()][9:])
    write_tar(folder / "shards" / "0.tar", some)
    return write_tar(folder / "shards" / "1.tar", others).parent


def web_dataset(folder: Path) -> Path:
    files = {f"{i:02d}.{end}": content for i in range(N)
             for end, content in (("png", picture(i)), ("cls", b"%d" % (i % 2)))}  # fmt: skip
    return write_tar(folder / "pictures.tar", files)


def parquet_file(folder: Path) -> Path:
    return _parquet(folder / "pictures.parquet", range(N))


def parquet_folder(folder: Path) -> Path:
    _parquet(folder / "set" / "data" / "train-0.parquet", range(8))
    return _parquet(folder / "set" / "data" / "test-0.parquet", range(8, N)).parent.parent


def _parquet(path: Path, numbers: range) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({"image": [picture(i) for i in numbers], "label": [i % 2 for i in numbers]})
    pq.write_table(table, path, row_group_size=4)
    return path


def _values() -> tuple[np.ndarray, np.ndarray]:
    images = np.random.default_rng(0).integers(0, 256, (N, 9, 9), np.uint8)
    return images, np.arange(N) % 2


def npz_file(folder: Path) -> Path:
    images, labels = _values()
    np.savez(folder / "arrays.npz", images=images, labels=labels)
    return folder / "arrays.npz"


def npy_file(folder: Path) -> Path:
    np.save(folder / "arrays.npy", _values()[0])
    return folder / "arrays.npy"


def csv_file(folder: Path) -> Path:
    images, labels = _values()
    header = ",".join(["label", *(f"pixel{i}" for i in range(81))])
    rows = np.concatenate([labels[:, None], images.reshape(N, -1)], axis=1)
    np.savetxt(folder / "arrays.csv", rows, "%d", ",", header=header, comments="")
    return folder / "arrays.csv"


def idx_folder(folder: Path) -> Path:
    images, labels = _values()
    return _write(folder / "idx", {
        "train-images-idx3-ubyte": struct.pack(">4I", 0x803, N, 9, 9) + images.tobytes(),
        "train-labels-idx1-ubyte": struct.pack(">2I", 0x801, N) + labels.astype("u1").tobytes(),
    })  # fmt: skip


FORMS: list[Callable[[Path], Path]] = [
    class_folders, split_folders, label_table, with_a_broken_one, zip_file, tar_folder, web_dataset,
    parquet_file, parquet_folder, npz_file, npy_file, csv_file, idx_folder,
]  # fmt: skip
