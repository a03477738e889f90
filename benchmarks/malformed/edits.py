"""What damages a valid file: blind edits of bytes, and edits that keep its form intact.

A file whose checksum is wrong is refused early. So values within PNG chunks, zip members, gzip
streams, headers of tar and NumPy, tags of TIFF and JSON are changed with all around them mended.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence

from benchmarks.malformed.blind import HUGE, Rng, edit_bytes
from benchmarks.malformed.picture_files import edit_png, edit_tiff
from benchmarks.malformed.text import edit_json, edit_text
from zscape.errors import PARSE_ERRORS

_TYPES = ("'|O'", "'<U0'", "'|S0'", "'<f2'", "'<c16'", "'<M8[s]'", "'|V0'", "'|V9'", "'<u8'",
          "'>f8'", "'|b1'", "'<U1000000000'", "[('a', '<f4')]", "'<f16'", "'|S7'")  # fmt: skip


def damaged(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Return a file with some edits; `others` are files to take parts from."""
    for _ in range(int(rng.integers(1, 4))):
        edit = _edit_of_form(content) if rng.random() < 0.6 else None
        content = edit(content, rng, others) if edit else edit_bytes(content, rng, others)
    return content


_Edit = Callable[[bytes, Rng, Sequence[bytes]], bytes]


def _edit_of_form(content: bytes) -> _Edit | None:
    """Return the edit that knows the form of a file."""
    starts: dict[bytes, _Edit] = {
        b"\x89PNG": edit_png, b"II*\0": edit_tiff, b"MM\0*": edit_tiff,
        b"PK": _zip, b"\x1f\x8b": _gzip, b"\x93NUMPY": _npy, b"PAR1": _parquet,
        b"\0\0\x08": _idx, b"\0\0\x0d": _idx,
    }  # fmt: skip
    for start, edit in starts.items():
        if content.startswith(start):
            return edit
    if content[257:262] == b"ustar":
        return _tar
    if content[:1] in b"{[" and content:
        return edit_json
    is_text = len(content) < 2**16 and b"\0" not in content and content.isascii()
    return edit_text if is_text else None


def _inner(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    edit = _edit_of_form(content) or edit_bytes
    return edit(content, rng, others)


def _zip(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change a member, its name or what the lists say of it; the rest stays in order."""
    if rng.random() < 0.3:
        return _zip_lists(content, rng)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info, archive.read(info)) for info in archive.infolist()]
    except (*PARSE_ERRORS, zipfile.BadZipFile):  # it was damaged before
        return edit_bytes(content, rng, others)
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
    data, value = bytearray(content), HUGE[rng.integers(0, len(HUGE))]
    length = int(rng.choice([1, 2, 4]))
    data[at : at + length] = (value % 256**length).to_bytes(length, "little")
    return bytes(data)


def _gzip(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    try:
        inner = gzip.decompress(content)
    except (OSError, EOFError, zlib.error, struct.error):
        return edit_bytes(content, rng, others)
    return gzip.compress(_inner(inner, rng, others), 1)


def _idx(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change the type, the number of axes or a size."""
    data = bytearray(content)
    if rng.random() < 0.3:
        data[2 + int(rng.integers(0, 2))] = int(rng.integers(0, 20))
    else:
        at = 4 + 4 * int(rng.integers(0, 3))
        data[at : at + 4] = struct.pack(">I", HUGE[rng.integers(0, 14)] % 2**32)
    return bytes(data)


def _npy(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change shape, type or order in a header that keeps its length right."""
    at = 10
    header = content[at : at + int.from_bytes(content[8:10], "little")].decode("latin-1")
    kind = rng.integers(0, 5)
    numbers = [*re.finditer(r"\d+(?=[,)])", header)]
    if kind < 2 and numbers:
        found = numbers[rng.integers(0, len(numbers))]
        value = str(int(rng.choice([-1, 1])) * HUGE[rng.integers(0, len(HUGE))])
        header = header[: found.start()] + value + header[found.end() :]
    elif kind == 2:
        new = _TYPES[rng.integers(0, len(_TYPES))]
        header = re.sub(r"'descr': [^,]+", lambda _: f"'descr': {new}", header)
    elif kind == 3:
        header = re.sub(r"False|True", str(rng.choice(["True", "None", "1"])), header)
    else:
        header = edit_text(header.encode("latin-1"), rng, others).decode("latin-1")
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
    names = (b"../x.png", b"/etc/passwd", b"\xff" * 90, b"", b"a\nb.png", b"\x80" + b"\xff" * 6)
    values = {
        124: (
            b"77777777777\0",
            b"\x80" + bytes(3) + b"\xff" * 8,
            b"-0000000001\0",
            b"\xff" * 12,
            b"00000000000\0",
            b"x" * 12,
        ),
        156: kinds,
    }.get(start, names)
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
