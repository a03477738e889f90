"""Tables of the speed benchmark."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.tables.markdown import Column, Run, measured, page, table

KERAS, KERAS_ONEDNN, OWN_SIZE = "Keras", "Keras, oneDNN on", "Keras, its own batch size"
PYTORCH = "the better PyTorch"
# The least a ratio should be, for batches of 64 and of 256: on a processor with AVX-512, and on one
# without, where TensorFlow leaves oneDNN off unless it is told otherwise.
GOALS = {
    ("train", KERAS): (1.8, 2.2),
    ("train", PYTORCH): (2.0, 2.0),
    ("train", "Pythae"): (2.5, 2.5),
    ("predict", KERAS): (2.5, 2.5),
    ("predict", OWN_SIZE): (2.5, 2.5),
}
AVX2_GOALS = {
    **GOALS,
    ("train", KERAS): (3.0, 3.0),
    ("train", KERAS_ONEDNN): (1.8, 2.2),
    ("predict", KERAS_ONEDNN): (2.0, 2.0),
}
GOAL_SHARE = 0.7  # of the speed of a matrix product, in training
GOAL_FAULTS = 5  # minor page faults per image
VERBS = {"train": "training", "predict": "prediction"}
TITLES = {
    ("cpu", False): "Speed",
    ("gpu", False): "Speed on a GPU",
    ("cpu", True): "Speed with AVX2 only, emulated",
}


def ratios(results: Run, batch_size: str) -> list[Run]:
    """Return how many times faster zscape is: of the medians, in every round, and the goals."""
    found = results["batch_sizes"][batch_size]
    goals = AVX2_GOALS if results.get("avx2") else GOALS
    rows = []
    for (work, theirs), pair in goals.items():
        peers = ("PyTorch", "PyTorch compiled") if theirs == PYTORCH else (theirs,)
        speeds = found[work]
        peer = max((speeds[name] for name in peers if name in speeds), key=statistics.median)
        rows.append(
            {
                "name": f"{VERBS[work]}, zscape to {theirs}",
                "medians": statistics.median(speeds["zscape"]) / statistics.median(peer),
                "rounds": [a / b for a, b in zip(speeds["zscape"], peer, strict=True)],
                "goal": pair[int(batch_size) > 64],
            }
        )
    return rows


def _median(name: str, value: Any, form: str, unit: str = "", **options: Any) -> Column:
    return Column(name, value, form, unit, spread=True, middle=statistics.median, **options)


SPEEDS = (
    Column("", "name"),
    _median("training", "train", ",.0f", "images/s"),
    _median("prediction (encode and decode)", "predict", ",.0f", "images/s"),
    _median(
        "page faults per image in training",
        "faults",
        ".1f",
        goal=lambda row: GOAL_FAULTS if row["name"] == "zscape" else None,
        best="less",
    ),
)
RATIOS = (
    Column("ratio of", "name"),
    Column("of the medians", "medians", ".2f", goal=lambda row: row["goal"]),
    _median("round by round", "rounds", ".2f"),
)
SHARES = (
    Column("batch size", "size"),
    _median("matrix product", "peak_gflops", ".0f", "GFLOP/s"),
    Column("share in training", "train", ".0%", goal=GOAL_SHARE),
    Column("share in prediction", "predict", ".0%"),
)
COMMAND = (Column("batch size", "name"), _median("training", "values", ",.0f", "images/s"))
GROWTH = (
    Column("image", lambda point: f"{point['side']}x{point['side']}x{point['channels']}"),
    Column("latent dimensions", "latent_dim", "d"),
    Column("parameters", "parameters", ",d"),
    Column("images", "n_images", ",d"),
    Column("training", "images_per_second", ",.0f", "images/s"),
    Column("data", "data_mib", ",.0f", "MiB"),
    Column("peak", "peak_mib", ",.0f", "MiB"),
    Column("peak after import", "peak_above_import_mib", ",.0f", "MiB"),
)
START = (Column("", lambda row: f"`{row['name']}`"), _median("time", "values", ".2f", "s"))


def render(results: Run) -> str:
    """Return the results as Markdown; parts that were not measured yet are left out."""
    return page(
        TITLES[results["device"], results.get("avx2", False)],
        "Made by `python -m benchmarks.speed`: the tutorial's network on MNIST, 10 latent "
        "dimensions, Adam, mean squared error.",
        *_measured(results["measured"]),
        *(text for part, (_, show) in PARTS.items() if part in results for text in show(results)),
    )


def _measured(where: dict[str, Run]) -> list[str]:
    """Return machine, versions and date, once if they are the same for several parts."""
    names: dict[str, list[str]] = {}
    for part, (title, _) in PARTS.items():
        if part in where:
            names.setdefault(measured(where[part]), []).append(title)
    return [f"{', '.join(titles).capitalize()}. {text}" for text, titles in names.items()]


def _contenders(results: Run) -> list[str]:
    texts = [
        "Every contender is a process of its own, started as its users start it, and all take "
        "turns. Images per second: median over the rounds, in brackets the slowest and the fastest "
        "round. Page faults: how often the system had to give the process a page of memory.",
    ]
    if results.get("avx2"):
        texts.append(
            "The libraries were limited to the instructions of AVX2 on a processor that has more, "
            "and plain TensorFlow left oneDNN off, as it does there. Caches and clock are those of "
            "this processor. `Keras, oneDNN on` has `TF_ENABLE_ONEDNN_OPTS=1`, as zscape sets it."
        )
    per_image = results["operations_per_image"]
    shares = []
    for size, found in results["batch_sizes"].items():
        measures = {work: found[work] for work in (*VERBS, "faults")}
        rows = (
            {"name": name, **{work: values.get(name) for work, values in measures.items()}}
            for name in found["predict"]
        )
        texts += [
            f"## Batches of {size}",
            table(SPEEDS, rows),
            table(RATIOS, ratios(results, size)),
        ]
        peak = statistics.median(found["peak_gflops"]) * 1e9
        train, predict = (statistics.median(found[work]["zscape"]) * per_image for work in VERBS)
        shares.append({**found, "size": size, "train": 3 * train / peak, "predict": predict / peak})
    return [
        *texts,
        "## Share of a matrix product",
        f"One image takes {per_image / 1e6:.1f} million operations forward, and three times that "
        "in training. A large float32 matrix product on all cores, in turn with the contenders, "
        "shows what the processor can do; the shares are those of zscape in float32.",
        table(SHARES, shares),
    ]


def _named(values: dict[str, list[float]]) -> list[Run]:
    return [{"name": name, "values": numbers} for name, numbers in values.items()]


def _command(results: Run) -> list[str]:
    return [
        "## The command itself",
        "`zscape train mnist --preset classic --limit 12800 --epochs 3`: images per second in the "
        "second and third epoch, from the history that it leaves.",
        table(COMMAND, _named(results["command"])),
    ]


def _layers(results: Run) -> list[str]:
    return [
        "## Forms of the hot layers",
        "Values and gradients of a shard of 32 images in float32, one thread per operation, as in "
        "training; the forms of a layer take turns, and were found to agree first.",
        *(
            table([Column(layer, "name"), _median("time", "values", ".1f", "ms")], _named(forms))
            for layer, forms in results["layers"].items()
        ),
    ]


def _growth(results: Run) -> list[str]:
    return [
        "## Growth",
        "zscape, network `classic`, batches of 64 random images of 8 bits, each row a process of "
        "its own. Memory: of the images, the most the process had, and how much of that came after "
        "the import of TensorFlow.",
        table(GROWTH, results["growth"]),
    ]


def _start(results: Run) -> list[str]:
    return ["## Start", table(START, _named(results["start"]))]


PARTS = {
    "batch_sizes": ("contenders", _contenders),
    "command": ("the command", _command),
    "layers": ("forms of layers", _layers),
    "growth": ("growth", _growth),
    "start": ("start", _start),
}
