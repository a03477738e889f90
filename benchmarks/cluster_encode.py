"""Encoding a million pictures with workers that die: `python -m benchmarks.cluster_encode`.

1,000,000 pictures of 28x28 pixels, discs of random place and size, are written as PNG files into
tar files of 10,000. `zscape encode RUN FOLDER -o codes/ --workers 2` runs on them as a process of
its own; three times a worker is sent SIGKILL. DuckDB then looks for rows that are missing or
double, and compares all with those of the same command without workers. The memory is that of the
driver alone, its peak (`VmHWM`).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness import QUICK_IMAGES, parse, parser, save, where
from benchmarks.tables.markdown import Run
from zscape.jobs.coded import CHUNK
from zscape.jobs.train import train

N_PICTURES = 1_000_000
PER_SHARD = 10_000
N_FEW = 100_000  # of which the processor time is measured, without kills
N_KILLS = 3
SIDE = 28


def write_shards(root: Path, n: int) -> None:
    """Write `n` generated pictures, none like another, into tar files."""
    root.mkdir(parents=True)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    for first in range(0, n, PER_SHARD):
        rng = np.random.default_rng(first)
        with tarfile.open(root / f"{first // PER_SHARD:05d}.tar", "w") as archive:
            for number in range(first, min(first + PER_SHARD, n)):
                y, x, radius = rng.uniform((6, 6, 2), (22, 22, 8)).astype(np.float32)
                disc = np.clip(radius - np.hypot(rows - y, columns - x) + 0.5, 0, 1)
                content = io.BytesIO()
                Image.fromarray(np.uint8(255 * disc)).save(content, "png", compress_level=1)
                member = tarfile.TarInfo(f"{number:08d}.png")
                member.size = content.tell()
                content.seek(0)
                archive.addfile(member, content)


def processes_of(pid: int) -> dict[int, str]:
    """Return a process and those below it, with their commands."""
    listed = subprocess.run(
        ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()[1:]]
    below = {pid}
    for _ in range(4):
        below |= {int(row[0]) for row in rows if int(row[1]) in below}
    return {int(row[0]): row[-1] for row in rows if int(row[0]) in below}


def workers_of(pid: int) -> list[int]:
    """Return the processes below a driver that work for Ray."""
    return [n for n, command in processes_of(pid).items() if command.startswith("ray::_Worker")]


def processor_time_of(pid: int) -> float:
    """Return how long a process has used a core, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_of(pid: int) -> float:
    """Return the most memory that a process has had, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def encode(run: Path, data: Path, out: Path, n: int, *words: str, n_kills: int = 0) -> Run:
    """Encode, killing a worker now and then; return the time, the rate and the driver's memory."""
    command = [sys.executable, "-m", "zscape", "encode", str(run), str(data), "-o", str(out)]
    kill_at = [(k + 1) * n // (n_kills + 1) for k in range(n_kills)]
    started, peak, first = time.perf_counter(), 0.0, 0.0
    killed: list[int] = []
    with subprocess.Popen([*command, *words], stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            time.sleep(0.2)
            n_done = CHUNK * len(list(out.glob("part-*.parquet")))
            if n_done and not first:
                first = time.perf_counter() - started
            try:
                peak = max(peak, peak_of(process.pid))
            except (OSError, StopIteration):  # it has just ended
                break
            if kill_at and n_done >= kill_at[0] and (found := workers_of(process.pid)):
                os.kill(found[len(killed) % len(found)], signal.SIGKILL)
                killed.append(kill_at.pop(0))
        messages = process.stderr.read() if process.stderr else ""
    if process.returncode:
        raise SystemExit(f"{messages}zscape encode ended with status {process.returncode}.")
    seconds = time.perf_counter() - started
    return {
        "seconds": round(seconds, 1),
        "seconds_to_first": round(first, 1),
        "images_per_second": round(n / seconds),
        "steady_per_second": round(n / (seconds - first)),
        "driver_peak_mib": round(peak),
        "kills": len(killed),
        "left": messages.count(" left"),
    }


def processor_time(run: Path, data: Path, out: Path, *words: str) -> Run:
    """Return how long cores work for a picture, in microseconds, from the first parts on.

    Unlike the rate, this does not depend on what else the machine does.
    """
    command = [sys.executable, "-m", "zscape", "encode", str(run), str(data), "-o", str(out)]
    used: dict[int, float] = {}
    before: dict[int, float] | None = None
    n_parts = n_before = 0
    with subprocess.Popen([*command, *words], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            time.sleep(0.5)
            for pid in processes_of(process.pid):
                with suppress(OSError):  # it has just ended
                    used[pid] = processor_time_of(pid)
            n_parts = len(list(out.glob("part-*.parquet")))
            if before is None and n_parts > 2:
                before, n_before = dict(used), n_parts
    n_images = CHUNK * (len(list(out.glob("part-*.parquet"))) - n_before)
    spent = {"driver": 0.0, "others": 0.0}
    for pid, seconds in used.items():
        kind = "driver" if pid == process.pid else "others"
        spent[kind] += seconds - (before or {}).get(pid, 0.0)
    figures = {name: round(1e6 * seconds / n_images, 1) for name, seconds in spent.items()}
    return {**figures, "all": round(sum(figures.values()), 1)}


def compare(one: Path, two: Path, n: int) -> Run:
    """Return what DuckDB finds in the codes of both folders."""
    import duckdb

    def asked(query: str) -> Any:
        return duckdb.connect().execute(query).fetchall()[0]

    rows, paths, codes = asked(
        f"select count(*), count(distinct path), count(code) from '{two}/*.parquet'"
    )
    (same,) = asked(
        f"select count(*) from '{one}/*.parquet' a join '{two}/*.parquet' b "
        "on a.path = b.path and a.code = b.code"
    )
    if (rows, paths, codes, same) != (n, n, n, n):
        raise SystemExit(f"{n} rows expected: {rows} rows, {paths} paths, {codes} codes, {same}")
    return {"rows": rows, "distinct_paths": paths, "equal_codes": same}


def measure_encoders() -> list[Run]:
    """Return how fast encoders are on one core, by Keras and by onnxruntime."""
    rows = []
    one_core = {"ZSCAPE_CORES": "1", "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3",
                "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}  # fmt: skip
    for preset in ("classic", "fast", "quality"):
        row: Run = {"preset": preset}
        with tempfile.TemporaryDirectory() as name:
            codes = {}
            for way, backend in (
                ("tensorflow", "tensorflow"),
                ("jax", "jax"),
                ("onnx", "tensorflow"),
            ):
                kind = "onnx" if way == "onnx" else "keras"
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.workers.encoder_speed", preset, kind, name],
                    env={**os.environ, **one_core, "KERAS_BACKEND": backend},
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                row[way] = json.loads(done.stdout)["images_per_second"]
                codes[way] = np.load(Path(name) / f"{preset}-{kind}.npy")
        row["difference"] = float(np.abs(codes["tensorflow"] - codes["onnx"]).max())
        print(row, flush=True)
        rows.append(row)
    return rows


def measure_encoding(n: int, pictures: Path | None) -> Run:
    """Encode with two workers and with none, and compare."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = pictures or folder / "pictures"
        if not pictures.exists():
            write_shards(pictures, n)
        run = train(
            "mnist", out=folder / "run", preset="fast", latent_dim=10, epochs=1, limit=2000
        ).path
        load = os.getloadavg()[0]
        two = encode(run, pictures, folder / "two", n, "--workers", "2", n_kills=N_KILLS)
        print(two, flush=True)
        one = encode(run, pictures, folder / "one", n)
        print(one, flush=True)
        found = compare(folder / "one", folder / "two", n)
        small = train(
            "mnist", out=folder / "small", preset="classic", latent_dim=10, epochs=1, limit=2000
        ).path
        few = folder / "few"
        few.mkdir()
        for shard in sorted(pictures.iterdir())[: N_FEW // PER_SHARD]:
            shutil.copy(shard, few)
        spent = [
            {"by": by, **processor_time(small, few, folder / f"spent{len(words)}", *words)}
            for by, words in (("1 process", ()), ("2 workers", ("--workers", "2")))
        ]
    efficiency = {
        name: round(two[rate] / one[rate], 3)
        for name, rate in (("efficiency", "images_per_second"),
                           ("steady_efficiency", "steady_per_second"))
    }  # fmt: skip
    shared = f"The machine had other work: its load was {load:.1f} before." if load > 0.5 else ""
    return {"n_pictures": n, "one_process": one, "two_workers": two, "found": found,
            "processor_time": spent, **efficiency,
            "remark": shared}  # fmt: skip


def main() -> None:
    """Measure, and save beside what else is in the file."""
    made = parser(__doc__)
    made.add_argument("-n", type=int, default=N_PICTURES, help="how many pictures")
    made.add_argument("--pictures", type=Path, help="a folder to write them to, or with them")
    options: argparse.Namespace = parse(made)
    path: Path = options.out / "cluster.json"
    results: Run = json.loads(path.read_text()) if path.exists() else {}
    n = 50 * QUICK_IMAGES if options.quick else options.n
    results["encoding"] = measure_encoding(n, options.pictures)
    save(path, {**results, **where()})
    results["encoders"] = measure_encoders()
    save(path, {**results, **where()})
    print(path.with_suffix(".md").read_text())


if __name__ == "__main__":
    main()
