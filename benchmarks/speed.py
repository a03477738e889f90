"""How fast are training and prediction beside the peers? `python -m benchmarks.speed`.

The network of the well-known tutorial (preset `classic`, 10 latent dimensions), MNIST, Adam, MSE,
float32 unless said, the same batch size for all. Five parts, each saved when it is done; those
that are skipped keep the results they had:

- `contenders`: every contender is a process of its own, started as its users start it, without
  settings of ours; round by round each in turn trains and predicts the same images, so that a slow
  minute of the machine hits all of them alike. Where TensorFlow leaves oneDNN off, plain Keras
  takes part a second time with it on. The peers are installed into `.venv-peers` when first needed.
- `command`: `zscape train` itself, from the speed in the history that it leaves.
- `layers`: the hot layers in several forms.
- `growth`: speed and memory as images, channels, codes or data sets grow.
- `start`: how long the command line and the package take to start.

`--avx2` emulates a processor with AVX2 at most, on one that has more: the libraries are limited to
its instructions, and plain TensorFlow leaves oneDNN off, as it would there. Its caches and its
clock are still those of this processor.
"""

from __future__ import annotations

import csv
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import QUICK_IMAGES, parse, parser, save, where
from benchmarks.workers.contenders import CONTENDERS, IN_OWN_ENVIRONMENT, MATRIX_PRODUCT
from benchmarks.workers.growth import POINTS
from benchmarks.workers.process import Worker, environment, peers_python, run_worker, versions

# Whole batches of 64 and of 256. A smaller last batch would make torch.compile go over to code for
# any batch size, and Pythae leave images out.
N_IMAGES = 12_800
GROWTH_SECONDS = 4.0  # a point takes at least
PARTS = ("contenders", "command", "layers", "start", "growth")
OUR_PACKAGES = ["tensorflow-cpu", "tensorflow"]  # whichever is there
PEERS_PACKAGES = ["torch", "pythae", "numpy"]


def contenders(avx2: bool) -> list[str]:
    """Return the names of those that take part."""
    from zscape.hardware import has_bfloat16, uses_onednn

    # Limited to AVX2, compiled PyTorch crashes: its compiler asks the processor itself.
    absent = ["PyTorch compiled"] if avx2 else []
    if avx2 or not has_bfloat16():
        absent.append("zscape bfloat16")
    if not avx2 and uses_onednn():
        absent.append("Keras, oneDNN on")  # that is what `Keras` has already
    return [name for name in CONTENDERS if name not in absent]


def measure_contenders(
    batch_size: int, rounds: int, n_images: int, device: str, peers: str, *, avx2: bool
) -> dict[str, Any]:
    """Let all contenders train and predict in turn.

    Returns:
        Images/s of every contender and round for `train` and `predict`, under `faults` minor page
        faults per image in training, and under `peak_gflops` 1e9 operations/s of a large matrix
        product in every round.
    """
    from zscape.data.load import load_images

    table: dict[str, Any] = {}
    workers: dict[str, Worker] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, load_images("mnist", split="train").images[:n_images])
        try:
            for name in (*contenders(avx2), MATRIX_PRODUCT):
                python = peers if name in IN_OWN_ENVIRONMENT else sys.executable
                workers[name] = Worker(name, python, path, batch_size, device, avx2=avx2)
            for number in range(rounds + 1):
                _one_round(workers, table if number else {})  # the first round is the warm-up
                print(f"batches of {batch_size}: round {number} of {rounds}", flush=True)
        finally:
            for worker in workers.values():
                worker.close()
    return table


def _one_round(workers: dict[str, Worker], table: dict[str, Any]) -> None:
    """Let every contender train and predict once; note that in the table."""
    for work, (name, worker) in itertools.product(("train", "predict"), workers.items()):
        if name == MATRIX_PRODUCT or (work == "train" and name == "Keras, its own batch size"):
            continue  # the latter trains as Keras does
        speed, faults = worker.measure(work)
        table.setdefault(work, {}).setdefault(name, []).append(speed)
        if work == "train":
            table.setdefault("faults", {}).setdefault(name, []).append(faults)
    table.setdefault("peak_gflops", []).append(workers[MATRIX_PRODUCT].measure("multiply")[0])


