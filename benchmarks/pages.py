"""Write what the documentation shows of saved results: `python -m benchmarks.pages`.

`docs/benchmarks.md` gets the Markdown of every benchmark, README.md, between two comments, a short
table of the main figures, and `docs/images/` the pictures of the study.
"""

from __future__ import annotations

import base64
import io
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.generation import N_SHOWN, PAIRS
from benchmarks.speed_tables import goals_of, ratio
from benchmarks.study import BASE, CLASSIC, SAMPLES
from benchmarks.time_to_quality import compare, ratios

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
BENCHMARKS = (
    "speed",
    "speed-avx2",
    "speed-gpu",
    "time_to_quality",
    "quality",
    "study",
    "recipe",
    "denoising",
    "generation",
    "anomalies",
    "soak",
    "explorer",
)
# The pictures of the study: the rows under the images themselves.
LOSSES = (
    BASE,
    "loss: MSE and a hundredth of 1 - SSIM",
    "loss: binary cross-entropy",
    "loss: mean absolute error",
)
PICTURES = {"losses.png": ("fast", LOSSES), "debates.png": ("classic", tuple(CLASSIC))}
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def docs_page() -> str:
    """Return the page with all tables."""
    parts = [
        "# Benchmarks",
        "`make bench` repeats them. Each is a program in `benchmarks/`, which says on top what it "
        "measures; the results below are the files it left in `benchmarks/results/`.",
    ]
    for name in BENCHMARKS:
        table = RESULTS / f"{name}.md"
        if table.exists():
            parts.append(table.read_text().replace("\n#", "\n##").replace("# ", "## ", 1).strip())
    return "\n\n".join(parts) + "\n"


def readme_tables() -> str:
    """Return the quality and the speed table of README.md."""
    return "\n\n".join([*_quality_table(), *_time_to_quality(), *_speed_table()])


def draw_samples(runs: list[dict[str, Any]], names: tuple[str, ...], path: Path) -> None:
    """Draw validation images over their reconstructions by several networks, a row each.

    Args:
        runs: those of one study that have samples.
        names: the changes to show, from top to bottom.
        path: the PNG file to write.
    """
    from zscape.data.images import as_float
    from zscape.data.load import load_dataset
    from zscape.viz.sheets import plot_image_rows
    from zscape.viz.style import save_figure

    images = as_float(load_dataset("mnist", seed=0).validation.images[SAMPLES])
    rows = {"the images": images}
    for run in runs:
        rows[run["change"]] = _from_strip(run["samples"], len(images))
    shown = [name for name in ("the images", *names) if name in rows]
    titles = [name.removeprefix("loss: ").replace(BASE, "MSE (as it is)") for name in shown]
    save_figure(plot_image_rows(np.stack([rows[name] for name in shown]), titles), path)


def draw_generated(runs: list[dict[str, Any]], path: Path) -> None:
    """Draw generated images of each pair of models, and below ours the nearest training images.

    Args:
        runs: those of the benchmark of generation; of several seeds the first is shown.
        path: the PNG file to write.
    """
    from zscape.viz.sheets import plot_image_rows
    from zscape.viz.style import save_figure

    shown: dict[str, np.ndarray] = {}
    for name, sides in PAIRS.items():
        found = [
            next((run for run in runs if (run["library"], run["model"]) == (library, model)), None)
            for library, (model, _) in zip(("Pythae", "zscape"), sides, strict=True)
        ]
        for run, (_, density) in zip(found, sides, strict=True):
            if run is None or None in found:
                continue
            images = _from_strip(run["samples"][density]["shown"], 2 * N_SHOWN)
            shown[f"{name}: {run['library']}"] = images[:N_SHOWN]
            if run["library"] == "zscape":
                shown[f"{name}: nearest in training"] = images[N_SHOWN:]
    save_figure(plot_image_rows(np.stack(list(shown.values())), list(shown)), path)


