"""Edits of bytes, blind to what they mean."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

Rng = np.random.Generator
HUGE = (0, 1, 2, 7, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1,
         10**12, 2**53, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip


def edit_bytes(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
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
        other = others[int(rng.integers(0, len(others)))]
        start = int(rng.integers(0, max(1, len(other))))
        data[at : at + length] = other[start : start + length]
    else:
        code = "<H", ">H", "<I", ">I", "<Q", ">Q"
        form = code[rng.integers(0, len(code))]
        value = struct.pack(
            form, HUGE[rng.integers(0, len(HUGE))] % 2 ** (8 * struct.calcsize(form))
        )
        data[at : at + len(value)] = value
    return bytes(data)
