"""The machine and the versions a benchmark ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe_machine() -> str:
    """Return processor, cores and versions in one line."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    versions = ", ".join(f"{package} {version(package)}" for package in ("keras", "numpy"))
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"
