"""Tables of the speed benchmark, from its saved results."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.contenders import CONTENDERS

KERAS, KERAS_ONEDNN, OWN_SIZE = "Keras", "Keras, oneDNN on", "Keras, its own batch size"
PYTORCH = "the better PyTorch"
# The least a ratio should be, for batches of 64 and of 256: on a processor with AVX-512, and on one
# without, where TensorFlow leaves oneDNN off unless it is told otherwise.
GOALS = {
    ("train", "zscape", KERAS): (1.8, 2.2),
    ("train", "zscape", PYTORCH): (2.0, 2.0),
    ("train", "zscape", "Pythae"): (2.5, 2.5),
    ("predict", "zscape", KERAS): (2.5, 2.5),
    ("predict", "zscape", OWN_SIZE): (2.5, 2.5),
}
AVX2_GOALS = {
    **GOALS,
    ("train", "zscape", KERAS): (3.0, 3.0),
    ("train", "zscape", KERAS_ONEDNN): (1.8, 2.2),
    ("predict", "zscape", KERAS_ONEDNN): (2.0, 2.0),
}
GOAL_SHARE = 0.7
GOAL_FAULTS = 5
VERBS = {"train": "training", "predict": "prediction"}


def ratio(table: dict[str, list[float]], ours: str, theirs: str) -> tuple[float, list[float]]:
    """Return the ratio of the medians, and that of every round."""
    peers = [theirs]
    if theirs == PYTORCH:
        peers = [name for name in ("PyTorch", "PyTorch compiled") if name in table]
    peer = max((table[name] for name in peers), key=statistics.median)
    rounds = [one / other for one, other in zip(table[ours], peer, strict=True)]
    return statistics.median(table[ours]) / statistics.median(peer), rounds


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown; parts that were not measured yet are left out."""
    title = "Speed" if results["device"] == "cpu" else "Speed on a GPU"
    if results.get("avx2"):
        title = "Speed with AVX2 only, emulated"
    lines = [
        f"# {title}",
        "",
        "Made by `python -m benchmarks.speed`: the tutorial's network on MNIST, 10 latent "
        "dimensions, Adam, mean squared error.",
        "",
        *_measured(results),
    ]
    if "batch_sizes" in results:
        lines += _contenders(results)
    if "command" in results:
        lines += _command(results["command"])
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
        "command": "the command",
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
        "Every contender is a process of its own, started as its users start it, and all take "
        "turns. Images per second: median over the rounds, in brackets the slowest and the fastest "
        "round. Page faults: how often the system had to give the process a page of memory.",
    ]
    if results.get("avx2"):
        lines += [
            "",
            "The libraries were limited to the instructions of AVX2 on a processor that has more, "
            "and plain TensorFlow left oneDNN off, as it does there. Caches and clock are those of "
            "this processor. `Keras, oneDNN on` has `TF_ENABLE_ONEDNN_OPTS=1`, as zscape sets it.",
        ]
    for batch_size, found in results["batch_sizes"].items():
        lines += [
            "",
            f"## Batches of {batch_size}",
            "",
            "| | training | prediction (encode and decode) | page faults per image in training |",
            "|---|---:|---:|---:|",
        ]
        for name in (name for name in CONTENDERS if name in found["predict"]):
            cells = [_cell(found[work].get(name)) for work in VERBS]
            cells.append(_cell(found["faults"].get(name), 1))
            lines.append(f"| {name} | {' | '.join(cells)} |")
        goals = goals_of(results, batch_size)
        lines += ["", *_goals(found, goals), "", _arithmetic(found, results)]
    return lines


def goals_of(results: dict[str, Any], batch_size: str) -> dict[tuple[str, str, str], float]:
    """Return the goals for a processor and a batch size: work, ours and theirs, least ratio."""
    goals = AVX2_GOALS if results.get("avx2") else GOALS
    return {names: pair[int(batch_size) > 64] for names, pair in goals.items()}


def _command(speeds: dict[str, list[float]]) -> list[str]:
    lines = [
        "",
        "## The command itself",
        "",
        "`zscape train mnist --preset classic --limit 12800 --epochs 3`: images per second in the "
        "second and third epoch, from the history that it leaves.",
        "",
        "| batch size | images/s |",
        "|---:|---:|",
    ]
    return lines + [f"| {size} | {_cell(values)} |" for size, values in speeds.items()]


def _goals(found: dict[str, Any], goals: dict[tuple[str, str, str], float]) -> list[str]:
    lines = [
        "Goals:",
        "",
        "| ratio of | goal | of the medians | | round by round: median | all rounds |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for (work, ours, theirs), goal in goals.items():
        middle, rounds = ratio(found[work], ours, theirs)
        lines.append(
            f"| {VERBS[work]}, {ours} to {theirs} | {goal:.1f} | **{middle:.2f}** "
            f"| {_verdict(middle >= goal)} "
            f"| {statistics.median(rounds):.2f} | {min(rounds):.2f} to {max(rounds):.2f} |"
        )
    faults = statistics.median(found["faults"]["zscape"])
    lines.append(
        f"| page faults per image, zscape | below {GOAL_FAULTS} | **{faults:.1f}** "
        f"| {_verdict(faults < GOAL_FAULTS)} | | |"
    )
    return lines


def _verdict(reached: bool) -> str:
    return "reached" if reached else "missed"


def _arithmetic(found: dict[str, Any], results: dict[str, Any]) -> str:
    per_image = results["operations_per_image"]
    gflops = found["peak_gflops"]
    peak = statistics.median(gflops) * 1e9
    train, predict = (statistics.median(found[work]["zscape"]) for work in VERBS)
    return (
        f"Arithmetic: {per_image / 1e6:.1f} million operations an image forward, three times that "
        f"for training. A large float32 matrix product on all cores, in turn with the "
        f"contenders: {_cell(gflops)} GFLOP/s. zscape in float32 reaches "
        f"{3 * per_image * train / peak:.0%} of that in training (goal: {GOAL_SHARE:.0%}, "
        f"{_verdict(3 * per_image * train / peak >= GOAL_SHARE)}) and "
        f"{per_image * predict / peak:.0%} in prediction."
    )


def _layers(layers: dict[str, dict[str, list[float]]]) -> list[str]:
    lines = [
        "",
        "## Forms of the hot layers",
        "",
        "Milliseconds for values and gradients of a shard of 32 images in float32, one thread per "
        "operation, as in training; the forms of a layer take turns, and were found to agree "
        "first.",
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
