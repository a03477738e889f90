"""Training, evaluation and figures from Python, as the command line uses them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest

from tests.conftest import blobs
from zscape.cli.show import print_evaluation
from zscape.cli.terminal import name_flags
from zscape.data.images import Images
from zscape.errors import ConfigError, DataError, RunError
from zscape.evaluation.codes import total_correlation
from zscape.evaluation.metrics import METRICS, Metric
from zscape.evaluation.results import read_evaluation, read_generation
from zscape.jobs.draw import grid, latent_map
from zscape.jobs.evaluate import evaluate, refresh
from zscape.jobs.plan import default_folder
from zscape.jobs.report import write_report
from zscape.jobs.train import Interrupted, train
from zscape.run_config import RunConfig
from zscape.runs import load_run
from zscape.settings import BottleneckConfig, NetworkConfig, TrainConfig


@pytest.mark.slow
def test_evaluation_holds_model_and_pca_of_the_same_size(trained: Any) -> None:
    run = load_run(trained.three)
    figures = evaluate(run)
    assert figures.n_images == 6
    assert figures.data == "spots.npz, test split"
    assert figures.compression_ratio == pytest.approx(64 / 3)
    assert figures.pca is not None
    assert set(figures.model) == set(figures.pca)
    inputs = np.asarray(run.dataset.test.images) / np.float32(255)
    outputs = run.model.reconstruct(inputs)
    assert figures.model["mse"] == pytest.approx(np.square(inputs - outputs).mean(), rel=1e-5)
    json.dumps(figures.to_dict(), allow_nan=False)


@pytest.mark.slow
def test_evaluation_says_how_useful_the_codes_are(trained: Any) -> None:
    run = load_run(trained.three)
    figures = evaluate(run)
    codes = run.model.encode(run.dataset.test.images)
    assert figures.model["total_correlation_nats"] == total_correlation(codes)
    assert figures.pca is not None
    for values in (figures.model, figures.pca):
        probe, units = values["linear_probe_accuracy"], values["active_units"]
        assert probe is not None
        assert units is not None
        assert 0 <= probe <= 1
        assert 1 <= units <= 3
        assert values["cluster_agreement"] is not None
    bare = evaluate(run, run.dataset.test.images)
    assert bare.model["linear_probe_accuracy"] is None
    assert bare.model["active_units"] == figures.model["active_units"]


def test_a_metric_is_added_by_one_row(
    trained: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = Metric(
        "gray", "mean gray", "mean of outputs", unit="gray", form="{:.1f}",
        compute=lambda it: 10 + float(it.outputs.mean()),
    )  # fmt: skip
    monkeypatch.setitem(cast(dict[str, Metric], METRICS), "gray", row)
    found = evaluate(load_run(trained.two))
    assert found.pca is not None
    assert 10 <= (found.model["gray"] or 0) <= 11
    assert found.to_dict()["units"]["gray"] == "gray, mean of outputs"
    print_evaluation(found)
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("mean gray, gray"))
    assert line.split()[-2:] == [f"{found.model['gray']:.1f}", f"{found.pca['gray']:.1f}"]


def test_figures_of_before_can_still_be_read(copied: Path) -> None:
    path = copied / "metrics.json"
    values = json.loads(path.read_text())
    later = ("linear_probe_accuracy", "cluster_agreement", "active_units", "total_correlation_nats")
    for who in ("model", "pca"):
        for name in later:
            del values[who][name]
    path.write_text(json.dumps(values))
    label = METRICS["active_units"].label
    assert label in (copied / "report.html").read_text()
    assert "active_units" not in read_evaluation(load_run(copied)).model
    write_report([load_run(copied)], copied / "report.html")
    assert label not in (copied / "report.html").read_text()
    values["model"]["active_units"] = "two"
    path.write_text(json.dumps(values))
    with pytest.raises(RunError, match=r"model\.active_units"):
        read_evaluation(load_run(copied))


def test_pca_is_fitted_to_the_training_images_only(trained: Any) -> None:
    run = load_run(trained.two)
    flat = (np.asarray(run.dataset.train.images) / np.float32(255)).reshape(49, -1)
    with np.load(run.path / "baseline.npz") as stored:
        np.testing.assert_allclose(stored["mean"], flat.mean(axis=0), atol=1e-6)


def test_arrays_are_taken_too_and_without_labels_it_says_so(trained: Any) -> None:
    images, _ = blobs(15)
    figures = evaluate(load_run(trained.two), images)
    assert figures.n_images == 15
    assert figures.model["knn_accuracy"] is None
    assert any("no labels" in note for note in figures.notes)


def test_without_the_training_images_it_measures_what_it_can(copied: Path) -> None:
    values = json.loads((copied / "config.json").read_text())
    values["data"]["source"] = "/nowhere/spots.npz"
    (copied / "config.json").write_text(json.dumps(values))
    run = load_run(copied)
    images, _ = blobs(15)
    figures = evaluate(run, images)
    assert figures.model["mse"] is not None
    assert any("no neighbours" in note for note in figures.notes)
    with pytest.raises(DataError, match="nowhere"):
        refresh(run)


def test_a_changed_data_file_is_noticed(copied: Path) -> None:
    images, labels = blobs(60)
    images[7, 3, 3] ^= 1
    np.savez(copied / "spots.npz", images=images, labels=labels)
    values = json.loads((copied / "config.json").read_text())
    values["data"]["source"] = str(copied / "spots.npz")
    (copied / "config.json").write_text(json.dumps(values))
    with pytest.raises(RunError, match="has other images than"):
        evaluate(load_run(copied))


@pytest.mark.slow
def test_a_baseline_that_was_deleted_is_made_again(copied: Path) -> None:
    before = evaluate(load_run(copied)).pca
    (copied / "baseline.npz").unlink()
    assert evaluate(load_run(copied)).pca == pytest.approx(before)
    assert (copied / "baseline.npz").exists()


def test_of_too_many_images_some_from_all_over_the_set_are_measured(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = blobs(60)
    order = np.argsort(labels, kind="stable")  # as folders are: class by class
    data = Images(images[order], labels[order], "spots")
    (copied / "baseline.npz").unlink()
    monkeypatch.setattr("zscape.jobs.evaluate.MAX_VALUES", 20 * 64)
    run = load_run(copied)
    found = evaluate(run, data)
    assert found.n_images == 20
    assert any("on 20 of 60 images, drawn at random" in note for note in found.notes)
    measured = data.some(20)
    assert set(measured.labels.tolist()) == {0, 1, 2}  # type: ignore[union-attr]
    inputs = np.asarray(measured.images) / np.float32(255)
    error = np.square(run.model.reconstruct(inputs) - inputs).mean()
    assert found.model["mse"] == pytest.approx(error, rel=1e-5)
    with np.load(copied / "baseline.npz") as stored:
        some = np.asarray(run.dataset.train.some(20).images) / np.float32(255)
        np.testing.assert_allclose(stored["mean"], some.reshape(20, -1).mean(axis=0), atol=1e-6)


def test_warnings_of_the_images_are_kept_and_said_once(
    trained: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = blobs(30)
    dim = Images(images, labels, "spots", warnings=("The images are dim.",))
    found = evaluate(load_run(trained.two), dim)
    assert found.to_dict()["warnings"].count("The images are dim.") == 1
    for as_json in (False, True):
        name_flags({})  # a new command
        print_evaluation(found, as_json=as_json)
        printed = capsys.readouterr()
        assert printed.err.count("warning: The images are dim.") == 1
        assert printed.out.count("The images are dim.") == as_json
    assert json.loads(printed.out)["n_images"] == 30


def test_a_baseline_of_another_run_is_refused(copied: Path) -> None:
    np.savez(copied / "baseline.npz", mean=np.zeros(9), components=np.eye(2, 9), shape=(3, 3, 1))
    with pytest.raises(RunError, match="of another run"):
        evaluate(load_run(copied))


@pytest.mark.slow
def test_a_baseline_of_other_images_of_equal_shape_is_refused(
    trained: Any, copied: Path, tmp_path: Path
) -> None:
    images, labels = blobs(60)
    np.savez(tmp_path / "others.npz", images=images[:, ::-1], labels=labels)
    settings: dict[str, Any] = {"preset": "classic", "latent_dim": 2, "epochs": 1}
    other = train(tmp_path / "others.npz", out=tmp_path / "other", **settings)
    shutil.copy(other.path / "baseline.npz", copied / "baseline.npz")
    with pytest.raises(RunError, match="of another run: it was fitted to other images"):
        evaluate(load_run(copied))
    shutil.copy(trained.three / "baseline.npz", copied / "baseline.npz")
    with pytest.raises(RunError, match="of another run: it has 3 components"):
        evaluate(load_run(copied))


def test_a_baseline_of_the_version_before_is_taken(copied: Path) -> None:
    before = evaluate(load_run(copied)).pca
    with np.load(copied / "baseline.npz") as stored:
        parts = {name: stored[name] for name in ("mean", "components", "shape")}
    np.savez(copied / "baseline.npz", **parts)
    assert evaluate(load_run(copied)).pca == before


@pytest.mark.parametrize("folder", sorted((Path(__file__).parents[1] / "runs").iterdir()))
def test_metrics_of_the_version_before_are_read(folder: Path) -> None:
    run = load_run(folder)
    found = read_evaluation(run)
    assert found.model == run.metrics["model"]
    assert found.training.n_test == found.n_images
    kept = found.to_dict()
    assert {name: kept[name] for name in run.metrics if name != "units"} == {
        name: value for name, value in run.metrics.items() if name != "units"
    }
    if (folder / "generation.json").exists():
        generation = read_generation(run)
        values = json.loads((folder / "generation.json").read_text())
        assert generation.metrics == values["figures"]
        assert generation.to_dict()["classes"] == values["classes"]


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b'{"data": 1}', b"[" * 100_000])
def test_damaged_metrics_are_one_line(copied: Path, content: bytes) -> None:
    (copied / "metrics.json").write_bytes(content)
    with pytest.raises(RunError, match=r"metrics\.json is damaged.* zscape evaluate") as caught:
        read_evaluation(load_run(copied))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_refresh_rewrites_figures(copied: Path) -> None:
    for path in (copied / "figures").iterdir():
        path.unlink()
    refresh(load_run(copied))
    names = sorted(path.name for path in (copied / "figures").iterdir())
    assert names == ["grid.png", "latent.png", "loss.png", "reconstructions.png"]
    assert read_evaluation(load_run(copied)).training.n_train == 49


def test_grid_shows_two_lattices_and_map_one_picture(trained: Any) -> None:
    run = load_run(trained.two)
    figure = grid(run, low=-1, high=1, step=1)
    assert len([axes for axes in figure.axes if axes.get_title("left")]) == 2
    with pytest.raises(ConfigError, match="too many for one figure"):
        grid(_with_large_images(run), low=-1, high=1, step=0.1)
    assert "5 codes" in latent_map(run, n=5).axes[0].get_title("left")


def _with_large_images(run: Any) -> Any:
    import dataclasses

    config = dataclasses.replace(run.config, image_shape=(1000, 1000, 3))
    return dataclasses.replace(run, config=config)


@pytest.mark.slow
def test_ctrl_c_in_training_keeps_the_run(trained: Any, tmp_path: Path) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            raise KeyboardInterrupt

    settings: dict[str, Any] = {
        "out": tmp_path / "run", "preset": "classic", "latent_dim": 2, "epochs": 2,
    }  # fmt: skip
    with pytest.raises(Interrupted):
        train(trained.data, callbacks=[Stop()], **settings)
    assert len(load_run(tmp_path / "run").history) == 1
    run = train(trained.data, resume=True, **settings)
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.metrics["training"]["epochs"] == 2


def test_resume_and_force_exclude_each_other(trained: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        train(trained.data, out=tmp_path / "run", resume=True, force=True)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("mnist", "runs/mnist-fast-10d"),
        ("/a/b c.npz", "runs/b c-fast-10d"),
        ("train-images-idx3-ubyte.gz", "runs/train-images-idx3-ubyte-fast-10d"),
        (".npz", "runs/images-fast-10d"),
    ],
)
def test_the_folder_is_named_after_data_and_network(source: str, expected: str) -> None:
    assert default_folder(_config(source, "plain")) == Path(expected)


def test_the_folder_is_named_after_the_bottleneck_too() -> None:
    folder = default_folder(_config("mnist", "gaussian:beta=2"))
    assert folder == Path("runs/mnist-fast-gaussian-10d")


def _config(source: str, bottleneck: str) -> RunConfig:
    return RunConfig(
        source=source,
        fingerprint="",
        image_shape=(8, 8, 1),
        network=NetworkConfig(),
        bottleneck=BottleneckConfig.parse(bottleneck),
        training=TrainConfig(),
    )
