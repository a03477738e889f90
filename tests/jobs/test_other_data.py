"""A run and the files of others: moved, added to, of other classes, depth and polarity."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zscape
from tests.conftest import Zscape
from tests.data.discs import disc, pictures
from zscape.errors import ConfigError, DataError, RunError
from zscape.runs import Run, load_run

pytestmark = [pytest.mark.xdist_group("other_data"), pytest.mark.slow]

TINY: dict[str, Any] = {"preset": "classic", "latent_dim": 2, "size": 16, "batch_size": 16}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 12-bit pictures of three classes, in a folder of its own."""
    root = tmp_path_factory.mktemp("made")
    for k, name in enumerate(("a", "b", "c")):
        pictures(root / "discs" / name, 20, "tif", k=3 * k, top=4000, dtype=np.uint16)
    zscape.train(root / "discs", epochs=2, out=root / "run", **TINY)
    return root


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of the folder, which a test may change; the original is hidden from it."""
    shutil.copytree(made, tmp_path / "copy")
    config = tmp_path / "copy" / "run" / "config.json"
    config.write_text(config.read_text().replace(str(made), str(tmp_path / "copy")))
    return tmp_path / "copy"


def test_what_the_run_keeps_of_its_images(made: Path) -> None:
    config = load_run(made / "run").config
    assert (config.white, config.border, config.scale) == (4095, "dark", 0.25)
    assert config.class_names == ("a", "b", "c")


def test_later_pictures_are_read_like_those_of_the_training(made: Path, tmp_path: Path) -> None:
    run = load_run(made / "run")
    trained = run.dataset.test
    bytes_ = tmp_path / "bytes"
    for name in ("c", "d"):
        pictures(bytes_ / name, 4, k=6)
    images = run.load_images(bytes_)
    assert images.class_names == ("a", "b", "c", "d")
    assert images.labels is not None
    assert images.labels.tolist() == [2] * 4 + [3] * 4
    assert np.asarray(images.images[:]).max() == 255
    inverted = tmp_path / "inverted"
    inverted.mkdir()
    Image.fromarray(255 - disc(6)).save(inverted / "x.png")
    (note,) = run.load_images(inverted).notes
    assert "light borders and those of the training dark ones: they are inverted" in note
    codes = run.model.encode(run.load_images(inverted).images)
    np.testing.assert_allclose(codes, run.model.encode(images.images[:1]), atol=0.02)
    one = run.read_picture(inverted / "x.png")
    np.testing.assert_allclose(one, images.images[0] / 255, atol=0.05)
    assert trained.images.dtype == np.float32


def test_a_moved_folder_is_named_again(zscape: Zscape, place: Path) -> None:
    (place / "discs").rename(place / "rounds")
    lost = zscape("evaluate", place / "run")
    assert lost.status == 2
    assert "name where they are now with --data" in lost.err
    found = zscape("evaluate", place / "run", "--data", place / "rounds", "--json")
    assert found.status == 0, found.err
    before = json.loads((place / "run" / "metrics.json").read_text())
    assert json.loads(found.out)["model"]["mse"] == before["model"]["mse"]
    assert load_run(place / "run").config.source == str(place / "rounds")
    assert zscape("evaluate", place / "run", "--json").status == 0


def test_info_also_compares_the_images_at_a_new_place(zscape: Zscape, place: Path) -> None:
    wrong = zscape("info", place / "run", "--data", place / "discs" / "a")
    assert wrong.status == 2
    assert "lacks pictures that the run was trained on" in wrong.err
    (place / "discs").rename(place / "rounds")
    found = zscape("info", place / "run", "--data", place / "rounds")
    assert found.status == 0, found.err
    assert f"are now {place / 'rounds'}" in found.err
    assert load_run(place / "run").config.source == str(place / "rounds")


def test_commands_say_once_which_pictures_are_left_aside(
    zscape: Zscape, place: Path, tmp_path: Path
) -> None:
    Image.fromarray(disc(3, top=9000, dtype=np.uint16)).save(place / "discs" / "a" / "new.tif")
    for words in (("evaluate", place / "run"), ("map", place / "run", "-o", tmp_path / "m.png")):
        done = zscape(*words)
        assert done.status == 0, done.err
        assert done.err.count("1 picture was added to") == 1
    assert "added" not in zscape("info", place / "run").err  # it reads none


def test_other_images_are_not_taken_for_those_of_the_run(place: Path, tmp_path: Path) -> None:
    pictures(tmp_path / "others", 60)
    with pytest.raises(DataError, match="lacks pictures that the run was trained on"):
        load_run(place / "run", data=tmp_path / "others")
    arrays = tmp_path / "arrays.npz"
    np.savez(arrays, images=np.stack([disc(height=16, width=16, seed=i) for i in range(60)]))
    with pytest.raises(RunError, match="has other images than"):
        load_run(place / "run", data=arrays)
    assert load_run(place / "run").config.source == str(place / "discs")


def test_pictures_that_came_since_are_left_aside(place: Path) -> None:
    before = load_run(place / "run").dataset
    Image.fromarray(disc(3, top=9000, dtype=np.uint16)).save(place / "discs" / "a" / "new.tif")
    run = load_run(place / "run")
    assert run.dataset.test.names is not None
    assert before.test.names is not None
    assert run.dataset.test.names.tolist() == before.test.names.tolist()
    assert run.dataset.train.white == 4095
    assert run.dataset.train.notes[0] == (
        f"1 picture was added to {place / 'discs'} since the training and left aside"
    )
    (place / "discs" / "a" / "00001.tif").unlink()
    with pytest.raises(
        DataError, match=r"lacks pictures .*: a/00001\.tif\. Put them back, or name"
    ):
        _ = load_run(place / "run").dataset


def resumed(place: Path, **options: Any) -> Run:
    return zscape.train(place / "discs", out=place / "run", resume=True, **{**TINY, **options})


def test_a_finished_run_may_have_more_epochs(place: Path) -> None:
    first = load_run(place / "run").history
    run = resumed(place, epochs=4)
    assert len(run.history) == 4
    assert run.history[:2] == first
    assert load_run(place / "run").config.training.epochs == 4
    with pytest.raises(RunError, match="epochs is 4 in the run and 3 now; go on with `epochs=4`"):
        resumed(place, epochs=3)
    with pytest.raises(RunError, match="latent_dim was 2"):
        resumed(place, epochs=9, latent_dim=3)


def test_a_moved_folder_may_be_resumed_on(place: Path) -> None:
    (place / "discs").rename(place / "rounds")
    (place / "discs").mkdir()  # what stood there does not matter
    run = zscape.train(place / "rounds", out=place / "run", resume=True, epochs=3, **TINY)
    assert len(run.history) == 3


def test_a_run_starts_from_the_weights_of_another(place: Path) -> None:
    before = load_run(place / "run")
    loss = min(row["val_loss"] for row in before.history)
    settings = {**TINY, "learning_rate": 1e-6, "epochs": 1}
    run = zscape.train(
        place / "discs", out=place / "next", init_from=str(place / "run"), **settings
    )
    assert run.history[0]["val_loss"] == pytest.approx(loss, rel=0.01)
    assert run.config.training.init_from == str(place / "run")
    with pytest.raises(ConfigError, match=r"`init_from` .* has another network: .* codes"):
        zscape.train(
            place / "discs", out=place / "none", init_from=str(place / "run"),
            **{**settings, "latent_dim": 3},
        )  # fmt: skip


def test_images_to_test_on_from_the_command_line(zscape: Zscape, tmp_path: Path) -> None:
    pictures(tmp_path / "train", 30, k=2, top=100)
    pictures(tmp_path / "held out", 7, k=2)
    words = ("--preset", "classic", "--size", "8x12", "--latent-dim", 2, "--epochs", 1, "--json")
    done = zscape(
        "train", tmp_path / "train", "--out", tmp_path / "run", *words,
        "--test", tmp_path / "held out", "--white", 200,
    )  # fmt: skip
    assert done.status == 0, done.err
    assert json.loads(done.out)["training"]["n_test"] == 7
    run = load_run(tmp_path / "run")
    assert (run.config.image_shape, run.config.white) == ((8, 12, 1), 200)
    assert run.dataset.train.images[:].max() == pytest.approx(0.5, abs=0.01)
    again = zscape("evaluate", tmp_path / "run", "--json")
    assert json.loads(again.out)["n_images"] == 7
    bad = zscape("train", tmp_path / "train", "--out", tmp_path / "no", "--test", tmp_path / "gone")
    assert bad.status == 2
    assert "gone is neither a file nor a known data set" in bad.err


def test_a_wrong_start_leaves_no_run_and_takes_none_away(place: Path) -> None:
    wrong = {**TINY, "epochs": 1, "init_from": str(place / "nowhere")}
    with pytest.raises(RunError, match="nowhere does not exist"):
        zscape.train(place / "discs", out=place / "next", **wrong)
    assert not (place / "next").exists()
    with pytest.raises(RunError, match="nowhere does not exist"):
        zscape.train(place / "discs", out=place / "run", force=True, **wrong)
    assert load_run(place / "run").model.latent_dim == 2


def test_a_run_may_start_from_itself_and_go_on_without_what_it_started_from(place: Path) -> None:
    settings = {**TINY, "epochs": 1, "init_from": str(place / "run")}
    zscape.train(place / "discs", out=place / "run", force=True, **settings)
    zscape.train(place / "discs", out=place / "next", **settings)
    shutil.rmtree(place / "run")
    run = zscape.train(
        place / "discs", out=place / "next", resume=True, **{**settings, "epochs": 2}
    )
    assert len(run.history) == 2


def test_a_warning_about_images_is_told_once(zscape: Zscape, trained: Any, tmp_path: Path) -> None:
    dark = tmp_path / "dark.npz"
    np.savez(dark, images=np.stack([disc(height=8, width=8, seed=i, top=12) for i in range(30)]))
    for words in (
        ("evaluate", trained.two, dark, "--json"),
        ("anomalies", trained.two, dark, "-o", tmp_path / "odd.csv", "--json"),
    ):
        done = zscape(*words)
        assert done.status == 0, done.err
        assert done.err.count("below a tenth of white") == 1
        told = json.loads(done.out)["warnings"]
        assert sum("below a tenth of white" in text for text in told) == 1
