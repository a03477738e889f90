"""Is every malformed file refused in a line? `python -m benchmarks.fuzz`.

10,000 malformed files: valid ones of every kind that is read, with bytes, lengths, counts and
values changed, cut, repeated and put in, and small ones that claim or unpack to gigabytes. Each is
read as the commands do, in processes that are watched from outside. A finding is anything but
images or an error of one line: a traceback, a crash, more than 20 s, more than 2 GB of memory, or
memory that was asked for and could not be had.

`--only "reader=zip"` tries one reader; `--show "zip" 17 FILE` writes an input to a file.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, parser, run_missing
from benchmarks.malformed.readers import READERS
from benchmarks.tables.markdown import Run
from benchmarks.workers.process import environment

SECONDS = 20
BYTES = 2 * 10**9
_START_SECONDS = 180
_QUICK = 8
_WATCH_SECONDS = 0.05


def measure(options: argparse.Namespace, reader: str) -> Run:
    """Give a reader all its malformed inputs and count what became of them."""
    n_inputs = _QUICK if options.quick else READERS[reader].n_inputs
    counts: dict[str, int] = {"refused": 0, "read": 0}
    findings: list[dict[str, Any]] = []
    peak, started, number = 0, time.perf_counter(), 0
    while number < n_inputs:
        for line in _answers(reader, number, n_inputs):
            number, peak = line["number"] + 1, max(peak, line["peak"])
            if line["result"] == "finding":
                findings.append({key: line[key] for key in ("number", "file", "kind", "text")})
                print(
                    f"{reader} {line['number']} ({line['file']}): {line['kind']}\n{line['text']}",
                    flush=True,
                )
            else:
                counts[line["result"]] += 1
    return {
        "inputs": n_inputs,
        **counts,
        "findings": len(findings),
        "seconds": round(time.perf_counter() - started, 1),
        "peak_mb": round(peak / 1e6),
        "found": [f"{each['number']}: {each['kind']}" for each in findings],
    }


def _answers(reader: str, first: int, end: int) -> Any:
    """Yield what a process says of its inputs; the last one of a process that died is a finding."""
    words = [sys.executable, "-m", "benchmarks.workers.malformed", reader, str(first), str(end)]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment("cpu"),
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_pass_on, args=(process.stdout, lines), daemon=True).start()
        begun, since, peak = first - 1, time.monotonic(), 0
        is_reading = False
        try:
            while True:
                try:
                    line = lines.get(timeout=_WATCH_SECONDS)
                except queue.Empty:
                    memory = _resident(process.pid) if is_reading else 0
                    peak = max(peak, memory)
                    taken = time.monotonic() - since
                    if taken < (SECONDS if is_reading else _START_SECONDS) and memory < BYTES:
                        continue
                    kind = "memory" if memory >= BYTES else "hang"
                    yield _ended(begun, kind, f"{taken:.1f} s, {memory / 1e6:,.0f} MB", peak)
                    return
                if not line and begun < first:
                    raise SystemExit(f"the process for {reader} did not start: {' '.join(words)}")
                if not line:
                    if begun + 1 < end or is_reading:
                        yield _ended(begun, "crash", f"status {process.wait()}", peak)
                    return
                answer = json.loads(line)
                since = time.monotonic()
                if is_reading := "begun" in answer:
                    begun, peak = answer["begun"], 0
                    continue
                answer["peak"] = max(answer["peak"], peak)
                if answer["peak"] >= BYTES and answer["result"] != "finding":
                    answer |= {
                        "result": "finding",
                        "kind": "memory",
                        "text": f"{answer['peak']:,} bytes",
                    }
                yield answer
        finally:
            process.kill()


def _ended(number: int, kind: str, text: str, peak: int) -> dict[str, Any]:
    return {
        "number": number,
        "file": "",
        "result": "finding",
        "kind": kind,
        "text": text,
        "peak": peak,
    }


def _pass_on(stream: Any, lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:  # it has just ended
        return 0


def main() -> None:
    """Try all readers, and save."""
    made = parser(__doc__)
    made.add_argument(
        "--show", nargs=3, metavar=("READER", "NUMBER", "FILE"), help="write an input"
    )
    if "--show" in sys.argv:
        from benchmarks.workers.malformed import malformed

        name, number, path = made.parse_args().show
        Path(path).write_bytes(malformed(name, int(number))[1])
        return
    run_missing("fuzz", made, [{"reader": name} for name in READERS], measure, vary="reader")


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
