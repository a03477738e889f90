"""The payload of the explorer, read back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from safetensors.numpy import load


def unpack(payload: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the meta values and the arrays of a payload."""
    length = int.from_bytes(payload[:8], "little")
    header = json.loads(payload[8 : 8 + length])
    return json.loads(header["__metadata__"]["meta"]), load(payload)
