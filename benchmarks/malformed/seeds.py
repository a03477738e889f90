"""Small valid files of every kind that zscape reads, by name."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Files = dict[str, bytes]
RUN = Path(__file__).parents[2] / "tests" / "runs" / "classic-plain"
ENDINGS = {"JPEG": "jpg", "JPEG2000": "jp2"}


def _pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def encoded(image: Any, kind: str, **options: Any) -> bytes:
    """Return a picture file."""
    content = io.BytesIO()
    made = image if isinstance(image, Image.Image) else Image.fromarray(image)
    made.save(content, kind, **options)
    return content.getvalue()


def pictures(kind: str) -> Files:
    """Return pictures of a format in all its forms: depths, palettes, animations, pages."""
    colour = Image.fromarray(_pixels(20, 24, 3))
    gray, deep = colour.convert("L"), np.arange(480, dtype=np.uint16).reshape(20, 24) * 100
    clear = colour.convert("RGBA")
    clear.putalpha(gray)
    more: dict[str, Any] = {
        "save_all": True,
        "append_images": [colour.rotate(90), colour],
        "duration": 20,
    }
    turned = Image.Exif()
    turned[274] = 6
    files: dict[str, dict[str, bytes]] = {
        "PNG": {
            "rgb": encoded(colour, kind, exif=turned), "deep": encoded(deep, "PNG"),
            "palette": encoded(colour.quantize(16), "PNG", transparency=3),
            "alpha": encoded(clear, "PNG", dpi=(72, 72)), "bit": encoded(gray.convert("1"), "PNG"),
            "la": encoded(clear.convert("LA"), "PNG"), "apng": encoded(colour, "PNG", **more),
        },
        "JPEG": {
            "rgb": encoded(colour, "JPEG", exif=turned), "gray": encoded(gray, "JPEG"),
            "steps": encoded(colour, "JPEG", progressive=True),
            "cmyk": encoded(colour.convert("CMYK"), "JPEG"),
        },
        "WEBP": {
            "lossy": encoded(colour, "WEBP"), "lossless": encoded(clear, "WEBP", lossless=True),
            "moving": encoded(colour, "WEBP", **more),
        },
        "BMP": {"rgb": encoded(colour, "BMP"), "gray": encoded(gray, "BMP"),
                "palette": encoded(colour.quantize(16), "BMP"), "alpha": encoded(clear, "BMP")},
        "GIF": {"gray": encoded(gray, "GIF"), "moving": encoded(colour, "GIF", **more),
                "clear": encoded(colour.quantize(16), "GIF", transparency=2)},
        "TIFF": {
            "rgb": encoded(colour, "TIFF"), "deep": encoded(deep, "TIFF"),
            "float": encoded(np.float32(deep), "TIFF"),
            "bit": encoded(gray.convert("1"), "TIFF", compression="group4"),
            "pages": encoded(colour, "TIFF", save_all=True, append_images=[gray, colour]),
            "lzw": encoded(colour, "TIFF", compression="tiff_lzw"),
            "deflate": encoded(deep, "TIFF", compression="tiff_deflate"),
            "jpeg": encoded(colour, "TIFF", compression="jpeg"),
        },
        "PPM": {
            "p6": encoded(colour, "PPM"), "p5": encoded(gray, "PPM"),
            "p2": b"P2\n# text\n4 3\n255\n" + b"0 17 34 255 1 2 3 4 5 6 7 8\n",
            "p3": b"P3\n2 2\n255\n" + b"255 0 0 0 255 0 0 0 255 9 9 9\n",
            "p1": b"P1\n4 4\n0 1 0 1 1 0 1 0 0 1 0 1 1 0 1 0\n", "deep": encoded(deep, "PPM"),
            "float": b"Pf\n4 4\n-1.0\n" + np.linspace(0, 1, 16, dtype="<f4").tobytes(),
        },
        "JPEG2000": {"rgb": encoded(colour, "JPEG2000"), "gray": encoded(gray, "JPEG2000"),
                     "deep": encoded(deep, "JPEG2000"),
                     "tiles": encoded(clear, "JPEG2000", tile_size=(16, 16))},
        "AVIF": {"rgb": encoded(colour, "AVIF"), "alpha": encoded(clear, "AVIF"),
                 "moving": encoded(colour, "AVIF", **more)},
    }  # fmt: skip
    return {f"{name}.{ENDINGS.get(kind, kind.lower())}": each for name, each in files[kind].items()}


def npz_files() -> Files:
    """Return `.npz` files: one array, pairs, splits, compressed."""
    x, y = _pixels(12, 9, 10), np.arange(12) % 3
    split = {"x_train": x, "y_train": y, "x_test": x[:4], "y_test": y[:4]}
    kept: list[tuple[str, Any, dict[str, np.ndarray]]] = [
        ("plain.npz", np.savez, {"images": x, "labels": y}),
        ("small.npz", np.savez_compressed, {"images": x, "labels": y}),
        ("split.npz", np.savez_compressed, split),
        ("floats.npz", np.savez, {"data": x[..., None] / np.float32(255)}),
        ("names.npz", np.savez, {"images": x, "labels": np.array(["cat", "dog", "é"] * 4)}),
    ]  # fmt: skip
    return {name: _saved(save, **arrays) for name, save, arrays in kept}


def _saved(save: Any, *arrays: np.ndarray, **named: np.ndarray) -> bytes:
    content = io.BytesIO()
    save(content, *arrays, **named)
    return content.getvalue()


def npy_files() -> Files:
    """Return `.npy` files of several types."""
    x = _pixels(6, 9, 10)
    kept = {"bytes": x, "colour": _pixels(3, 9, 9, 3), "floats": x / 255, "masks": x > 99,
            "deep": x.astype(">u2") * 200, "whole": x.astype(np.int64),
            "turned": np.asfortranarray(x)}  # fmt: skip
    return {f"{name}.npy": _saved(np.save, array) for name, array in kept.items()}


def idx_files() -> Files:
    """Return a file in the format of MNIST: bytes, and one of floats."""
    head = struct.pack(">4B3I", 0, 0, 8, 3, 5, 9, 10)
    floats = np.linspace(0, 1, 450, dtype=">f4").tobytes()
    return {
        "train-images-idx3-ubyte": head + _pixels(450).tobytes(),
        "x-images-idx3-float": b"\0\0\x0d" + head[3:] + floats,
    }


def gzip_files() -> Files:
    """Return the same, compressed."""
    return {f"{name}.gz": gzip.compress(content) for name, content in idx_files().items()}


def pixel_tables() -> Files:
    """Return tables with the pixels of images."""
    rows = [[i % 3, *_pixels(64)] for i in range(4)]
    head = ",".join(["label", *(f"pixel{i}" for i in range(64))])
    digits = "\n".join([head, *(",".join(map(str, row)) for row in rows)])
    faces = [f"{i},{' '.join(['7'] * 64)},{'Training' if i else 'PublicTest'}" for i in range(3)]
    colour = "\n".join("\t".join(map(str, [*_pixels(192) / 255, i])) for i in range(3))
    return {
        "digits.csv": digits.encode(),
        "digits.tsv": digits.replace(",", "\t").encode(),
        "faces.csv": "\n".join(["emotion,pixels,Usage", *faces]).encode(),
        "colour.tsv": colour.encode(),
    }


def label_tables() -> Files:
    """Return tables of labels that lie with the pictures 0.png to 3.png."""
    lines = [json.dumps({"file_name": f"{i}.png", "label": i % 2, "box": [1, 2]}) for i in range(4)]
    return {
        "labels.csv": b"id,breed\n0,pug\n1,husky\n2,pug\n3,pug\n",
        "metadata.csv": b'file_name;label;note\n"0.png";1;"a\nb"\n1.png;0;\n2.png;1;\n3.png;0;x\n',
        "metadata.jsonl": "\n".join(lines).encode(),
        "train.tsv": b"image\tclass\n0.png\tcat\n1.png\tdog\n2.png\tcat\n3.png\tcat\n",
    }


def _members() -> Files:
    kinds = {"cat/0.png": "PNG", "cat/1.jpg": "JPEG", "dog/2.gif": "GIF", "dog/3.png": "PNG"}
    made = {name: encoded(_pixels(9, 9), kind) for name, kind in kinds.items()}
    return made | {"labels.csv": b"id,breed\n0,pug\n1,husky\n"}


def zip_files() -> Files:
    """Return zip files, with class folders and without, compressed and not."""
    found = {}
    flat = {name.rpartition("/")[2]: content for name, content in _members().items()}
    split = {
        f"{part}/{name}": each for part in ("train", "test") for name, each in _members().items()
    }
    for name, members, kind in (("folders", _members(), 8), ("flat", flat, 0), ("split", split, 8)):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", kind) as archive:
            for path, inner in members.items():
                archive.writestr(path, inner)
        found[f"{name}.zip"] = content.getvalue()
    return found


def tar_files() -> Files:
    """Return tar files: with class folders, in the convention of WebDataset, with long names."""
    shard = {f"{i:04d}.{end}": encoded(_pixels(9, 9), "PNG") if end == "png" else b"%d" % (i % 2)
             for i in range(3) for end in ("png", "cls", "json")}  # fmt: skip
    long = {
        "a" * 120 + ".png": encoded(_pixels(9, 9), "PNG"),
        "é.png": encoded(_pixels(9, 9), "PNG"),
    }
    kept = {"folders": (_members(), tarfile.USTAR_FORMAT), "shard": (shard, tarfile.USTAR_FORMAT),
            "pax": (long, tarfile.PAX_FORMAT), "gnu": (long, tarfile.GNU_FORMAT)}  # fmt: skip
    found = {}
    for name, (members, form) in kept.items():
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", format=form) as archive:
            for path, inner in members.items():
                info = tarfile.TarInfo(path)
                info.size = len(inner)
                archive.addfile(info, io.BytesIO(inner))
        found[f"{name}.tar"] = content.getvalue()
    return found


def parquet_files() -> Files:
    """Return Parquet files: as Hugging Face keeps pictures, and with plain bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    coded = [encoded(_pixels(9, 9), "PNG") for _ in range(6)]
    records = [{"bytes": each, "path": f"{i}.png"} for i, each in enumerate(coded)]
    features = {"info": {"features": {"label": {"names": ["cat", "dog"]}}}}
    faces = pa.table({"image": records, "label": [0, 1, None] * 2})
    faces = faces.replace_schema_metadata({"huggingface": json.dumps(features)})
    plain = pa.table({"img": coded, "class": pa.array(["a", "b", "c"] * 2).dictionary_encode()})
    found = {}
    for name, table, options in (
        ("faces", faces, {"row_group_size": 2}), ("plain", plain, {}),
        ("zstd", plain, {"compression": "zstd"}), ("raw", faces, {"compression": "none"}),
    ):  # fmt: skip
        content = io.BytesIO()
        pq.write_table(table, content, **options)
        found[f"{name}.parquet"] = content.getvalue()
    return found


def settings_files() -> Files:
    """Return files of settings."""
    text = (
        'preset = "classic"\nlatent_dim = 4\nepochs = 2\nseed = 3\n'
        'corruption = "gaussian:sigma=0.2"\n'
        'size = "24x32"\nlimit = 100\nbottleneck = "gaussian:beta=2"\n[pictures]\nfit = "pad"\n'
        "[training]\nlearning_rate = 0.01\n"
    )
    return {"settings.toml": text.encode(), "settings.json": (RUN / "config.json").read_bytes()}


def codes_files() -> Files:
    """Return files of codes for `zscape decode`."""
    codes = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    return {"codes.npz": _saved(np.savez_compressed, codes=codes, labels=np.arange(5)),
            "plain.npz": _saved(np.savez, codes=codes.astype(np.float64))}  # fmt: skip


def run_file(name: str) -> Files:
    """Return a file of a run."""
    return {name.rpartition("/")[2]: (RUN / name).read_bytes()}