def measure_command(
    batch_size: int, rounds: int, n_images: int, device: str, *, avx2: bool
) -> list[float]:
    """Return images/s of `zscape train`: of the second and third epoch in each round."""
    speeds = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            words = (
                f"train mnist --preset classic --latent-dim 10 --epochs 3 --limit {n_images} "
                f"--batch-size {batch_size} --out {out}"
            )
            subprocess.run(
                [sys.executable, "-m", "zscape", *words.split()],
                env=environment(device, avx2=avx2),
                capture_output=True,
                check=True,
            )
            with (out / "history.csv").open(newline="") as file:
                rows = list(csv.DictReader(file))
        speeds.append(statistics.mean(float(row["images_per_second"]) for row in rows[1:]))
        print(f"zscape train, batches of {batch_size}: round {number + 1} of {rounds}", flush=True)
    return speeds


def measure_growth(device: str, *, quick: bool) -> Iterator[list[Any]]:
    """Measure all points; yield those done after each. See `benchmarks.workers.growth`."""
    points: list[Any] = []
    for point in POINTS[: 1 if quick else None]:
        seconds = 0.1 if quick else GROWTH_SECONDS
        found = run_worker("benchmarks.workers.growth", *point, seconds, device=device)
        names = ("side", "channels", "latent_dim", "n_images")
        points.append({**dict(zip(names, point, strict=True)), **found})
        print(points[-1], flush=True)
        yield points


def measure_start() -> dict[str, list[float]]:
    """Return how many seconds `zscape --help` and `import zscape` take, five times."""
    commands = {
        "zscape --help": [sys.executable, "-m", "zscape", "--help"],
        "import zscape": [sys.executable, "-c", "import zscape"],
    }
    return {name: [_timed(command) for _ in range(5)] for name, command in commands.items()}


def _timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return round(time.perf_counter() - started, 3)


def main() -> None:
    """Measure the parts asked for, then show the tables."""
    made = parser(__doc__)
    made.add_argument("--batch-sizes", nargs="+", type=int, default=[64, 256])
    made.add_argument("--rounds", type=int, default=7)
    made.add_argument("--skip", nargs="+", choices=PARTS, default=[])
    made.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    made.add_argument("--avx2", action="store_true", help="emulate a processor with AVX2")
    options = parse(made)
    device: str = options.device
    avx2: bool = options.avx2
    rounds = 1 if options.quick else options.rounds
    n_images = QUICK_IMAGES if options.quick else N_IMAGES
    name = "speed-avx2" if avx2 else f"speed{'-gpu' * (device == 'gpu')}"
    path: Path = options.out / f"{name}.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    results |= {"device": device, "avx2": avx2}

    def keep(part: str, found: Any, **packages: str) -> None:
        # Parts may be of different days and machines: each says its own.
        ours = versions(sys.executable, OUR_PACKAGES)
        results[part] = found
        results.setdefault("measured", {})[part] = {**where(), "versions": {**ours, **packages}}
        save(path, results)

    if "contenders" not in options.skip:
        peers = peers_python(options.peers_python)
        packages = {
            f"{name} beside the peers" if name == "numpy" else name: version
            for name, version in versions(peers, PEERS_PACKAGES).items()
        }
        results["operations_per_image"] = run_worker("benchmarks.workers.arithmetic", device=device)
        found: dict[str, Any] = results.get("batch_sizes", {})
        for size in options.batch_sizes:
            found[str(size)] = measure_contenders(size, rounds, n_images, device, peers, avx2=avx2)
            keep("batch_sizes", found, **packages)
    if "command" not in options.skip:
        speeds = {
            str(size): measure_command(size, rounds, n_images, device, avx2=avx2)
            for size in options.batch_sizes
        }
        keep("command", speeds)
    if "layers" not in options.skip:
        words = ("--rounds", rounds)
        keep("layers", run_worker("benchmarks.layer_forms", *words, device=device, avx2=avx2))
    if "start" not in options.skip:
        keep("start", measure_start())
    if "growth" not in options.skip:
        for points in measure_growth(device, quick=options.quick):
            keep("growth", points)
    print(path.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
