"""Whoever lacks a package that comes with an extra is told the command that installs it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Trained
from tests.harness import PATIENCE

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]

HIDE = """
import sys
class Hidden:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""
COMMAND = "sys.argv = ['zscape', *{words!r}]\nfrom zscape.cli import main\nmain()\n"
CALL = """
import zscape
for _ in range(2):  # also when it is asked for again
    try:
        {call}
    except zscape.ConfigError as error:
        message = str(error)
    else:
        raise AssertionError("nothing was missing")
print(f"zscape: {{message}}", file=sys.stderr)
sys.exit(2)
"""

pytestmark = pytest.mark.slow  # a process each

# Package, extra, words of a command line or a line of Python; RUN and DATA stand for paths.
NEEDED = [
    ("tensorflow", "cpu", ["train", "DATA", "--out", "OUT"]),
    ("tensorflow", "cpu", ["encode", "RUN", "DATA", "-o", "OUT.csv"]),
    ("tensorflow", "cpu", "zscape.build_autoencoder"),
    ("tensorflow", "cpu", "zscape.train"),
    ("tensorflow", "cpu", "zscape.load_run('RUN').model"),
    ("jax", "jax", ["train", "DATA", "--out", "OUT"]),
    ("jax", "jax", "zscape.build_autoencoder"),
    ("torch", "cpu", ["train", "DATA", "--out", "OUT"]),
    ("torch", "cpu", "zscape.Autoencoder"),
    ("pyarrow", "parquet", ["encode", "RUN", "DATA", "-o", "OUT.parquet"]),
    ("pyarrow", "parquet", ["encode", "RUN", "a.parquet", "-o", "OUT.csv"]),
    ("pyarrow", "parquet", "zscape.load_images('a.parquet')"),
    ("anywidget", "explore", "zscape.Explorer('RUN')"),
    ("traitlets", "explore", "zscape.Explorer('RUN')"),
    ("safetensors", "explore", "zscape.Explorer('RUN')"),
    ("safetensors", "explore", ["explore", "RUN", "--html", "OUT.html"]),
    ("tf2onnx", "explore", ["explore", "RUN", "--html", "OUT.html"]),
    ("onnx", "explore", ["explore", "RUN", "--html", "OUT.html"]),
    ("onnx", "explore", "zscape.Explorer('RUN')"),
    ("starlette", "explore", ["explore", "RUN", "--no-browser"]),
    ("uvicorn", "explore", ["explore", "RUN", "--no-browser"]),
    ("onnxruntime", "onnx",
     ["evaluate", "RUN", "--generation", "-n", "60", "--features", "a.onnx"]),
    ("fsspec", "remote", ["train", "s3://bucket/pictures"]),
    ("tenacity", "remote", "zscape.load_run('memory://run')"),
    ("s3fs", "remote", ["encode", "RUN", "DATA", "-o", "s3://bucket/codes.npz"]),
    ("aiohttp", "remote", "zscape.load_images('https://example.org/a.npz')"),
    ("optuna", "tune", ["tune", "DATA", "--trials", "1", "--out", "OUT"]),
    ("tensorboard", "tensorboard", ["train", "DATA", "--out", "OUT", "--tensorboard"]),
    ("tensorboard", "tensorboard", "zscape.train('DATA', out='OUT', tensorboard=True)"),
]  # fmt: skip


@pytest.mark.parametrize(("package", "extra", "use"), NEEDED)
def test_a_missing_package_is_one_line_with_the_command(
    package: str, extra: str, use: list[str] | str, trained: Trained, tmp_path: Path
) -> None:
    assert extra in EXTRAS
    (tmp_path / "a.parquet").touch()
    (tmp_path / "a.onnx").touch()
    paths = {"RUN": trained.two, "DATA": trained.data, "OUT": tmp_path / "out"}

    def named(text: str) -> str:
        for word, path in paths.items():
            text = text.replace(word, str(path))
        return text

    if isinstance(use, str):
        program = CALL.format(call=named(use))
    else:
        program = COMMAND.format(words=[named(word) for word in use])
    backend = package if package in ("jax", "torch") else "tensorflow"
    done = subprocess.run(
        [sys.executable, "-c", HIDE.format(package=package) + program],
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"zscape: the package {package} is not installed")
    assert f'pip install "zscape[{extra}]"' in last
    if not isinstance(use, str):
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""
    assert not (tmp_path / "out").exists()


def test_what_is_installed_but_broken_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError('libarrow.so: cannot open')")
    program = CALL.format(call="zscape.load_images('a.parquet')")
    np.save(tmp_path / "a.npy", np.zeros(1))
    (tmp_path / "a.npy").rename(tmp_path / "a.parquet")
    done = subprocess.run(
        [sys.executable, "-c", "import sys\n" + program],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "pyarrow is installed but cannot be imported (libarrow.so: cannot open)" in done.stderr
