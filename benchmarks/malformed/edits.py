"""What damages a valid file: blind edits of bytes, and edits that keep its form intact.

A file whose checksum is wrong is refused early. So values within PNG chunks, zip members, gzip
streams, headers of tar and NumPy, tags of TIFF and JSON are changed with all around them mended.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Rng = np.random.Generator
_HUGE = (0, 1, 2, 7, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1,
         10**12, 2**53, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
_TOKENS = ("", "nan", "inf", "-1", "1e999", "0", "-0.5", "9" * 25, "9" * 400, "1e308", '"', "\0",
           "=1+1", "\r", "\n\n", "true", "null", "é" * 3, "\ud800".encode("utf-8", "surrogatepass")
           .decode("latin-1"), ",", "\t", " ", "a" * 3000, "[" * 3000, "{")  # fmt: skip
_VALUES = (None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, -(10**30), 0.5, 1e308,
           float("inf"), float("nan"), "", "x", "nan", "../../x", "\0", "é", "\ud800", [], {},
           [[]], [0], {"a": 1}, [1, 2, 3], "9" * 5000)  # fmt: skip
_TYPES = ("'|O'", "'<U0'", "'|S0'", "'<f2'", "'<c16'", "'<M8[s]'", "'|V0'", "'|V9'", "'<u8'",
          "'>f8'", "'|b1'", "'<U1000000000'", "[('a', '<f4')]", "'<f16'", "'|S7'")  # fmt: skip


def damaged(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Return a file with some edits; `others` are files to take parts from."""
    for _ in range(int(rng.integers(1, 4))):
        edit = _edit_of_form(content) if rng.random() < 0.6 else None
        content = edit(content, rng, others) if edit else _bytes(content, rng, others)
    return content


_Edit = Callable[[bytes, Rng, Sequence[bytes]], bytes]


def _edit_of_form(content: bytes) -> _Edit | None:
    """Return the edit that knows the form of a file."""
    starts: dict[bytes, _Edit] = {
        b"\x89PNG": _png, b"PK": _zip, b"\x1f\x8b": _gzip, b"\x93NUMPY": _npy, b"II*\0": _tiff,
        b"MM\0*": _tiff, b"PAR1": _parquet, b"\0\0\x08": _idx, b"\0\0\x0d": _idx,
    }  # fmt: skip
    for start, edit in starts.items():
        if content.startswith(start):
            return edit
    if content[257:262] == b"ustar":
        return _tar
    if content[:1] in b"{[" and content:
        return _json
    is_text = len(content) < 2**16 and b"\0" not in content and content.isascii()
    return _text if is_text else None


