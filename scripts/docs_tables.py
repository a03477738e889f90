"""Tables of the documentation that are made from the package, for MkDocs (`hooks` in mkdocs.yml).

A line `<!-- table: metrics -->` in a page becomes the table of that name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from zscape.evaluation.metrics import GENERATION_METRICS, METRICS, Metric


def metrics_table(metrics: Mapping[str, Metric]) -> str:
    """Return a table in Markdown: name in files, label, meaning, unit and better direction."""
    lines = ["| metric | name in files | what it is | unit | better |", "|---|---|---|---|---|"]
    for metric in metrics.values():
        cells = (metric.label, f"`{metric.name}`", metric.description, metric.unit, metric.better)
        lines.append("| " + " | ".join(cell or "" for cell in cells) + " |")
    return "\n".join(lines)


TABLES = {"metrics": METRICS, "generation metrics": GENERATION_METRICS}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the tables in their places; MkDocs calls this for every page."""
    return re.sub(
        r"<!-- table: ([\w ]+) -->", lambda found: metrics_table(TABLES[found[1]]), markdown
    )
