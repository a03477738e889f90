"""Runs that earlier versions made, in `tests/runs`: they open, and work as they did."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import zscape
from zscape.runs import Run
from zscape.training.fit import fit_autoencoder

# One process, which loads each run once.
pytestmark = pytest.mark.xdist_group("old_runs")

RUNS = Path(__file__).parent / "runs"
NAMES = sorted(folder.name for folder in RUNS.iterdir())
_loaded: dict[str, Run] = {}


@pytest.fixture(params=NAMES)
def run(request: pytest.FixtureRequest) -> Run:
    name = request.param
    if name not in _loaded:
        _loaded[name] = zscape.load_run(RUNS / name)
    return _loaded[name]


def test_there_is_a_run_of_each_kind() -> None:
    presets, bottlenecks = zip(*(name.split("-") for name in NAMES), strict=True)
    assert set(presets) == {"classic", "fast", "quality"}
    assert set(bottlenecks) == {"plain", "gaussian", "vq", "fsq"}


@pytest.mark.slow
def test_reconstructions_are_as_good_as_they_were(run: Run) -> None:
    images = np.asarray(run.dataset.test.images) / np.float32(255)
    error = np.square(run.model.reconstruct(images) - images).mean()
    assert error == pytest.approx(run.metrics["model"]["mse"], rel=1e-4)


@pytest.mark.slow
def test_codes_come_out_go_back_and_are_drawn(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zscape.latent.densities.autoregressive.N_STEPS", 3)
    shutil.copytree(run.path, tmp_path / "run")
    copy = zscape.load_run(tmp_path / "run")
    images = run.dataset.test.images[:5]
    codes = copy.model.encode(images)
    np.testing.assert_allclose(copy.model.decode(codes), copy.model.reconstruct(images), atol=1e-5)
    if copy.model.bottleneck.discrete:
        again = copy.model.codes_from_indices(copy.model.code_indices(codes))
        np.testing.assert_allclose(again, codes, atol=1e-6)
    drawn, new = zscape.generate(copy, 3)
    assert drawn.shape == (3, 28, 28, 1)
    assert new.shape == (3, *copy.model.code_shape)


def test_the_same_settings_still_make_the_same_network(run: Run) -> None:
    config = run.config
    fresh = zscape.build_autoencoder(
        config.image_shape, config.network, config.bottleneck, seed=config.training.seed
    )
    for part in ("encoder", "decoder"):
        made, stored = (
            json.dumps([layer.get_config() for layer in getattr(model, part).layers])
            for model in (fresh, run.model)
        )
        assert made == stored  # layers, their names and order, and the seeds of their weights


def test_a_density_of_then_is_read_and_not_fitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(RUNS / "classic-plain", tmp_path / "run")
    monkeypatch.setattr("zscape.jobs.generate.fit_density", None)
    assert len(zscape.generate(zscape.load_run(tmp_path / "run"), 3)[0]) == 3


@pytest.mark.slow
def test_training_goes_on_from_a_checkpoint_of_then(tmp_path: Path) -> None:
    shutil.copytree(RUNS / "classic-plain", tmp_path / "run")
    run = zscape.load_run(tmp_path / "run")
    before = run.history
    training = dataclasses.replace(run.config.training, epochs=3)
    model = zscape.build_autoencoder(
        run.config.image_shape, run.config.network, run.config.bottleneck, seed=training.seed
    )
    model.n_shards = training.shards or 1
    state = fit_autoencoder(model, run.dataset, training, run.path, resume=True)
    assert state.epoch == 3
    assert run.history[:2] == before
    assert run.history[2]["loss"] < before[1]["loss"]
