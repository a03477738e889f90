"""Anomalies: scores that tell odd images, and thresholds that keep their promise."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from tests.conftest import Trained, Zscape, blobs
from zscape.errors import ConfigError
from zscape.evaluation.anomaly import AnomalyScorer, promise
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


@pytest.mark.parametrize("threshold", [0, 1.0, float("nan"), -0.5])
def test_thresholds_that_are_no_shares(threshold: float) -> None:
    with pytest.raises(ConfigError, match="share above 0 and below 1"):
        scorer(50, threshold)


@pytest.mark.parametrize(
    ("n", "threshold", "expected"),
    [(99, 0.99, 0.99), (98, 0.99, 98 / 99), (22, 0.99, 22 / 23), (1, 0.99, 0.5), (22, 0.9, 0.9)],
)
def test_the_best_threshold_that_can_be_promised(n: int, threshold: float, expected: float) -> None:
    promised = promise(threshold, n)
    assert promised.threshold == pytest.approx(expected)
    assert 1 - promised.false_alarm_rate >= promised.threshold - 1e-9
    assert bool(promised.note) == (expected != threshold)


def test_a_threshold_that_cannot_be_promised_is_named_with_its_rate() -> None:
    note = promise(0.99, 22).note
    for part in ("0.99 cannot be promised with 22", "takes 99", "0.9565", "4.35 %"):
        assert part in note
    made = scorer(22, 0.99)
    assert made.false_alarm_rate == pytest.approx(1 / 23)
    assert made.limit == made.score(normal_images(22, 1)).combined.max()


def test_promises_are_broken_by_what_is_too_rare_for_chance() -> None:
    promised = promise(0.95, 399)
    assert not promised.is_broken_by(50, 1000)
    assert not promised.is_broken_by(75, 1000)
    assert promised.is_broken_by(120, 1000)
    assert not promise(0.5, 1).is_broken_by(10, 10)  # one held-out image promises little


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
    words = ("anomalies", trained.two, trained.data, "-o", tmp_path / "s.csv")
    done = zscape(*words)
    assert done.status == 0, done.err
    assert "note: A threshold of 0.99 cannot be promised with 5 held-out images" in done.err
    assert "16.67 % are expected" in done.out
    assert (tmp_path / "s.csv").exists()
    asked = zscape(*words, "--threshold", 0.95, "--force", "--json")
    answer = json.loads(asked.out)
    assert answer["threshold"] == pytest.approx(5 / 6)
    assert asked.err.count("warning: A threshold of 0.95 cannot be promised with 5 held-out") == 1
    assert answer["warnings"][0].startswith("A threshold of 0.95")
    assert answer["notes"] == []
    assert "A threshold of 0.95 cannot" in (tmp_path / "s.html").read_text()


def test_a_share_outside_its_range_is_refused(
    zscape: Zscape, trained: Trained, tmp_path: Path
) -> None:
    words = ("anomalies", trained.two, trained.data, "-o", tmp_path / "s.csv", "--threshold", 1.5)
    assert "--threshold is 1.5; expected a share" in zscape(*words).error
    assert not (tmp_path / "s.csv").exists()


# --- against the truth ---


@pytest.fixture(scope="module")
def normal_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on pictures of spots at the left, in the folder `good` without classes of its own."""
    from zscape.jobs.train import train

    folder = tmp_path_factory.mktemp("normal")
    images, labels = blobs(300)
    write_pictures(folder / "root" / "good", images[labels == 0])
    settings: dict[str, Any] = {"preset": "classic", "latent_dim": 2, "epochs": 2, "size": 16}
    return train(folder / "root" / "good", out=folder / "run", batch_size=16, **settings).path


def write_pictures(folder: Path, images: np.ndarray) -> None:
    folder.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(folder / f"{i:03d}.png")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Good", "normal", "OK"])
def test_a_class_of_a_known_name_is_the_normal_one(
    zscape: Zscape, normal_run: Path, tmp_path: Path, name: str
) -> None:
    images, labels = blobs(390)
    write_pictures(tmp_path / "new" / name, images[300:][labels[300:] == 0])
    write_pictures(tmp_path / "new" / "crack", 255 - images[300:320])
    out = tmp_path / "s.csv"
    done = zscape("anomalies", normal_run, tmp_path / "new", "-o", out, "--json")
    assert done.status == 0, done.err
    answer = json.loads(done.out)
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["truth"] for row in rows] == [str(int(row["label"] == "crack")) for row in rows]
    truth = [int(row["truth"]) for row in rows]
    for score in ("combined", "error", "density"):
        expected = roc_auc_score(truth, [float(row[score]) for row in rows])
        assert answer["auroc"][score] == pytest.approx(expected)
    assert answer["auroc"]["combined"] > 0.95
    called = [int(row["anomaly"]) for row in rows]
    hits = [x for x, odd in zip(called, truth, strict=True) if odd]
    alarms = [x for x, odd in zip(called, truth, strict=True) if not odd]
    assert answer["hit_rate"] == pytest.approx(np.mean(hits))
    assert answer["false_alarm_rate_seen"] == pytest.approx(np.mean(alarms))
    assert (answer["n_anomalous"], answer["n_normal"]) == (20, 30)
    assert not any("seen in training" in text for text in answer["warnings"])
    shown = zscape("anomalies", normal_run, tmp_path / "new", "-o", out, "--force")
    assert f"AUROC: combined {answer['auroc']['combined']:.4f}" in shown.out
    assert f"{100 * answer['hit_rate']:.1f} % of 20 anomalies" in shown.out
    page = out.with_suffix(".html").read_text()
    assert "AUROC" in page
    assert "In truth" in page


@pytest.mark.slow
def test_scores_of_training_images_are_doubted(
    zscape: Zscape, normal_run: Path, tmp_path: Path
) -> None:
    root = normal_run.parent / "root"
    done = zscape("anomalies", normal_run, root, "-o", tmp_path / "s.csv", "--json")
    answer = json.loads(done.out)
    assert "auroc" not in answer  # all are normal
    assert any("of 100 images (81 %) were seen in training" in x for x in answer["warnings"])
    assert "truth" not in (tmp_path / "s.csv").read_text().splitlines()[0]


@pytest.mark.slow
def test_normal_images_of_another_kind_break_the_promise(
    zscape: Zscape, normal_run: Path, tmp_path: Path
) -> None:
    images, _ = blobs(90)
    noise = np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    write_pictures(tmp_path / "new" / "good", noise)
    write_pictures(tmp_path / "new" / "crack", images[:20])
    done = zscape("anomalies", normal_run, tmp_path / "new", "-o", tmp_path / "s.csv")
    found = re.search(r"warning: (\d+) % of the 90 normal images .* 10.00 % were exp", done.err)
    assert found is not None, done.err
    assert int(found[1]) > 80
