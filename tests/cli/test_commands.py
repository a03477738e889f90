"""Every command does what it says: files written, results on stdout, messages on stderr."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import AS_TRAINED

Zscape = Callable[..., Any]
FRAMEWORK_CHATTER = ("TensorFlow", "oneDNN", "absl", "Warning", "I0000", "cuda", "XLA")


def test_train_leaves_a_whole_run_and_says_how_it_went(
    zscape: Zscape, trained: Any, tmp_path: Path
) -> None:
    out = tmp_path / "a run ü"
    done = zscape(
        "train", trained.data, "--out", f"{out}/", "--epochs", 1, "--latent-dim", 1,
        "--downsampling", "maxpool", "--upsampling", "transposed", "--optimizer", "sgd",
        "--learning-rate", 0.01, "--patience", 3, "--seed", 7, "--limit", 40,
    )  # fmt: skip
    assert done.status == 0, done.err
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {
        ".lock", "config.json", "model.keras", "checkpoint/state.npz", "history.csv",
        "baseline.npz", "metrics.json", "report.html", "figures/loss.png",
        "figures/reconstructions.png", "figures/latent.png",
    }  # fmt: skip
    assert "MSE" in done.out
    assert str(out / "report.html") in done.out
    assert done.err.startswith("epoch 1/1  loss 0.")
    assert not [word for word in FRAMEWORK_CHATTER if word in done.err]
    settings = json.loads((out / "config.json").read_text())
    assert settings["training"]["limit"] == 40
    assert settings["network"]["downsampling"] == "maxpool"


@pytest.mark.slow
def test_train_names_the_folder_itself_and_force_replaces_only_runs(
    zscape: Zscape, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(trained.data, "some spots.npz")
    words = ("train", "some spots.npz", "--epochs", 1, "--latent-dim", 2, "--json")
    first = zscape(*words)
    assert json.loads(first.out)["run"] == "runs/some spots-fast-2d"
    run = tmp_path / "runs" / "some spots-fast-2d"
    assert (run / "figures" / "grid.png").stat().st_size > 1000
    kept = (run / "model.keras").read_bytes()
    assert "--resume" in zscape(*words).error
    assert (run / "model.keras").read_bytes() == kept
    (run / "notes.txt").write_text("mine")
    assert zscape(*words, "--seed", 3, "--force").status == 0
    assert (run / "model.keras").read_bytes() != kept
    assert (run / "notes.txt").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "dtype", "latent_dim", "preset"),
    [((13, 7, 3), "uint16", 2, "classic"), ((1, 1, 5), "float32", 7, "fast")],
)
def test_unusual_images_go_through_every_command(
    zscape: Zscape, tmp_path: Path, shape: tuple[int, int, int], dtype: str, latent_dim: int,
    preset: str,
) -> None:  # fmt: skip
    rng = np.random.default_rng(1)
    values = rng.random((24, *shape))
    top = 1 if dtype == "float32" else np.iinfo(dtype).max
    np.savez(tmp_path / "x.npz", images=(values * top).astype(dtype))
    run, data = tmp_path / "run", tmp_path / "x.npz"
    trained = zscape(
        "train", data, "--out", run, "--epochs", 1, "--latent-dim", latent_dim,
        "--batch-size", 10**9, "--preset", preset,
    )  # fmt: skip
    assert trained.status == 0, trained.err
    assert "no labels" in trained.err
    assert zscape("map", run, "-n", 500, "-o", tmp_path / "map.svg").status == 0
    rebuilt = zscape("reconstruct", run, data, "-o", tmp_path / "rec")
    assert rebuilt.status == 0, rebuilt.err
    with np.load(tmp_path / "rec" / "reconstructions.npz") as stored:
        assert stored["images"].shape == (24, *shape)
    pictures = sorted((tmp_path / "rec").glob("0*.png"))
    assert len(pictures) == (0 if shape[2] == 5 else 24)
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.size == (shape[1], shape[0])


@pytest.mark.slow
def test_images_that_are_all_black_train_without_complaint_of_python(
    zscape: Zscape, tmp_path: Path
) -> None:
    np.savez(tmp_path / "b.npz", images=np.zeros((20, 8, 8), np.uint8), labels=np.arange(20.0))
    done = zscape("train", tmp_path / "b.npz", "--out", tmp_path / "r", "--epochs", 1)
    assert done.status == 0
    assert not [word for word in FRAMEWORK_CHATTER if word in done.err]
    assert "Most training images have a label of their own" in done.err


@pytest.mark.slow
def test_evaluate_repeats_the_figures_of_training(zscape: Zscape, copied: Path) -> None:
    before = json.loads((copied / "metrics.json").read_text())
    (copied / "metrics.json").unlink()
    (copied / "report.html").write_text("old")
    done = zscape("evaluate", copied, "--json")
    assert done.status == 0
    assert json.loads(done.out)["model"] == pytest.approx(before["model"], nan_ok=True)
    assert json.loads((copied / "metrics.json").read_text())["training"] == before["training"]
    assert len((copied / "report.html").read_text()) > 10_000


@pytest.mark.slow
def test_evaluate_on_other_images_changes_no_file(zscape: Zscape, trained: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.two.rglob("*") if path.is_file()}
    done = zscape("evaluate", trained.two, trained.data)
    assert done.status == 0
    assert "60 images (spots.npz)" in done.out
    assert "k-NN accuracy" in done.out
    after = {path: path.stat().st_mtime_ns for path in trained.two.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
def test_codes_go_to_a_file_and_back_to_images(
    zscape: Zscape, trained: Any, tmp_path: Path
) -> None:
    codes, images = tmp_path / "new" / "codes.npz", tmp_path / "images.npz"
    encoded = zscape("encode", f"{trained.three}/", trained.data, "-o", codes, "--json")
    assert json.loads(encoded.out) == {
        "file": str(codes), "n_codes": 60, "n_latent_variables": 3,
    }  # fmt: skip
    with np.load(codes) as stored:
        assert stored["codes"].shape == (60, 3)
        np.testing.assert_array_equal(stored["labels"], np.arange(60) % 3)
    assert zscape("decode", trained.three, codes, "-o", images).out == f"60 images: {images}\n"
    assert zscape("reconstruct", trained.three, trained.data, "-o", tmp_path / "r").status == 0
    with np.load(images) as a, np.load(tmp_path / "r" / "reconstructions.npz") as b:
        np.testing.assert_allclose(a["images"], b["images"], atol=1e-5)


@pytest.mark.slow
def test_reconstruct_writes_pictures_and_a_sheet(
    zscape: Zscape, trained: Any, tmp_path: Path
) -> None:
    out = tmp_path / "pictures"
    first = zscape("reconstruct", trained.two, trained.data, "-o", out, "-n", 7)
    assert first.out.startswith("7 reconstructions, MSE 0.")
    assert "is not empty" in zscape("reconstruct", trained.two, trained.data, "-o", out).error
    again = zscape("reconstruct", trained.two, trained.data, "-o", out, "-n", 3, "--force")
    assert again.status == 0
    names = sorted(path.name for path in out.iterdir())
    with np.load(out / "reconstructions.npz") as stored:
        pictures = [f"{row:05d}.png" for row in stored["rows"]]
        expected = np.round(stored["images"][2, ..., 0] * 255)
    assert len(pictures) == 3
    assert names == [*pictures, "reconstructions.npz", "sheet.png"]
    with Image.open(out / pictures[2]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), expected)


@pytest.mark.slow
def test_generate_writes_a_folder_a_sheet_or_arrays(
    zscape: Zscape, copied: Path, tmp_path: Path
) -> None:
    folder, arrays, picture = tmp_path / "new", tmp_path / "new.npz", tmp_path / "new.png"
    assert zscape("generate", copied, "-n", 12, "-o", folder).status == 0
    names = {path.name for path in folder.iterdir()}
    assert names == {*(f"{i:05d}.png" for i in range(12)), "sheet.png", "generated.npz"}
    done = zscape("generate", copied, "-n", 12, "-o", arrays, "--json")
    assert json.loads(done.out) == {"file": str(arrays), "n_images": 12}
    with np.load(arrays) as one, np.load(folder / "generated.npz") as other:
        assert one["images"].shape == (12, 8, 8, 1)
        assert one["codes"].shape == (12, 2)
        np.testing.assert_array_equal(one["codes"], other["codes"])  # the same seed
        first = one["codes"]
    assert zscape("generate", copied, "-n", 12, "--seed", 1, "-o", arrays, "--force").status == 0
    with np.load(arrays) as other:
        assert not np.array_equal(other["codes"], first)
    assert zscape("generate", copied, "-o", picture).status == 0
    assert _width(picture) > 400
    assert zscape("generate", copied, "-n", 3, "-o", folder, "--force").status == 0
    assert len(list(folder.glob("0*.png"))) == 3


@pytest.mark.slow
def test_generate_draws_images_like_those_with_a_label(
    zscape: Zscape, copied: Path, tmp_path: Path
) -> None:
    codes = {}
    for label in (0, 2):
        out = tmp_path / f"{label}.npz"
        words = ("generate", copied, "-n", 50, "--density", "normal", "--label", label, "-o", out)
        assert zscape(*words).status == 0
        with np.load(out) as arrays:
            codes[label] = arrays["codes"]
    assert zscape("encode", copied, _spots(copied), "-o", tmp_path / "real.npz").status == 0
    with np.load(tmp_path / "real.npz") as arrays:
        centres = {
            label: arrays["codes"][arrays["labels"] == label].mean(axis=0) for label in codes
        }
    for label, other in ((0, 2), (2, 0)):
        middle = codes[label].mean(axis=0)
        assert np.linalg.norm(middle - centres[label]) < np.linalg.norm(middle - centres[other])


@pytest.mark.slow
def test_generate_needs_the_training_images_once_for_each_model(
    zscape: Zscape, copied: Path, tmp_path: Path
) -> None:
    words = ("generate", copied, "-o", tmp_path / "new.png", "--force")
    assert zscape(*words).status == 0
    config = copied / "config.json"
    kept = config.read_text()
    config.write_text(kept.replace("spots.npz", "gone.npz"))
    assert zscape(*words).status == 0
    assert "gone.npz" in zscape(*words, "--density", "kde").error
    config.write_text(kept)
    (kept_density,) = (copied / "density").iterdir()
    other_model = copied.parent / "other"
    words_of_other = ("--preset", "classic", "--latent-dim", 2, "--epochs", 1)
    assert zscape("train", _spots(copied), *words_of_other, "--out", other_model).status == 0
    shutil.copy(other_model / "model.keras", copied / "model.keras")
    assert zscape(*words).status == 0
    (density,) = (copied / "density").iterdir()
    assert density.name != kept_density.name


@pytest.mark.slow
@pytest.mark.parametrize("path", ["linear", "spherical", "density"])
def test_interpolate_decodes_the_way_between_two_images(
    zscape: Zscape, trained: Any, tmp_path: Path, path: str
) -> None:
    assert zscape("reconstruct", trained.three, trained.data, "-o", tmp_path / "r").status == 0
    picture = tmp_path / "r" / "00003.png"
    arrays, figure = tmp_path / "way.npz", tmp_path / "way.png"
    words = ("interpolate", trained.three, picture, 1, "--path", path, "--steps", 6)
    done = zscape(*words, "-o", arrays, "--json")
    assert json.loads(done.out) == {"file": str(arrays), "n_images": 6}
    with np.load(arrays) as way:
        assert way["images"].shape == (6, 8, 8, 1)
        assert way["codes"].shape == (6, 3)
    assert zscape(*words, "-o", figure).status == 0
    assert _width(figure) > 600
    assert "--force" in zscape(*words, "-o", figure).error


@pytest.mark.slow
def test_interpolate_and_traverse_name_their_files_themselves(
    zscape: Zscape, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert zscape("interpolate", trained.two, 0, 1).out == "interpolation.png\n"
    assert zscape("traverse", trained.two).out == "traversal.png\n"
    assert zscape("traverse", trained.two, 3, "--steps", 5, "--force").out == "traversal.png\n"
    assert _width("traversal.png") > 400


def _width(path: str | Path) -> int:
    with Image.open(path) as picture:
        return picture.width


def _spots(run: Path) -> str:
    source: str = json.loads((run / "config.json").read_text())["data"]["source"]
    return source


@pytest.mark.slow
@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("b.pdf", b"%PDF")])
def test_map_and_grid_draw_into_the_format_of_the_name(
    zscape: Zscape, trained: Any, tmp_path: Path, name: str, start: bytes
) -> None:
    mapped = zscape("map", trained.two, "-n", 10_000, "-o", tmp_path / f"map-{name}")
    assert mapped.out == f"{tmp_path / f'map-{name}'}\n"
    words = ("--low", "-5", "--high", "5", "--step", "2.5")
    assert zscape("grid", trained.two, *words, "-o", tmp_path / f"grid-{name}").status == 0
    assert (tmp_path / f"map-{name}").read_bytes().startswith(start)
    assert (tmp_path / f"grid-{name}").read_bytes().startswith(start)


@pytest.mark.slow
def test_grid_needs_the_model_only(
    zscape: Zscape, trained: Any, copied: Path, tmp_path: Path
) -> None:
    settings = json.loads((copied / "config.json").read_text())
    settings["data"]["source"] = str(tmp_path / "gone.npz")
    (copied / "config.json").write_text(json.dumps(settings))
    assert zscape("grid", copied, "--step", 5, "-o", tmp_path / "g.png").status == 0
    message = zscape("map", copied, "-o", tmp_path / "m.png").error
    assert "gone.npz does not exist" in message
    assert "name where they are now with" in message
    assert zscape("map", copied, trained.data, "-o", tmp_path / "m.png").status == 0


def test_info_shows_settings_progress_and_figures(zscape: Zscape, trained: Any) -> None:
    done = zscape("info", trained.two)
    assert done.status == 0
    for line in ("  image shape      8 x 8 x 1", "  limit            none", "  best epoch       "):
        assert line in done.out
    assert "6 images (spots.npz, test split)" in done.out
    values = json.loads(zscape("info", trained.two, "--json").out)
    assert len(values["history"]) == 2
    assert values["network"]["latent_dim"] == 2
    assert values["metrics"]["model"]["mse"] > 0


def test_info_shows_a_run_that_has_not_finished(zscape: Zscape, copied: Path) -> None:
    for name in ("metrics.json", "report.html", "model.keras", "history.csv"):
        (copied / name).unlink()
    done = zscape("info", copied)
    assert done.status == 0
    assert "0 of at most 2" in done.out


def test_report_puts_runs_side_by_side(zscape: Zscape, trained: Any, tmp_path: Path) -> None:
    page = tmp_path / "new folder" / "page.html"
    done = zscape("report", trained.two, trained.three, "-o", page)
    assert done.out == f"2 runs: {page}\n"
    text = page.read_text()
    assert "2 latent variables" in text
    assert "3 latent variables" in text
    assert text.count("data:image/png;base64,") == 7


@pytest.mark.slow
def test_resuming_a_finished_run_shows_the_same_figures(
    zscape: Zscape, trained: Any, copied: Path
) -> None:
    history = (copied / "history.csv").read_bytes()
    done = zscape("train", trained.data, "--out", copied, *AS_TRAINED, "--resume")
    assert done.status == 0, done.err
    assert (copied / "history.csv").read_bytes() == history


def test_version_and_help_and_nothing(zscape: Zscape) -> None:
    assert zscape("--version").out.startswith("zscape ")
    helped = zscape("train", "--help")
    assert helped.status == 0
    assert "--latent-dim" in helped.out
    bare = zscape()
    assert bare.status == 2
    assert "reconstruct" in bare.out + bare.err
