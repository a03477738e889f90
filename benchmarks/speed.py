"""How fast are training and prediction beside the peers? `python -m benchmarks.speed`.

The network of the well-known tutorial (preset `classic`, 10 latent dimensions), MNIST, Adam, MSE,
float32 unless said, the same batch size for all. Every contender is a process of its own; round by
round each in turn trains and predicts the same images, so that a slow minute of the machine hits
all of them alike. The peers are installed into `.venv-peers` when first needed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import CONTENDERS, IN_OWN_ENVIRONMENT
from benchmarks.machine import describe_machine

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PEERS = ROOT / ".venv-peers"
N_IMAGES = 6_400
GOALS = {
    ("train", "zscape", "Keras"): 2.0,
    ("train", "zscape", "the better PyTorch"): 2.0,
    ("train", "zscape", "Pythae"): 2.5,
    ("train", "zscape bfloat16", "Keras"): 3.0,
    ("predict", "zscape", "Keras"): 2.5,
    ("predict", "zscape", "Keras, its own batch size"): 2.5,
}


class Worker:
    """A contender in a process of its own."""

    def __init__(self, name: str, python: str, images: Path, batch_size: int, device: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        if device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = "-1"
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.contenders", name, str(images), str(batch_size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        self._answer()

    def images_per_second(self, work: str) -> float:
        """Let the contender train or predict all images once."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{work}\n")
        self._process.stdin.flush()
        answer = self._answer()
        return float(answer["images"] / answer["seconds"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"a contender failed:\n{self._log.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def peers_python() -> str:
    """Return the interpreter of the peers' environment, which is made if it is not there."""
    python = PEERS / "bin" / "python"
    stamp = PEERS / ".installed"
    if not stamp.exists():
        print(f"installing the peers into {PEERS.name} (a few minutes the first time)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(PEERS)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(ROOT / "benchmarks" / "peers.txt")], check=True)
        stamp.touch()
    return str(python)


def versions(python: str, packages: list[str]) -> dict[str, str]:
    """Return the versions of packages in an environment."""
    code = (
        "import json, sys; from importlib.metadata import version;"
        "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
    )
    done = subprocess.run([python, "-c", code, *packages], capture_output=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def peak_gflops() -> float:
    """Return what the machine reaches in a large float32 matrix product, in 1e9 operations/s."""
    import tensorflow as tf

    n = 4096
    matrix = tf.random.normal((n, n))
    multiply = tf.function(lambda: tf.matmul(matrix, matrix))
    multiply()
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        multiply().numpy()
        seconds.append(time.perf_counter() - started)
    return 2e-9 * n**3 / min(seconds)


def operations_per_image() -> int:
    """Return multiplications and additions of one pass forward, upsampling fused."""
    encoder = 196 * 9 * 8 + (196 + 49 + 49) * 9 * 8 * 8 + 392 * 10
    decoder = 10 * 3136 + 49 * 9 * 64 * 64  # dense, conv 64
    decoder += 49 * 16 * 64 * 32 + 196 * 16 * 32 * 32 + 784 * 9 * 32  # doubled twice, last
    return 2 * (encoder + decoder)


def measure(batch_size: int, rounds: int, device: str, peers: str) -> dict[str, Any]:
    """Let all contenders train and predict in turn; return images/s of every round."""
    from zscape.data.datasets import load_images

    found: dict[str, Any] = {"train": {}, "predict": {}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, load_images("mnist", split="train").images[:N_IMAGES])
        workers: dict[str, Worker] = {}
        for name in CONTENDERS:
            python = peers if name in IN_OWN_ENVIRONMENT else sys.executable
            workers[name] = Worker(name, python, path, batch_size, device)
        for number in range(rounds + 1):
            for work, table in found.items():
                for name, worker in workers.items():
                    if work == "train" and name == "Keras, its own batch size":
                        continue
                    speed = worker.images_per_second(work)
                    if number:  # the first round is the warm-up
                        table.setdefault(name, []).append(round(speed, 1))
            print(f"batch {batch_size}: round {number} of {rounds}", flush=True)
        for worker in workers.values():
            worker.close()
    return found


def start_seconds() -> dict[str, float]:
    """Return how long `zscape --help` and `import zscape` take, medians of seven."""
    commands = {
        "zscape --help": [sys.executable, "-m", "zscape", "--help"],
        "import zscape": [sys.executable, "-c", "import zscape"],
    }
    return {
        name: statistics.median(_timed(command) for _ in range(7))
        for name, command in commands.items()
    }


def _timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return round(time.perf_counter() - started, 3)


def ratio(table: dict[str, list[float]], ours: str, theirs: str) -> tuple[float, list[float]]:
    """Return the ratio of the medians, and that of every round."""
    peers = [theirs]
    if theirs == "the better PyTorch":
        peers = ["PyTorch", "PyTorch compiled"]
    peer = max((table[name] for name in peers), key=statistics.median)
    rounds = [one / other for one, other in zip(table[ours], peer, strict=True)]
    return statistics.median(table[ours]) / statistics.median(peer), rounds


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Speed",
        "",
        "Made by `python -m benchmarks.speed`: the tutorial's network on MNIST, 10 latent "
        "dimensions, Adam, mean squared error. Images per second: median over the rounds, in "
        "brackets the slowest and the fastest round.",
        "",
        f"Machine: {results['machine']}, "
        + ", ".join(f"{name} {version}" for name, version in results["versions"].items())
        + f". Date: {results['date']}.",
        "",
        f"Large float32 matrix product: {results['peak_gflops']:.0f} GFLOP/s. "
        + ", ".join(f"`{name}`: {s:.2f} s" for name, s in results["start"].items())
        + ".",
    ]
    peak = results["peak_gflops"] * 1e9
    for batch_size, found in results["batch_sizes"].items():
        lines += [
            "",
            f"## Batches of {batch_size}",
            "",
            "| | training | prediction (encode and decode) |",
            "|---|---|---|",
        ]
        for name in CONTENDERS:
            cells = [_cell(found[work].get(name)) for work in ("train", "predict")]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines += [
            "",
            "| ratio of | asked for | of the medians | round by round |",
            "|---|---|---|---|",
        ]
        for (work, ours, theirs), goal in GOALS.items():
            middle, rounds = ratio(found[work], ours, theirs)
            verb = "training" if work == "train" else "prediction"
            lines.append(
                f"| {verb}, {ours} to {theirs} | {goal:.1f} | **{middle:.2f}** "
                f"| {min(rounds):.2f} to {max(rounds):.2f} |"
            )
        train, predict = (statistics.median(found[w]["zscape"]) for w in ("train", "predict"))
        per_image = operations_per_image()
        lines += [
            "",
            f"Arithmetic: {per_image / 1e6:.1f} million operations an image forward, three times "
            f"that for training. zscape in float32 reaches {3 * per_image * train / peak:.0%} of "
            f"the matrix product's speed in training and {per_image * predict / peak:.0%} in "
            "prediction.",
        ]
    return "\n".join(lines) + "\n"


def _cell(speeds: list[float] | None) -> str:
    if not speeds:
        return ""
    return f"{statistics.median(speeds):,.0f} ({min(speeds):,.0f} to {max(speeds):,.0f})"


def main() -> None:
    """Measure, then write results and table."""
    parser = argparse.ArgumentParser(description="How fast are we beside the peers?")
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--peers-python", help="an interpreter that has the peers already")
    arguments = parser.parse_args()
    peers = arguments.peers_python or peers_python()
    results: dict[str, Any] = {
        "machine": describe_machine(),
        "versions": {
            **versions(
                sys.executable, ["tensorflow-cpu" if arguments.device == "cpu" else "tensorflow"]
            ),
            **versions(peers, ["torch", "pythae"]),
        },
        "date": datetime.now(UTC).date().isoformat(),
        "peak_gflops": round(peak_gflops(), 1),
        "start": start_seconds(),
        "batch_sizes": {},
    }
    path = RESULTS / ("speed.json" if arguments.device == "cpu" else "speed-gpu.json")
    for batch_size in arguments.batch_sizes:
        found = measure(batch_size, arguments.rounds, arguments.device, peers)
        results["batch_sizes"][str(batch_size)] = found
        path.write_text(json.dumps(results, indent=1) + "\n")
        path.with_suffix(".md").write_text(render(results))
    print(render(results))


if __name__ == "__main__":
    main()
