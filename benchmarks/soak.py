"""Does encoding take constant memory? `python -m benchmarks.soak`.

200,000 pictures of 28x28 pixels are generated, PNG files in 200 folders: digits of MNIST, each
shifted and with noise of its own. `zscape encode RUN FOLDER -o codes.parquet` runs on them as a
process of its own, and its memory is read every second: all that is resident, and what of it
belongs to no file. The number encoded is that of the parts it has written so far.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.resumable import Run, run_missing
from zscape.data.load import load_images
from zscape.jobs.encode import CHUNK
from zscape.jobs.train import train

RESULTS = Path(__file__).parent / "results" / "soak.json"
N_PICTURES = 200_000
_PER_FOLDER = 1000
_WARM_UP = 0.1  # of the pictures; what is grown until then is buffers


def write_pictures(root: Path, n: int) -> None:
    """Write `n` generated pictures, none like another."""
    digits = load_images("mnist", "train").images[..., 0]
    rng = np.random.default_rng(0)
    for number in range(n):
        folder = root / f"{number // _PER_FOLDER:04d}"
        if number % _PER_FOLDER == 0:
            folder.mkdir(parents=True)
        shifted = np.roll(digits[number % len(digits)], rng.integers(-4, 5, 2), (0, 1))
        noisy = shifted + rng.integers(0, 60, shifted.shape)
        Image.fromarray(np.minimum(noisy, 255).astype(np.uint8)).save(
            folder / f"{number:06d}.png", compress_level=1
        )


def memory_of(pid: int) -> dict[str, float]:
    """Return the memory of a process in MiB: all that is resident, and the anonymous part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split(":")[0]: line.split()[1] for line in lines if line.endswith("kB")}
    return {name: int(sizes[key]) / 1024 for name, key in (("resident", "Rss"),
                                                           ("anonymous", "Anonymous"))}  # fmt: skip


def measure(n_pictures: int) -> dict[str, Any]:
    """Encode, and return the memory a second."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder / "pictures", n_pictures)
        run = train("mnist", out=folder / "run", latent_dim=10, epochs=1, limit=2000)
        out = folder / "codes.parquet"
        words = ["encode", str(run.path), str(folder / "pictures"), "-o", str(out)]
        started = time.perf_counter()
        samples: list[dict[str, float]] = []
        n_encoded = 0
        with subprocess.Popen([sys.executable, "-m", "zscape", *words]) as process:
            while process.poll() is None:
                n_parts = len(list(folder.glob("codes.parquet.parts/*.parquet")))
                # In the end the parts are joined and go.
                n_encoded = min(n_pictures, max(n_encoded, n_parts * CHUNK))
                try:
                    memory = memory_of(process.pid)
                except (OSError, KeyError):  # it has just ended
                    break
                samples.append({"seconds": time.perf_counter() - started,
                                "encoded": n_encoded, **memory})  # fmt: skip
                time.sleep(1)
        if process.returncode:
            raise SystemExit(f"zscape encode ended with status {process.returncode}.")
        seconds = time.perf_counter() - started
    return {
        "seconds": round(seconds, 1),
        "samples": [{name: round(value, 1) for name, value in row.items()} for row in samples],
    }


def growth(samples: list[dict[str, float]], n_pictures: int, kind: str) -> float:
    """Return the slope of the memory after the warm-up, in MiB for 100,000 pictures."""
    later = [row for row in samples if row["encoded"] >= _WARM_UP * n_pictures]
    slope, _ = np.polyfit([row["encoded"] for row in later], [row[kind] for row in later], 1)
    return float(slope * 100_000)


def render(results: Run) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Memory while encoding",
        "",
        "Made by `python -m benchmarks.soak`: generated PNG files of 28x28 pixels, encoded by "
        "`zscape encode RUN FOLDER -o codes.parquet`.",
        "",
        f"Machine: {results['machine']}. Date: {results['date']}.",
        "",
        "| pictures | seconds | memory | MiB after a tenth | at the end | most | "
        "growth in 100,000 |",
        "|---:|---:|---|---:|---:|---:|---:|",
    ]
    for run in results["runs"]:
        samples, n = run["samples"], run["n_pictures"]
        first = next(row for row in samples if row["encoded"] >= _WARM_UP * n)
        for kind in ("resident", "anonymous"):
            most = max(row[kind] for row in samples)
            lines.append(
                f"| {n:,} | {run['seconds']:,.0f} | {kind} | {first[kind]:,.0f} | "
                f"{samples[-1][kind]:,.0f} | {most:,.0f} | {growth(samples, n, kind):+.1f} MiB |"
            )
    lines += [
        "",
        "![Two level lines over the number of pictures encoded: resident and anonymous memory.]"
        "(images/soak.png)",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, and save."""
    parser = argparse.ArgumentParser(description="Does encoding take constant memory?")
    parser.add_argument("--n-pictures", type=int, default=N_PICTURES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    wanted = [{"n_pictures": arguments.n_pictures}]
    run_missing(arguments.results, wanted, measure, render, quiet=("samples",))


if __name__ == "__main__":
    main()
