"""Tables of the speed benchmark, from its saved results."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.contenders import CONTENDERS

GOALS = {
    ("train", "zscape", "Keras"): 2.0,
    ("train", "zscape", "the better PyTorch"): 2.0,
    ("train", "zscape", "Pythae"): 2.5,
    ("train", "zscape bfloat16", "Keras"): 3.0,
    ("predict", "zscape", "Keras"): 2.5,
    ("predict", "zscape", "Keras, its own batch size"): 2.5,
}
VERBS = {"train": "training", "predict": "prediction"}


def ratio(table: dict[str, list[float]], ours: str, theirs: str) -> tuple[float, list[float]]:
    """Return the ratio of the medians, and that of every round."""
    peers = [theirs]
    if theirs == "the better PyTorch":
        peers = ["PyTorch", "PyTorch compiled"]
    peer = max((table[name] for name in peers), key=statistics.median)
    rounds = [one / other for one, other in zip(table[ours], peer, strict=True)]
    return statistics.median(table[ours]) / statistics.median(peer), rounds


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown; parts that were not measured yet are left out."""
    lines = [
        "# Speed" if results["device"] == "cpu" else "# Speed on a GPU",
        "",
        "Made by `python -m benchmarks.speed`: the tutorial's network on MNIST, 10 latent "
        "dimensions, Adam, mean squared error.",
        "",
        *_measured(results),
    ]
    if "batch_sizes" in results:
        lines += _contenders(results)
    if "layers" in results:
        lines += _layers(results["layers"])
    if "growth" in results:
        lines += _growth(results["growth"])
    if "start" in results:
        lines += ["", "## Start", "", "| | seconds |", "|---|---:|"]
        lines += [f"| `{name}` | {_cell(s, 2)} |" for name, s in results["start"].items()]
    return "\n".join(lines) + "\n"


def _measured(results: dict[str, Any]) -> list[str]:
    """Return machine, versions and date, once if they are the same for all parts."""
    titles = {
        "batch_sizes": "contenders",
        "layers": "forms of layers",
        "growth": "growth",
        "start": "start",
    }
    parts: dict[str, list[str]] = {}
    for part, title in titles.items():
        where = results["measured"].get(part)
        if where:
            versions = ", ".join(f"{name} {number}" for name, number in where["versions"].items())
            text = f"Machine: {where['machine']}, {versions}. Date: {where['date']}."
            parts.setdefault(text, []).append(title)
    return [
        line
        for text, names in parts.items()
        for line in (f"{', '.join(names).capitalize()}. {text}", "")
    ][:-1]


def _contenders(results: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "Every contender is a process of its own, and all take turns. Images per second: median "
        "over the rounds, in brackets the slowest and the fastest round.",
    ]
    for batch_size, found in results["batch_sizes"].items():
        lines += [
            "",
            f"## Batches of {batch_size}",
            "",
            "| | training | prediction (encode and decode) |",
            "|---|---:|---:|",
        ]
        for name in CONTENDERS:
            cells = [_cell(found[work].get(name)) for work in VERBS]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines += ["", *_goals(found), "", _arithmetic(found, results["operations_per_image"])]
    return lines


def _goals(found: dict[str, Any]) -> list[str]:
    lines = [
        "Goals:",
        "",
        "| ratio of | goal | of the medians | round by round: median | all rounds |",
        "|---|---:|---:|---:|---:|",
    ]
    for (work, ours, theirs), goal in GOALS.items():
        middle, rounds = ratio(found[work], ours, theirs)
        lines.append(
            f"| {VERBS[work]}, {ours} to {theirs} | {goal:.1f} | **{middle:.2f}** "
            f"| {statistics.median(rounds):.2f} | {min(rounds):.2f} to {max(rounds):.2f} |"
        )
    return lines


def _arithmetic(found: dict[str, Any], per_image: int) -> str:
    gflops = found["peak_gflops"]
    peak = statistics.median(gflops) * 1e9
    train, predict = (statistics.median(found[work]["zscape"]) for work in VERBS)
    return (
        f"Arithmetic: {per_image / 1e6:.1f} million operations an image forward, three times that "
        f"for training. A large float32 matrix product on all cores, in turn with the "
        f"contenders: {_cell(gflops)} GFLOP/s. zscape in float32 reaches "
        f"{3 * per_image * train / peak:.0%} of that in training and "
        f"{per_image * predict / peak:.0%} in prediction."
    )


def _layers(layers: dict[str, dict[str, list[float]]]) -> list[str]:
    lines = [
        "",
        "## Forms of the hot layers",
        "",
        "Milliseconds for values and gradients of one batch of 64 in float32, every operation "
        "spread over all cores; the forms of a layer take turns, and were found to agree first.",
    ]
    for layer, forms in layers.items():
        lines += ["", f"| {layer} | ms |", "|---|---:|"]
        lines += [f"| {name} | {_cell(times, 1)} |" for name, times in forms.items()]
    return lines


def _growth(points: list[dict[str, Any]]) -> list[str]:
    lines = [
        "",
        "## Growth",
        "",
        "zscape, network `classic`, batches of 64 random images of 8 bits, each row a process of "
        "its own. Memory in MiB: of the images, the most the process had, and how much of that "
        "came after the import of TensorFlow.",
        "",
        "| image | latent dimensions | parameters | images | training, images/s | data "
        "| peak | after import |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for p in points:
        lines.append(
            f"| {p['side']}x{p['side']}x{p['channels']} | {p['latent_dim']} "
            f"| {p['parameters']:,} | {p['n_images']:,} | {p['images_per_second']:,.0f} "
            f"| {p['data_mib']:,.0f} | {p['peak_mib']:,.0f} | {p['peak_above_import_mib']:,.0f} |"
        )
    return lines


def _cell(values: list[float] | None, digits: int = 0) -> str:
    if not values:
        return ""
    middle, low, high = (
        f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({low} to {high})"