def _bytes(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Flip, set, cut, repeat or put in bytes anywhere."""
    data = bytearray(content or b"\0")
    # Headers are at the ends of a file.
    near = int(rng.integers(0, min(len(data), 128)))
    at = (near, len(data) - 1 - near, int(rng.integers(0, len(data))))[rng.integers(0, 3)]
    length = int(2 ** rng.uniform(0, 9))
    kind = rng.integers(0, 8)
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == 1:
        data[at : at + length] = bytes([int(rng.choice([0, 255, 127, 128, 32]))]) * length
    elif kind == 2:
        del data[at : at + length]
    elif kind == 3:
        del data[at:]
    elif kind == 4:
        data[at:at] = data[at : at + length]
    elif kind == 5:
        data[at:at] = rng.integers(0, 256, min(length, 64), np.uint8).tobytes()
    elif kind == 6:
        other = others[rng.integers(0, len(others))]
        start = int(rng.integers(0, max(1, len(other))))
        data[at : at + length] = other[start : start + length]
    else:
        code = "<H", ">H", "<I", ">I", "<Q", ">Q"
        form = code[rng.integers(0, len(code))]
        value = struct.pack(
            form, _HUGE[rng.integers(0, len(_HUGE))] % 2 ** (8 * struct.calcsize(form))
        )
        data[at : at + len(value)] = value
    return bytes(data)


def _inner(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    edit = _edit_of_form(content) or _bytes
    return edit(content, rng, others)


# --- pictures ---


def _png(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change what is in a chunk, its name or its place; the checksum is right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return _bytes(content, rng, others)
    number = int(rng.integers(0, len(chunks)))
    name, data = chunks[number]
    kind = rng.integers(0, 5)
    if kind < 2 and name == b"IHDR" and len(data) == 13:
        fields = list(struct.unpack(">IIBBBBB", data))
        place = int(rng.integers(0, 7))
        fields[place] = _HUGE[rng.integers(0, 14)] % (2**32 if place < 2 else 17)
        data = struct.pack(">IIBBBBB", *fields)
    elif kind < 2:
        try:
            inner = zlib.decompress(data) if name == b"IDAT" else data
        except zlib.error:
            inner = data
        data = (
            zlib.compress(_bytes(inner, rng, others))
            if name == b"IDAT"
            else _bytes(data, rng, others)
        )
    elif kind == 2:
        names = (b"tRNS", b"PLTE", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"zTXt", b"iTXt", b"eXIf",
                 b"gAMA", b"pHYs", b"IEND", b"IHDR", b"sBIT")  # fmt: skip
        name = names[rng.integers(0, len(names))]
    elif kind == 3:
        chunks.insert(int(rng.integers(0, len(chunks))), (name, data))
    else:
        data = b""
    chunks[number] = name, data
    parts = [
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks
    ]
    return content[:8] + b"".join(parts)


def _tiff(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change the tag, type, count or value of an entry of the first directory, or the next one."""
    order = "<" if content.startswith(b"II") else ">"
    data = bytearray(content)
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (n_entries,) = struct.unpack_from(f"{order}H", data, start)
        entry = start + 2 + 12 * int(rng.integers(0, max(1, n_entries)))
        huge = _HUGE[rng.integers(0, len(_HUGE))] % 2**32
        kind = rng.integers(0, 5)
        if kind == 0:
            struct.pack_into(f"{order}H", data, entry + 2, int(rng.integers(0, 20)))
        elif kind == 1:
            struct.pack_into(f"{order}I", data, entry + 4, huge)
        elif kind == 2:
            struct.pack_into(f"{order}I", data, entry + 8, huge)
        elif kind == 3:
            tags = (
                256,
                257,
                258,
                259,
                262,
                273,
                274,
                277,
                278,
                279,
                281,
                317,
                320,
                322,
                324,
                338,
                339,
            )
            struct.pack_into(f"{order}H", data, entry, int(rng.choice(tags)))
        else:  # the next directory: this one again, or anywhere
            after = start + 2 + 12 * n_entries
            value = start if rng.random() < 0.5 else int(rng.integers(0, len(data)))
            struct.pack_into(f"{order}I", data, after, value)
    except struct.error:
        return _bytes(content, rng, others)
    return bytes(data)


# --- archives and arrays ---


def _zip(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change a member, its name or what the lists say of it; the rest stays in order."""
    if rng.random() < 0.3:
        return _zip_lists(content, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
    except Exception:  # it was damaged before
        return _bytes(content, rng, others)
    if not members:
        return content
    number = int(rng.integers(0, len(members)))
    info, data = members[number]
    kind = rng.integers(0, 8)
    name, names = (
        info.filename,
        ("../x.png", "/x.png", "C:\\x.png", "", "a" * 300, "x\ny.png", "é.npy"),
    )
    if kind == 0:
        name = names[rng.integers(0, len(names))]
    elif kind == 1:
        del members[number]
    elif kind == 2:
        members.append(members[number])
    else:
        data = _inner(data, rng, others)
    out = io.BytesIO()
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, info.compress_type, info.compress_type)
    kind_of_all = kinds[rng.integers(0, 4)]
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", kind_of_all) as archive:
        warnings.filterwarnings("ignore", "Duplicate name")
        for other, inner in members:
            is_it = other is info
            archive.writestr((name or "x") if is_it else other.filename, data if is_it else inner)
    return out.getvalue()


def _zip_lists(content: bytes, rng: Rng) -> bytes:
    """Change a field of a header, of the central directory or of its end."""
    magics = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x01\x02", b"PK\x05\x06")
    magic = magics[rng.integers(0, 4)]
    places = [found.start() for found in re.finditer(re.escape(magic), content)]
    if not places:
        return content
    sizes = {b"PK\x03\x04": 30, b"PK\x01\x02": 46, b"PK\x05\x06": 22}
    at = places[rng.integers(0, len(places))] + int(rng.integers(4, sizes[magic] - 1))
    data, value = bytearray(content), _HUGE[rng.integers(0, len(_HUGE))]
    length = int(rng.choice([1, 2, 4]))
    data[at : at + length] = (value % 256**length).to_bytes(length, "little")
    return bytes(data)


def _gzip(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    try:
        inner = gzip.decompress(content)
    except (OSError, EOFError, zlib.error, struct.error):
        return _bytes(content, rng, others)
    return gzip.compress(_inner(inner, rng, others), 1)


def _idx(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change the type, the number of axes or a size."""
    data = bytearray(content)
    if rng.random() < 0.3:
        data[2 + int(rng.integers(0, 2))] = int(rng.integers(0, 20))
    else:
        at = 4 + 4 * int(rng.integers(0, 3))
        data[at : at + 4] = struct.pack(">I", _HUGE[rng.integers(0, 14)] % 2**32)
    return bytes(data)


def _npy(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change shape, type or order in a header that keeps its length right."""
    at = 10
    header = content[at : at + int.from_bytes(content[8:10], "little")].decode("latin-1")
    kind = rng.integers(0, 5)
    numbers = [*re.finditer(r"\d+(?=[,)])", header)]
    if kind < 2 and numbers:
        found = numbers[rng.integers(0, len(numbers))]
        value = str(int(rng.choice([-1, 1])) * _HUGE[rng.integers(0, len(_HUGE))])
        header = header[: found.start()] + value + header[found.end() :]
    elif kind == 2:
        new = _TYPES[rng.integers(0, len(_TYPES))]
        header = re.sub(r"'descr': [^,]+", lambda _: f"'descr': {new}", header)
    elif kind == 3:
        header = re.sub(r"False|True", str(rng.choice(["True", "None", "1"])), header)
    else:
        header = _text(header.encode("latin-1"), rng, others).decode("latin-1")
    header = header.rstrip() + "\n"
    return (
        content[:8]
        + struct.pack("<H", len(header) % 65536)
        + header.encode("latin-1")
        + content[at + int.from_bytes(content[8:10], "little") :]
    )


def _tar(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change a field of a header, whose checksum is right."""
    places = [at for at in range(0, len(content), 512) if content[at + 257 : at + 262] == b"ustar"]
    at = places[rng.integers(0, len(places))]
    data = bytearray(content)
    fields = ((0, 100), (100, 8), (124, 12), (124, 12), (136, 12), (156, 1), (157, 100), (345, 155))
    start, length = fields[rng.integers(0, len(fields))]
    kinds = (b"0", b"1", b"2", b"3", b"5", b"6", b"L", b"K", b"x", b"g", b"S", b"X", b"\0")
    values = {
        124: (b"77777777777\0", b"\x80" + bytes(3) + b"\xff" * 8, b"-0000000001\0", b"\xff" * 12,
              b"00000000000\0", b"x" * 12),
        156: kinds,
    }.get(start, (b"../x.png", b"/etc/passwd", b"\xff" * 90, b"", b"a\nb.png", b"\x80" + b"\xff" * 6))  # fmt: skip
    value = values[rng.integers(0, len(values))]
    data[at + start : at + start + length] = value.ljust(length, b"\0")[:length]
    if rng.random() < 0.9:
        data[at + 148 : at + 156] = b" " * 8
        data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return bytes(data)


def _parquet(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change bytes of the footer, or of a header of a page."""
    data = bytearray(content)
    length = min(int.from_bytes(data[-8:-4], "little"), len(data) - 8)
    for _ in range(int(rng.integers(1, 4))):
        at = len(data) - 9 - int(rng.integers(0, max(1, length)))
        if rng.random() < 0.3:
            at = int(rng.integers(4, 64))
        value = (255, 127, 0, 1, 2, 24, 254, int(rng.integers(0, 256)))[rng.integers(0, 8)]
        if 0 <= at < len(data):
            data[at] = value
    return bytes(data)


# --- text ---


def _text(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change a number or a field, or a whole line."""
    token = _TOKENS[rng.integers(0, len(_TOKENS))].encode("utf-8", "replace")
    kind = rng.integers(0, 4)
    numbers = [*re.finditer(rb"\d+", content)]
    if kind == 0 and numbers:
        found = numbers[rng.integers(0, len(numbers))]
        value = str(_HUGE[rng.integers(0, len(_HUGE))]).encode()
        return content[: found.start()] + value + content[found.end() :]
    if kind == 1:
        fields = [*re.finditer(rb"[^,;\t\n ]+", content)] or [None]
        found_field = fields[rng.integers(0, len(fields))]
        if found_field is not None:
            return content[: found_field.start()] + token + content[found_field.end() :]
    lines = content.split(b"\n")
    at = int(rng.integers(0, len(lines)))
    if kind == 2:
        lines[at] = (b"", token, lines[at] + b",", lines[0])[rng.integers(0, 4)]
    else:
        lines.insert(at, lines[rng.integers(0, len(lines))] if rng.random() < 0.7 else token)
    return b"\n".join(lines)


def _json(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Replace, remove or rename a value somewhere in a JSON document."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _text(content, rng, others)
    places: list[tuple[Any, Any]] = []

    def visit(value: Any) -> None:
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                visit(value[key])

    if isinstance(document, dict | list):
        visit(document)
    kind = rng.integers(0, 12)
    value: Any = _VALUES[rng.integers(0, len(_VALUES))]
    if kind == 0 or not places:
        document = value
    elif kind == 1:
        depth = int(10 ** rng.uniform(1, 5.3))
        return b'{"a":' * depth + b"1" + b"}" * depth if rng.random() < 0.5 else b"[" * depth
    else:
        holder, key = places[rng.integers(0, len(places))]
        if kind == 2:
            del holder[key]
        elif kind == 3 and isinstance(holder, dict):
            holder[f"{key}2"] = holder.pop(key)
        else:
            holder[key] = value
    return json.dumps(document).encode("utf-8", "replace")
