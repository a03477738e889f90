"""Starts workers and reads their answers; the environment of the peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT

PEERS = ROOT / ".venv-peers"


# What makes the libraries below TensorFlow and PyTorch work as on a processor without AVX-512.
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}


def environment(device: str, name: str = "", *, avx2: bool = False) -> dict[str, str]:
    """Return the environment of a process.

    Args:
        device: the only one it sees, `cpu` or `gpu`.
        name: the contender. Each is started as its users start it, without settings of ours.
        avx2: emulate a processor with AVX2 at most, on which TensorFlow leaves oneDNN off.
    """
    ours = ("TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS")
    variables = {key: value for key, value in os.environ.items() if key not in ours}
    variables |= {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if device == "cpu":
        variables["CUDA_VISIBLE_DEVICES"] = "-1"
    if avx2:
        variables |= AVX2
        if name.startswith("Keras"):
            variables["TF_ENABLE_ONEDNN_OPTS"] = "0"
    if name == "Keras, oneDNN on":
        variables["TF_ENABLE_ONEDNN_OPTS"] = "1"
    return variables


class Worker:
    """A contender in a process of its own."""

    def __init__(
        self,
        name: str,
        python: str,
        images: Path,
        batch_size: int,
        device: str,
        *,
        avx2: bool = False,
    ) -> None:
        self._name = name
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.workers.contenders", name, str(images), str(batch_size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment(device, name, avx2=avx2),
        )
        self._answer()

    def measure(self, work: str) -> tuple[float, float]:
        """Let the contender work once.

        Returns:
            Images, or 1e9 operations, per second; minor page faults per image.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{work}\n")
        self._process.stdin.flush()
        answer = self._answer()
        speed = round(answer["amount"] / answer["seconds"], 1)
        return speed, round(answer["faults"] / answer["amount"], 2)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise RuntimeError(f"{self._name} failed:\n{self._log.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def run_worker(
    module: str,
    *arguments: object,
    python: str = sys.executable,
    device: str = "cpu",
    avx2: bool = False,
    **variables: str,
) -> Any:
    """Run a worker to its end; return the JSON on the last line it prints.

    Args:
        module: its name.
        arguments: its command line.
        python: the interpreter, of the environment that has what the worker needs.
        device: the only one it sees, `cpu` or `gpu`.
        avx2: emulate a processor with AVX2 at most.
        variables: more of its environment.
    """
    done = subprocess.run(
        [python, "-m", module, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**environment(device, avx2=avx2), **variables},
    )
    if done.returncode:
        raise RuntimeError(
            f"{module} {' '.join(map(str, arguments))} failed:\n{done.stderr[-2000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def peers_python(known: str | None) -> str:
    """Return an interpreter that has the peers: `known`, or one of an environment made for them."""
    if known:
        return known
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
    """Return the versions of those packages that an environment has."""
    code = (
        "import json, sys; from importlib.metadata import distributions;"
        "found = {d.metadata['Name'].lower(): d.version for d in distributions()};"
        "print(json.dumps({name: found[name] for name in sys.argv[1:] if name in found}))"
    )
    done = subprocess.run([python, "-c", code, *packages], capture_output=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found
