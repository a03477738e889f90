"""Edits of chunks of PNG and of tags of TIFF."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from benchmarks.malformed.blind import HUGE, Rng, edit_bytes


def edit_png(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change what is in a chunk, its name or its place; the checksum is right."""
    chunks, at = [], 8
    while at + 12 <= len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        chunks.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not chunks:
        return edit_bytes(content, rng, others)
    number = int(rng.integers(0, len(chunks)))
    name, data = chunks[number]
    kind = rng.integers(0, 5)
    if kind < 2 and name == b"IHDR" and len(data) == 13:
        fields = list(struct.unpack(">IIBBBBB", data))
        place = int(rng.integers(0, 7))
        fields[place] = HUGE[rng.integers(0, 14)] % (2**32 if place < 2 else 17)
        data = struct.pack(">IIBBBBB", *fields)
    elif kind < 2:
        try:
            inner = zlib.decompress(data) if name == b"IDAT" else data
        except zlib.error:
            inner = data
        data = (
            zlib.compress(edit_bytes(inner, rng, others))
            if name == b"IDAT"
            else edit_bytes(data, rng, others)
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


def edit_tiff(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change the tag, type, count or value of an entry of the first directory, or the next one."""
    order = "<" if content.startswith(b"II") else ">"
    data = bytearray(content)
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (n_entries,) = struct.unpack_from(f"{order}H", data, start)
        entry = start + 2 + 12 * int(rng.integers(0, max(1, n_entries)))
        huge = HUGE[rng.integers(0, len(HUGE))] % 2**32
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
        return edit_bytes(content, rng, others)
    return bytes(data)
