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

import numpy as np
from PIL import Image

from benchmarks.harness import QUICK_IMAGES, parser, run_missing
from benchmarks.tables.markdown import Run
from zscape.data.load import load_images
from zscape.jobs.coded import CHUNK
from zscape.jobs.train import train

N_PICTURES = 200_000
_PER_FOLDER = 1000


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


def measure(options: argparse.Namespace, n_pictures: int) -> Run:
    """Encode, and return the memory in every second."""
    if options.quick:
        n_pictures = QUICK_IMAGES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder / "pictures", n_pictures)
        run = train("mnist", out=folder / "run", latent_dim=10, epochs=1, limit=2000)
        out = folder / "codes.parquet"
        words = ["encode", str(run.path), str(folder / "pictures"), "-o", str(out)]
        started = time.perf_counter()
        samples: list[dict[str, float]] = []  # one per second
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
        "n_pictures": n_pictures,
        "seconds": round(seconds, 1),
        "samples": {name: [round(row[name], 1) for row in samples] for name in samples[0]},
    }


def main() -> None:
    """Measure, and save."""
    run_missing("soak", parser(__doc__), [{"n_pictures": N_PICTURES}], measure, vary="n_pictures")


if __name__ == "__main__":
    main()
