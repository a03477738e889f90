"""Edits of text: of numbers, fields and lines, and of values in JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from benchmarks.malformed.blind import HUGE, Rng

_TOKENS = ("", "nan", "inf", "-1", "1e999", "0", "-0.5", "9" * 25, "9" * 400, "1e308", '"', "\0",
           "=1+1", "\r", "\n\n", "true", "null", "é" * 3, "\ud800".encode("utf-8", "surrogatepass")
           .decode("latin-1"), ",", "\t", " ", "a" * 3000, "[" * 3000, "{")  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, -(10**30), 0.5, 1e308,
    float("inf"), float("nan"), "", "x", "nan", "../../x", "\0", "é", "\ud800", [], {},
    [[]], [0], {"a": 1}, [1, 2, 3], "9" * 5000,
)  # fmt: skip


def edit_text(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Change a number or a field, or a whole line."""
    token = _TOKENS[rng.integers(0, len(_TOKENS))].encode("utf-8", "replace")
    kind = rng.integers(0, 4)
    numbers = [*re.finditer(rb"\d+", content)]
    if kind == 0 and numbers:
        found = numbers[rng.integers(0, len(numbers))]
        value = str(HUGE[rng.integers(0, len(HUGE))]).encode()
        return content[: found.start()] + value + content[found.end() :]
    if kind == 1:
        fields = [*re.finditer(rb"[^,;\t\n ]+", content)]
        number = int(rng.integers(0, max(1, len(fields))))
        if fields:
            return content[: fields[number].start()] + token + content[fields[number].end() :]
    lines = content.split(b"\n")
    at = int(rng.integers(0, len(lines)))
    if kind == 2:
        lines[at] = (b"", token, lines[at] + b",", lines[0])[rng.integers(0, 4)]
    else:
        lines.insert(at, lines[rng.integers(0, len(lines))] if rng.random() < 0.7 else token)
    return b"\n".join(lines)


def edit_json(content: bytes, rng: Rng, others: Sequence[bytes]) -> bytes:
    """Replace, remove or rename a value somewhere in a JSON document."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return edit_text(content, rng, others)
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
