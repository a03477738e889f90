"""Anomalies: scores that tell odd images, and thresholds that keep their promise."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Trained, Zscape, blobs
from zscape.errors import ConfigError
from zscape.evaluation.anomaly import AnomalyScorer
from zscape.latent.densities import fit_density


def linear_model() -> Any:
    """Stand in for a model whose code is the mean gray of the left and of the right half."""

    def encode(images: np.ndarray) -> np.ndarray:
        return np.stack([images[:, :, :2].mean((1, 2, 3)), images[:, :, 2:].mean((1, 2, 3))], 1)

    def decode(codes: np.ndarray) -> np.ndarray:
        return np.repeat(codes, 2, axis=1)[:, None, :, None].repeat(4, axis=1)

    return SimpleNamespace(encode=encode, decode=decode, white=None)


def normal_images(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    grays = rng.normal((0.3, 0.6), 0.05, (n, 2))
    images = linear_model().decode(grays) + rng.normal(0, 0.02, (n, 4, 4, 1))
    return np.clip(images, 0, 1).astype(np.float32)


def scorer(n_held_out: int = 400, threshold: float = 0.95) -> AnomalyScorer:
    model = linear_model()
    density = fit_density("normal", model.encode(normal_images(500, 0)))
    return AnomalyScorer(model, density, normal_images(n_held_out, 1), threshold=threshold)


def test_as_many_false_alarms_as_promised() -> None:
    made = scorer()
    assert made.false_alarm_rate == pytest.approx(0.05, abs=0.003)
    new = made.score(normal_images(4000, 2))
    assert (new.combined > made.limit).mean() == pytest.approx(0.05, abs=0.03)


def test_each_part_finds_what_it_is_for() -> None:
    made = scorer()
    normal = made.score(normal_images(50, 3))
    checked = normal_images(50, 4)
    checked[:, ::2, ::2] = 1 - checked[:, ::2, ::2]  # cannot be drawn
    swapped = normal_images(50, 5)[:, :, ::-1]  # can be drawn, but is where no code lies
    assert made.score(checked).error.min() > normal.error.max()
    assert made.score(swapped).density.min() > normal.density.max()
    for odd in (checked, swapped):
        assert (made.score(odd).combined > made.limit).mean() > 0.95


@pytest.mark.parametrize(
    ("n", "threshold", "expected"),
    [(98, 0.99, "99 held-out images are needed, and there are 98"), (50, 0, "share"),
     (50, 1.0, "share"), (50, float("nan"), "share")],
)  # fmt: skip
def test_thresholds_that_cannot_be(n: int, threshold: float, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        scorer(n, threshold)
    scorer(99, 0.99)


@pytest.mark.slow
def test_the_command_writes_scores_gallery_and_heat_maps(
    zscape: Zscape, trained: Trained, tmp_path: Path
) -> None:
    images, labels = blobs(12)
    images[5] = 255 - images[5]
    np.savez(tmp_path / "some.npz", images=images, labels=labels)
    out = tmp_path / "scores.csv"
    words = ("anomalies", trained.two, tmp_path / "some.npz", "-o", out, "--threshold", 0.8)
    done = zscape(*words, "--json")
    assert done.status == 0, done.err
    answer = json.loads(done.out)
    assert answer["false_alarm_rate"] == pytest.approx(1 / 6)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["image"] for row in rows] == [str(i) for i in range(12)]
    assert [int(row["label"]) for row in rows] == labels.tolist()
    worst = max(rows, key=lambda row: float(row["error"]))
    assert (worst["image"], worst["anomaly"]) == ("5", "1")
    assert sum(int(row["anomaly"]) for row in rows) == answer["n_anomalies"]
    maps = sorted((tmp_path / "scores-heatmaps").iterdir())
    assert [path.name for path in maps] == [f"{i:05d}.png" for i in range(12)]
    bright = [np.asarray(Image.open(path)).mean() for path in maps]
    assert int(np.argmax(bright)) == 5
    page = (tmp_path / "scores.html").read_text()
    assert "expected false alarms" in page
    assert "16.67" in page
    assert "--force" in zscape(*words).error
    assert "are anomalies" in zscape(*words, "--force").out


def test_too_high_a_threshold_for_few_images(
    zscape: Zscape, trained: Trained, tmp_path: Path
) -> None:
    message = zscape("anomalies", trained.two, trained.data, "-o", tmp_path / "s.csv").error
    assert "held-out images are needed" in message
    assert not (tmp_path / "s.csv").exists()
