"""Run every verb on a run of some bottlenecks: matrix_run.py FOLDER RESULTS.json NAME...

The backend is that of KERAS_BACKEND. Each command runs as `zscape VERB ...` does, in this process.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.conftest import blobs
from zscape.cli import main


def command(*words: object) -> dict[str, Any]:
    """Run a command and return its status, the messages and whether there was a traceback."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["zscape", *map(str, words)]
    status = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as stop:
            status = int(stop.code or 0)
    return {"status": status, "err": err.getvalue(), "out": out.getvalue()}


def verbs(run: Path, data: Path, out: Path) -> dict[str, tuple[object, ...]]:
    """Return a command line for each verb."""
    codes, picture = out / "codes.npz", data.with_name("one.png")
    return {
        "evaluate": ("evaluate", run),
        "evaluate DATA": ("evaluate", run, data),
        "evaluate --generation": ("evaluate", run, "--generation", "-n", 20, "--features",
                                  data.with_name("features.keras")),
        "info": ("info", run),
        "report": ("report", run, "-o", out / "page.html"),
        "explore": ("explore", run, "--html", out / "explorer.html"),
        "denoise": ("denoise", run, picture, "-o", out / "denoised"),
        "anomalies": ("anomalies", run, data, "-o", out / "odd.csv", "--threshold", 0.5),
        "reconstruct": ("reconstruct", run, data, "-n", 3, "-o", out / "reconstructed"),
        "encode": ("encode", run, data, "-o", codes),
        "encode parquet": ("encode", run, data, "-o", out / "codes.parquet"),
        "decode": ("decode", run, codes, "-o", out / "images.npz"),
        "generate": ("generate", run, "-n", 4, "-o", out / "new.npz"),
        "generate gmm": ("generate", run, "-n", 4, "--density", "gmm", "-o", out / "gmm.npz"),
        "generate prior": ("generate", run, "-n", 4, "--density", "prior", "-o", out / "p.npz"),
        "generate label": ("generate", run, "-n", 4, "--label", 1, "-o", out / "one.npz"),
        "interpolate": ("interpolate", run, 0, 1, "-o", out / "path.npz"),
        "interpolate density": ("interpolate", run, 0, picture, "--path", "density", "-o",
                                out / "path.png"),
        "traverse": ("traverse", run, "-o", out / "traversal.png"),
        "map": ("map", run, "--thumbnails", "-o", out / "map.png"),
        "grid": ("grid", run, "--step", 5, "-o", out / "grid.png"),
    }  # fmt: skip


def features(path: Path) -> None:
    """Write a network to compare images by."""
    import keras

    images = keras.Input((8, 8, 1))
    pooled = keras.layers.AveragePooling2D(4)(images)
    keras.Model(images, keras.layers.Flatten()(pooled)).save(path)


def matrix(folder: Path, bottlenecks: list[str]) -> dict[str, dict[str, Any]]:
    """Return what every verb did on a run of each of the bottlenecks."""
    images, labels = blobs(60)
    data = folder / "spots.npz"
    np.savez(data, images=images, labels=labels)
    Image.fromarray(images[0].reshape(8, 8)).save(folder / "one.png")
    features(folder / "features.keras")
    done: dict[str, dict[str, Any]] = {}
    for name in bottlenecks:
        run, out = folder / name, folder / f"{name}-out"
        done[name] = {
            "train": command(
                "train", data, "--preset", "classic", "--latent-dim", 2, "--epochs", 1,
                "--batch-size", 16, "--bottleneck", name, "--out", run,
            )
        }  # fmt: skip
        for verb, words in verbs(run, data, out).items():
            done[name][verb] = command(*words)
    return done


if __name__ == "__main__":
    target = Path(sys.argv[2])
    target.write_text(json.dumps(matrix(Path(sys.argv[1]), sys.argv[3:])))
