"""How many workers pay, on paper and by simulation: `python -m benchmarks.cluster_model`.

A worker has one core. What it does in a step is measured here; what the network between workers
does is computed: gradients in float32 are summed by a ring, 2 (n-1)/n of their bytes through each
link and 2 (n-1) messages one after the other, with no computing meanwhile. All wait for the slowest
worker, whose step is simulated as the largest of n times with a spread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np

from benchmarks.harness import parse, parser, save, where
from benchmarks.tables.markdown import Run

CASES = (("fast", 28, (1, 8, 64)), ("quality", 256, (1, 8)))
PER_WORKER = {"fast": 64, "quality": 8}  # images a step, where the batch grows with the workers
GLOBAL = 512  # images a step, where it does not
WORKERS, GIGABITS = (8, 64, 512), (1, 10, 25)
LATENCY = 50e-6  # seconds a message, TCP within a data centre
SPREAD = 0.1  # standard deviation of the logarithm of a worker's step time
N_STEPS = 2000
ONE_CORE = {"KERAS_BACKEND": "jax", "NPROC": "1", "ZSCAPE_CORES": "1", "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3",
            "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}  # fmt: skip


def measured(*words: object) -> dict[str, Any]:
    """Return what a process of one core measures."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.workers.step_time", *map(str, words)],
        env={**os.environ, **ONE_CORE}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(words, found, flush=True)
    return found


def slowest(n_workers: int) -> float:
    """Return the mean over steps of the slowest worker's time, where the median is 1."""
    rng = np.random.default_rng(0)
    times = rng.lognormal(0, SPREAD, (N_STEPS, n_workers))
    return float(times.max(axis=1).mean() / times.mean())


def all_reduce(n_bytes: float, n_workers: int, gigabits: float) -> float:
    """Return how long a ring of workers takes to sum their gradients, in seconds."""
    rounds = 2 * (n_workers - 1)
    return rounds / n_workers * n_bytes / (gigabits * 1e9 / 8) + rounds * LATENCY


def step_seconds(points: dict[int, float], n_images: float) -> float:
    """Return the time of a step of so many images, between those measured and beyond them."""
    sizes = sorted(points)
    if n_images > sizes[-1]:
        return points[sizes[-1]] * n_images / sizes[-1]
    return float(np.interp(n_images, sizes, [points[size] for size in sizes]))


def rows_of(preset: str, side: int, points: dict[int, float], one: Run) -> list[Run]:
    """Return what is to be expected of one network."""
    n_bytes, rows = 4 * one["parameters"], []
    for grows in (True, False):
        for n in WORKERS:
            share = PER_WORKER[preset] if grows else GLOBAL / n
            # What one worker with the same images for each step would need.
            whole = step_seconds(points, share) if grows else step_seconds(points, GLOBAL) / n
            step = step_seconds(points, share)
            row: Run = {
                "network": f"{preset}, {side} px",
                "batch": f"{share * n:,.0f}",
                "workers": n,
                "share": share,
                "grows": grows,
                "step_ms": round(1e3 * step, 1),
            }
            for gigabits in GIGABITS:
                waiting = all_reduce(n_bytes, n, gigabits)
                row[f"reduce_ms_{gigabits}"] = round(1e3 * waiting, 1)
                row[f"even_{gigabits}"] = round(whole / (step + waiting), 3)
                row[f"efficiency_{gigabits}"] = round(whole / (step * slowest(n) + waiting), 3)
            noise = one["noise"] * share * n  # each draws that of the whole batch
            waiting = all_reduce(n_bytes, n, 10)
            row["with_noise"] = round(
                (whole + one["noise"] * share) / (step * slowest(n) + noise + waiting), 3
            )
            row["times"] = round(n * row["efficiency_10"], 1)
            rows.append(row)
    return rows


def main() -> None:
    """Measure, compute and save."""
    options = parse(parser(__doc__))
    rows: list[Run] = []
    networks: list[Run] = []
    for preset, side, batches in CASES:
        found = {batch: measured(preset, side, batch) for batch in batches}
        points = {batch: one["seconds"] for batch, one in found.items()}
        last = found[batches[-1]]
        networks.append(
            {
                "network": f"{preset}, {side} px",
                "parameters": last["parameters"],
                "gradient_mb": round(4e-6 * last["parameters"], 2),
                "noise_us": round(1e6 * last["noise"], 1),
                **{f"step_ms_{batch}": round(1e3 * s, 1) for batch, s in points.items()},
            }
        )
        rows += rows_of(preset, side, points, last)
    results: Run = {
        "networks": networks,
        "expected": rows,
        "results_seconds": round(measured("results")["results"], 1),
        "slowest": {str(n): round(slowest(n), 3) for n in WORKERS},
        "latency_us": round(1e6 * LATENCY),
        "spread": SPREAD,
    }
    save(options.out / "cluster_model.json", {**results, **where()})
    print((options.out / "cluster_model.md").read_text())


if __name__ == "__main__":
    main()