def draw_memory(samples: list[dict[str, float]], path: Path) -> None:
    """Draw the memory of a process over the number of pictures it has encoded.

    Args:
        samples: those of the soak.
        path: the PNG file to write.
    """
    from matplotlib.figure import Figure

    from zscape.viz.style import ACCENT, SECOND, look, save_figure

    with look():
        figure = Figure(figsize=(7, 3), layout="constrained")
        axes = figure.subplots()
    encoded = [row["encoded"] for row in samples]
    for kind, color in (("resident", ACCENT), ("anonymous", SECOND)):
        axes.plot(encoded, [row[kind] for row in samples], label=kind, color=color)
    axes.set(xlabel="pictures encoded", ylabel="memory, MiB")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.legend(frameon=False, loc="lower right")
    save_figure(figure, path)


def _from_strip(text: str, n: int) -> np.ndarray:
    """Return the `n` images (n, H, W, 1) of a PNG in base64 in which they stand side by side."""
    from PIL import Image

    from zscape.data.images import as_float

    strip = as_float(np.asarray(Image.open(io.BytesIO(base64.b64decode(text)))))
    return np.stack(np.split(strip, n, axis=1))[..., None]


def _saved(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def _quality_table() -> list[str]:
    results = _saved("quality")
    if results is None:
        return []
    rows = ["| latent variables | preset | test MSE | seeds |", "|---:|---|---:|---:|"]
    cells: dict[tuple[int, str], list[float]] = {}
    for run in results["runs"]:
        cells.setdefault((run["latent_dim"], run["preset"]), []).append(run["test_mse"])
    for (dim, preset), values in sorted(cells.items()):
        spread = f" ({min(values):.4f} to {max(values):.4f})" if len(values) > 1 else ""
        rows.append(
            f"| {dim} | `{preset}` | {statistics.mean(values):.4f}{spread} | {len(values)} |"
        )
    return ["\n".join(rows)]


def _time_to_quality() -> list[str]:
    results = _saved("time_to_quality")
    if results is None or not (found := ratios(results["runs"])):
        return []
    spread = f" ({min(found):.0f} to {max(found):.0f})" if len(found) > 1 else ""
    n_epochs = min(row["tutorial_epochs"] for row in compare(results["runs"]))
    return [
        f"The test MSE that the tutorial's recipe on plain Keras has after {n_epochs} epochs is "
        f"reached **{statistics.mean(found):.0f} times** sooner{spread} by `fast`, seeds: "
        f"{len(found)}."
    ]


def _speed_table() -> list[str]:
    saved = {"": _saved("speed"), "AVX2 emulated, ": _saved("speed-avx2")}
    columns = [
        (f"{processor}batches of {size}", results, size)
        for processor, results in saved.items()
        if results is not None
        for size in results["batch_sizes"]
    ]
    if not columns:
        return []
    rows = [
        f"| speed of the same network, as a ratio | {' | '.join(c[0] for c in columns)} |",
        "|---|" + "---:|" * len(columns),
    ]
    names = {goal: None for _, results, size in columns for goal in goals_of(results, size)}
    for work, ours, theirs in names:
        verb = "training" if work == "train" else "prediction"
        cells = []
        for _, results, size in columns:
            table = results["batch_sizes"][size][work]
            known = (work, ours, theirs) in goals_of(results, size)
            cells.append(f"{ratio(table, ours, theirs)[0]:.2f}" if known else "")
        rows.append(f"| {verb}, {ours} to {theirs} | {' | '.join(cells)} |")
    return ["\n".join(rows)]


def main() -> None:
    """Write all of it."""
    study = _saved("study") or {"runs": []}
    for name, (kind, names) in PICTURES.items() if study["runs"] else ():
        runs = [run for run in study["runs"] if run["study"] == kind and "samples" in run]
        draw_samples(runs, names, ROOT / "docs" / "images" / name)
    generation = _saved("generation")
    if generation is not None:
        draw_generated(generation["runs"], ROOT / "docs" / "images" / "generation.png")
    soak = _saved("soak")
    if soak is not None:
        draw_memory(soak["runs"][-1]["samples"], ROOT / "docs" / "images" / "soak.png")
    (ROOT / "docs" / "benchmarks.md").write_text(docs_page())
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{readme_tables()}\n{END}{after}")


if __name__ == "__main__":
    main()
