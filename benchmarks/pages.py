"""Write what the documentation shows of saved results: `python -m benchmarks.pages`.

`docs/benchmarks.md` gets the tables of every benchmark, README.md, between two comments, those of
the main figures, `docs/images/` the pictures, and `benchmarks/results/` a page beside each file.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.drawings import SHEETS, draw_generated, draw_memory, draw_samples
from benchmarks.harness import RESULTS, ROOT
from benchmarks.tables import NAMES, readme, render
from benchmarks.tables.markdown import Run

BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"
HEAD = """# Benchmarks

`make bench` repeats them. Each is a program in `benchmarks/`, which says on top what it measures;
the results below are the files it left in `benchmarks/results/`. Where a number has a goal, the
goal follows in brackets, and a missed goal is marked.
"""


def saved() -> dict[str, Run]:
    """Return all results there are, in the order of the page."""
    paths = {name: RESULTS / f"{name}.json" for name in NAMES}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def render_all(results: dict[str, Run]) -> dict[Path, str]:
    """Return every text that shows results, by the file it belongs into."""
    pages = {RESULTS / f"{name}.md": render(name, found) for name, found in results.items()}
    docs = [text.replace("\n#", "\n##").replace("# ", "## ", 1) for text in pages.values()]
    path = ROOT / "README.md"
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return {
        **pages,
        ROOT / "docs" / "benchmarks.md": "\n".join([HEAD, *docs]),
        path: f"{before}{BEGIN}\n{readme.render(results)}\n{END}{after}",
    }


def main() -> None:
    """Write all of it."""
    results = saved()
    for path, text in render_all(results).items():
        path.write_text(text)
    images = ROOT / "docs" / "images"
    if "study" in results:
        for study in SHEETS:
            draw_samples(study, images)
    if "generation" in results:
        draw_generated(images / "generation.png")
    if "soak" in results:
        draw_memory(results["soak"]["runs"][-1]["samples"], images / "soak.png")


if __name__ == "__main__":
    main()
