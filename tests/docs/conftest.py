"""What the examples of the documentation take for granted."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zscape
from zscape.data import corruptions, sources
from zscape.data.sources.mnist import Mnist
from zscape.latent import densities
from zscape.nn import bottlenecks, presets
from zscape.registry import Registry

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture
def without_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what examples register when they are done."""
    registries: tuple[Registry[Any], ...] = (
        bottlenecks.BOTTLENECKS,
        corruptions.CORRUPTIONS,
        densities.DENSITIES,
        presets.PRESETS,
    )
    for registry in registries:
        classes = {name: registry[name] for name in registry.names()}
        monkeypatch.setattr(registry, "_classes", classes)
    monkeypatch.setattr(sources, "_kinds", sources.source_kinds())
    monkeypatch.setattr("zscape.registry._plugins", {})


@pytest.fixture
def names(without_trace: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Names that examples use without defining them; MNIST is short, and training too."""
    monkeypatch.chdir(tmp_path)
    read = Mnist.read
    few = np.r_[:600, 60_000:60_600]  # of each split
    monkeypatch.setattr(Mnist, "read", lambda self, wanted: read(self, wanted).take(few))
    train = zscape.train

    def quick(data: Any, **options: Any) -> zscape.Run:
        preset = {} if "encoder" in options else {"preset": "classic"}
        return train(data, **{**preset, "epochs": 1, "limit": 40, **options})

    tune = zscape.tune

    def quick_search(data: Any, trials: int = 40, **options: Any) -> Any:
        return tune(data, 1, **{**options, "preset": "classic", "epochs": 1, "limit": 40})

    monkeypatch.setattr(zscape, "train", quick)
    monkeypatch.setattr(zscape, "tune", quick_search)
    monkeypatch.setattr("zscape.latent.densities.flow.N_STEPS", 5)
    shutil.copytree(ROOT / "tests" / "runs" / "classic-plain", "runs/mnist-fast-10d")
    run = zscape.load_run("runs/mnist-fast-10d")
    images = np.asarray(run.dataset.train.images)
    Path("photos").mkdir()
    for row, image in enumerate(images[:30]):
        Image.fromarray(image[..., 0]).save(f"photos/{row}.png")
    return {
        "zscape": zscape,
        "train": quick,
        "tune": quick_search,
        "AnomalyDetector": partial(
            zscape.AnomalyDetector, preset="classic", epochs=1, threshold=0.9
        ),
        "load_dataset": zscape.load_dataset,
        "evaluate_generation": partial(zscape.evaluate_generation, n=20),
        "run": run,
        "model": run.model,
        "images": images[:20],
        "normal_images": images,
        "new_images": images[:20],
    }
