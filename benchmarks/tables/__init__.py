"""Saved results as Markdown: a module for each benchmark, and one way to render."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# The files of results, in the order of the docs; what follows a hyphen is the kind of processor.
NAMES = (
    *("speed", "speed-avx2", "speed-gpu", "time_to_quality", "quality", "study", "recipe"),
    *("denoising", "generation", "anomalies", "soak", "explorer", "fuzz"),
    *("cluster", "cluster_model"),
)


def render(name: str, results: dict[str, Any]) -> str:
    """Return the results of a file as a page of Markdown."""
    page: str = import_module(f"benchmarks.tables.{name.partition('-')[0]}").render(results)
    return page
