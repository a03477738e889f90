"""Small files that claim, or unpack to, far more than is good for a machine."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.malformed.seeds import ENDINGS, Files, encoded

SIDE = 11_584  # pixels; the largest square picture that is read, a PNG file of 0.5 MB
_LARGE = 6 * 2**30  # bytes that an archive unpacks to
_BLOCK = 2**24


def zeros(n_bytes: int, wbits: int) -> bytes:
    """Return so many zeros, compressed; made of one block over and over."""
    engine = zlib.compressobj(9, wbits=wbits)
    first = engine.compress(bytes(_BLOCK)) + engine.flush(zlib.Z_FULL_FLUSH)
    again = engine.compress(bytes(_BLOCK)) + engine.flush(zlib.Z_FULL_FLUSH)
    return first + again * (n_bytes // _BLOCK - 1) + engine.flush()


def _npy_header(shape: tuple[int, ...], descr: str = "|u1") -> bytes:
    content = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue()


def npz_bomb(n_bytes: int = _LARGE, name: str = "images") -> bytes:
    """Return a `.npz` file of a few MB whose one array really has so many zeros."""
    head = _npy_header((n_bytes // 2**16, 256, 256))
    size = len(head) + n_bytes
    # The header is a block of Deflate that is stored.
    stored = b"\0" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF) + head
    data, path = stored + zeros(n_bytes, -15), f"{name}.npy".encode()
    extra = struct.pack("<HHQQ", 1, 16, size, len(data))
    fields = struct.pack("<HHHHII", 0, 8, 0, 0, 0, 2**32 - 1) + struct.pack("<I", 2**32 - 1)
    local = (
        b"PK\3\4"
        + struct.pack("<H", 45)
        + fields
        + struct.pack("<HH", len(path), 20)
        + path
        + extra
    )
    central = (
        b"PK\1\2" + struct.pack("<HH", 45, 45) + fields
        + struct.pack("<HHHHHII", len(path), 20, 0, 0, 0, 0, 0) + path + extra
    )  # fmt: skip
    start = len(local) + len(data)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), start, 0)
    return local + data + central + end


def npz_bombs() -> Files:
    """Return arrays that unpack to gigabytes, and headers that claim terabytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", _npy_header((10**6, 1000, 1000)) + bytes(1000))
    floats = io.BytesIO()
    with zipfile.ZipFile(floats, "w") as archive:
        archive.writestr("images.npy", _npy_header((2**62, 2**62, 4), "<f8") + bytes(100))
    return {
        "bomb.npz": npz_bomb(),
        "claim.npz": content.getvalue(),
        "beyond.npz": floats.getvalue(),
    }


def npy_bombs() -> Files:
    """Return headers that claim terabytes."""
    return {"claim.npy": _npy_header((10**6, 1000, 1000)) + bytes(1000),
            "nothing.npy": _npy_header((2**40, 8, 8), "|V0"),
            "empty.npy": _npy_header((2**62, 0, 8))}  # fmt: skip


def gzip_bombs() -> Files:
    """Return an idx file that unpacks to gigabytes, and one that claims terabytes."""
    head = struct.pack(">4B3I", 0, 0, 8, 3, _LARGE // 2**16 - 1, 256, 256)
    claim = struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**16, 2**16)
    packed = zeros(_LARGE, 31)
    return {"bomb.idx.gz": zlib.compress(head, wbits=31) + packed,
            "claim.idx.gz": zlib.compress(claim + bytes(1000), wbits=31)}  # fmt: skip


WAYS = ("whole", "patches", "one")


def huge_pictures() -> Files:
    """Return the largest pictures that are read, by format and by the way of reading them."""
    kinds = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "JPEG2000", "AVIF")
    made = {name: each for kind in kinds for name, each in picture_bombs(kind).items()}
    return {f"{way} {name}": each for name, each in made.items() for way in WAYS}


def picture_bombs(kind: str) -> Files:
    """Return pictures of one colour, as large as is read, and beyond."""
    largest = {"WEBP": (8192, 4096), "AVIF": (8192, 4096), "JPEG2000": (4096, 4096)}
    size, narrow = largest.get(kind, (8192, 8192)), (SIDE, SIDE)
    colour = Image.new("RGB", size)
    made: dict[str, tuple[Image.Image, dict[str, Any]]] = {"rgb": (colour, {})}
    if kind == "PNG":
        made |= {
            "alpha": (Image.new("RGBA", size), {}),
            "deep": (Image.new("I;16", size), {}),
            "gray": (Image.new("L", narrow), {}),
        }
        made |= {"palette": (Image.new("P", size), {"transparency": 0})}
    if kind == "WEBP":
        made = {"alpha": (Image.new("RGBA", size), {"lossless": True, "quality": 0, "method": 0})}
    if kind == "JPEG":
        made |= {"steps": (Image.new("RGB", narrow), {"progressive": True})}
    if kind == "TIFF":
        made = {"rgb": (colour, {"compression": "tiff_deflate"}),
                "float": (Image.new("F", size), {"compression": "tiff_deflate"})}  # fmt: skip
    if kind == "GIF":
        made = {"gray": (Image.new("L", size), {})}
    if kind == "AVIF":
        made = {"rgb": (colour, {"speed": 10, "quality": 1})}
    ending = ENDINGS.get(kind, kind.lower())
    return {
        f"{name}.{ending}": encoded(image, kind, **more) for name, (image, more) in made.items()
    }


def zip_bombs() -> Files:
    """Return pictures in a zip file that unpack to gigabytes, and a member that links outside."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        link = zipfile.ZipInfo("a/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a/0.png", encoded(Image.new("L", (9, 9)), "PNG"))
        archive.writestr("a/zeros.png", bytes(2**29 - 1))
        archive.writestr("a/labels.csv", bytes(2**28))
    return {"bomb.zip": content.getvalue()}


def tar_bombs() -> Files:
    """Return a tar file with links to places outside, and a sparse file of terabytes."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for kind, name in ((tarfile.SYMTYPE, "soft.png"), (tarfile.LNKTYPE, "hard.png")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return {"links.tar": content.getvalue()}


def parquet_bombs() -> Files:
    """Return pictures of zeros that unpack to gigabytes, and a dictionary of one used often."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = io.BytesIO()
    table = pa.table({"image": [bytes(2**28)] * 8})
    pq.write_table(table, content, compression="zstd", use_dictionary=False)
    often = io.BytesIO()
    index = pa.array(np.zeros(2**14, np.int32))
    again = pa.table({"image": pa.DictionaryArray.from_arrays(index, pa.array([bytes(2**20)]))})
    pq.write_table(again, often, compression="zstd", dictionary_pagesize_limit=2**30)
    return {"bomb.parquet": content.getvalue(), "often.parquet": often.getvalue()}


def table_bombs() -> Files:
    """Return a line without an end, and a table of pixels that are all the same."""
    return {"line.csv": b"0," * 2**24, "digit.csv": b"label,pixel0\n" + b"9" * 2**25}
