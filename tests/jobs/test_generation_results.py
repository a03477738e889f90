"""Measuring what a run generates, from Python and from the command line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import zscape as package
from tests.conftest import blobs
from zscape.data.images import NO_LABEL, Images
from zscape.data.load import load_images
from zscape.errors import ConfigError, RunError
from zscape.evaluation.features import load_features
from zscape.evaluation.generation import frechet_distance
from zscape.jobs.evaluate_generation import GenerationEvaluation, evaluate_generation
from zscape.jobs.train import train
from zscape.runs import Run, load_run

# One process, so that its runs are trained once.
pytestmark = pytest.mark.xdist_group("generation_results")

Zscape = Callable[..., Any]


@pytest.fixture(scope="module")
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose features are the pixels of 4x4 images."""
    path = tmp_path_factory.mktemp("networks") / "pixels.keras"
    keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()]).save(path)
    return path


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 300 digits, which are enough for nothing but the wiring."""
    some = load_images("mnist").take(np.arange(300))
    folder = tmp_path_factory.mktemp("digits")
    assert some.labels is not None
    np.savez(folder / "digits.npz", images=some.images, labels=some.labels)
    return train(
        folder / "digits.npz", out=folder / "run", preset="classic", latent_dim=2, epochs=1
    )


@pytest.mark.slow
def test_every_figure_is_of_the_images_it_names(trained: Any, pixels: Path) -> None:
    run = load_run(trained.three)
    found = evaluate_generation(run, density="normal", features=pixels, n=40, seed=3)
    assert (found.n_samples, found.n_test, found.features) == (40, 6, "pixels.keras")
    features = load_features(pixels, (8, 8, 1)).features
    test = run.dataset.test.images
    samples, _ = package.generate(run, 40, density="normal", seed=3)
    for name, images in (
        ("sample_fd", samples),
        ("reconstruction_fd", run.model.reconstruct(test)),
    ):
        expected = frechet_distance(features(images), features(test))
        assert found.metrics[name] == pytest.approx(expected, rel=1e-5)
    assert found.metrics["precision"] is None  # six test images
    assert found.classes is None
    assert any("too few for a covariance" in warning for warning in found.warnings)
    np.testing.assert_array_equal(found.samples, samples[:24])
    assert found.nearest.shape == found.samples.shape
    train_images = np.asarray(run.dataset.train.images) / np.float32(255)
    assert (np.abs(train_images - found.nearest[5]).max(axis=(1, 2, 3)) < 1e-6).any()
    again = evaluate_generation(run, density="normal", features=pixels, n=40, seed=3)
    assert again.to_dict() == found.to_dict()
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.slow
def test_digits_are_counted_and_compared_by_the_classifier(digits: Run) -> None:
    found = evaluate_generation(digits, n=60)
    assert found.features == "classifier"
    assert found.classes is not None
    assert sum(found.classes.generated) == pytest.approx(1)
    labels = digits.dataset.train.labels
    assert labels is not None
    np.testing.assert_allclose(found.classes.data, np.bincount(labels, minlength=10) / len(labels))
    assert found.metrics["coverage"] is not None
    # One epoch draws a grey blur: far from digits.
    assert (found.metrics["sample_fd"] or 0) > 3 * (found.metrics["floor_fd"] or 0)


@pytest.mark.slow
@pytest.mark.slow
def test_without_labels_the_classifier_cannot_be_checked(
    digits: Run,
) -> None:
    def unlabelled(images: Images) -> Images:
        return dataclasses.replace(images, labels=None)

    dataset = digits.dataset
    bare = dataclasses.replace(dataset, test=unlabelled(dataset.test))
    run = dataclasses.replace(digits, known_dataset=bare)
    found = evaluate_generation(run, density="normal", n=30)
    assert [text for text in _doubts(found) if "could not be checked" in text] == _doubts(found)
    assert len(_doubts(found)) == 1
    assert found.metrics["sample_fd"] is not None
    assert found.classes is None


def _doubts(found: GenerationEvaluation) -> list[str]:
    return [text for text in found.warnings if "too few for a covariance" not in text]


@pytest.mark.slow
def test_digits_named_by_folders_are_known_though_one_is_missing(digits: Run) -> None:
    """Folders 0 to 9 without 3 have the labels 0 to 8."""
    names = tuple(str(digit) for digit in range(10) if digit != 3)

    def named(images: Images) -> Images:
        assert images.labels is not None
        kept = images.take(np.flatnonzero(images.labels != 3))
        assert kept.labels is not None
        labels = kept.labels - (kept.labels > 3)
        labels[0] = NO_LABEL
        return dataclasses.replace(kept, labels=labels, class_names=names)

    dataset = digits.dataset
    other = dataclasses.replace(dataset, train=named(dataset.train), test=named(dataset.test))
    run = dataclasses.replace(digits, known_dataset=other)
    found = evaluate_generation(run, density="normal", n=30)
    assert _doubts(found) == []
    assert found.classes is not None
    assert found.classes.data[3] == 0
    assert found.classes.data[9] > 0


@pytest.mark.slow
def test_images_that_are_no_digits_are_not_counted(digits: Run, pixels: Path) -> None:
    def upside_down(images: Images) -> Images:
        return dataclasses.replace(images, images=255 - images.images[:, ::-1])

    dataset = digits.dataset
    other = dataclasses.replace(
        dataset, train=upside_down(dataset.train), test=upside_down(dataset.test)
    )
    run = dataclasses.replace(digits, known_dataset=other)
    found = evaluate_generation(run, density="normal", n=30)
    assert found.classes is None
    assert any("these are other images" in warning for warning in found.warnings)
    assert set(found.metrics.values()) == {None}
    assert found.nearest_training["samples"] > 0
    own = evaluate_generation(run, density="normal", n=30, features=pixels)
    assert _doubts(own) == []  # a network of the user's own is not doubted
    assert own.metrics["sample_fd"] is not None


def test_settings_are_checked_first(trained: Any, pixels: Path) -> None:
    run = load_run(trained.two)
    with pytest.raises(ConfigError, match="n is 1"):
        evaluate_generation(run, features=pixels, n=1)
    with pytest.raises(ConfigError, match="seed is -1"):
        evaluate_generation(run, features=pixels, seed=-1)


# ------------------------------------------------------------------ the command


@pytest.mark.slow
def test_the_command_prints_a_table_and_keeps_figures_and_sheet(
    zscape: Zscape, copied: Path, pixels: Path
) -> None:
    before = (copied / "metrics.json").read_bytes()
    words = ("evaluate", copied, "--generation", "--features", pixels, "-n", 30)
    done = zscape(*words, "--density", "kde")
    assert done.status == 0, done.err
    assert "30 images from kde and 6 test images" in done.out
    for line in ("pixels.keras FD, generated images", "(floor)", "coverage"):
        assert line in done.out
    assert "warning: There are 6 test images for 16 features" in done.err
    kept = json.loads((copied / "generation.json").read_text())
    assert kept["density"] == "kde"
    with Image.open(copied / "figures" / "samples.png") as sheet:
        assert sheet.width > 800
    assert (copied / "metrics.json").read_bytes() == before
    printed = json.loads(zscape(*words, "--seed", 1, "--json").out)
    assert printed == json.loads((copied / "generation.json").read_text())
    assert (printed["density"], printed["seed"]) == ("gmm", 1)


@pytest.mark.slow
def test_the_command_shows_missing_digits(zscape: Zscape, digits: Run) -> None:
    done = zscape("evaluate", digits.path, "--generation", "-n", 50)
    assert done.status == 0, done.err
    assert "classifier FD, generated images" in done.out
    assert "missing (below a quarter of the data's share): " in done.out
    shares = json.loads((digits.path / "generation.json").read_text())["classes"]
    rare = [
        number
        for number, made, data in zip(
            shares["classes"], shares["generated"], shares["data"], strict=True
        )
        if made < data / 4
    ]
    assert shares["missing"] == rare
    assert f"share): {', '.join(map(str, rare))}" in done.out


@pytest.mark.slow
def test_metrics_that_do_not_apply_are_missing_in_table_json_and_report(
    zscape: Zscape, tmp_path: Path
) -> None:
    images, labels = blobs(60, (28, 28, 1))
    np.savez(tmp_path / "spots.npz", images=images, labels=labels)
    run = train(tmp_path / "spots.npz", out=tmp_path / "run", preset="classic", latent_dim=2,
                epochs=1)  # fmt: skip
    before = dict(load_run(run.path).metrics)
    done = zscape("evaluate", run.path, "--generation", "-n", 20)
    assert done.status == 0, done.err
    for name in ("classifier FD, generated images", "precision", "coverage"):
        line = next(line for line in done.out.splitlines() if line.startswith(name))
        assert line.split()[-1] == "n.a."
    assert done.err.count("do not apply. Name a network for such images as --features.") == 1
    page = (run.path / "report.html").read_text()
    assert page.count("do not apply. Name a network for such images as features.") == 1
    assert page.count("<td>n.a.</td>") == 8
    as_json = zscape("evaluate", run.path, "--generation", "-n", 20, "--json")
    printed = json.loads(as_json.out)
    assert set(printed["figures"].values()) == {None}
    assert "warning: " + printed["warnings"][0].replace("`features`", "--features") in as_json.err
    assert run.metrics == before
    # What was measured of a model before this one is not shown.
    kept = json.loads((run.path / "generation.json").read_text())
    (run.path / "generation.json").write_text(json.dumps({**kept, "model_sha256": "other"}))
    assert zscape("evaluate", run.path).status == 0
    assert "do not apply" not in (run.path / "report.html").read_text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--density", "gmm"), "--density is for --generation"),
        (("-n", 5), "-n is for --generation"),
        (("data.npz", "--generation"), "leave data.npz out"),
        (("--generation",), "28x28x1, and these are 8x8x1"),
        (("--generation", "--features", "gone.onnx"), "gone.onnx does not exist"),
        (("--generation", "--features", "net.pt"), "expected such a network"),
        (("--generation", "--density", "prior", "--features", "PIXELS"), "prior"),
        (("--generation", "-n", 0, "--features", "PIXELS"), "n is 0"),
        (("--generation", "-n", 10**9, "--features", "PIXELS"), "2 to 100,000"),
    ],
)
def test_words_that_do_not_fit(
    zscape: Zscape, copied: Path, pixels: Path, words: tuple[Any, ...], expected: str
) -> None:
    words = tuple(pixels if word == "PIXELS" else word for word in words)
    assert expected in zscape("evaluate", copied, *words).error
    assert not (copied / "generation.json").exists()


def test_a_run_in_use_is_not_touched(copied: Path, pixels: Path) -> None:
    from zscape.jobs.evaluate_generation import refresh_generation
    from zscape.run_folder import locked

    with locked(copied), pytest.raises(RunError, match="in use"):
        refresh_generation(load_run(copied), features=pixels, n=20)
