"""Every mistake ends with one line on stderr and status 2, and loses nothing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import AS_TRAINED

Zscape = Callable[..., Any]
SPOTS = np.random.default_rng(0).random((30, 8, 8)).astype(np.float32)


def contents(folder: Path) -> dict[str, str]:
    """Return a digest of every file below `folder`."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def with_nan(images: np.ndarray) -> np.ndarray:
    images = images.copy()
    images[3, 2, 1] = np.nan
    return images


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (SPOTS.reshape(30, 64), "reshape"),
        (SPOTS[0], "(8, 8)"),
        (SPOTS[:1], "1 image"),
        (SPOTS * 255, "divide them by 255"),
        (SPOTS - 0.5, "[0, 1]"),
        (with_nan(SPOTS), "NaN"),
        (SPOTS.astype(str), "<U"),
        (SPOTS[:, :0], "no pixels"),
    ],
)
def test_images_that_are_none(
    zscape: Zscape, tmp_path: Path, array: np.ndarray, expected: str
) -> None:
    np.save(tmp_path / "x.npy", array)
    message = zscape("train", tmp_path / "x.npy", "--out", tmp_path / "run").error
    assert "x.npy" in message
    assert expected in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("gone.npz", None, "does not exist"),
        ("mnits", None, "did you mean mnist"),
        ("empty.npz", b"", "is empty"),
        ("cut.idx", bytes([0, 0, 8, 3, *b"\0\0\0\x05" * 3, 1, 2]), "is cut off"),
        ("cut.npz", b"PK\3\4 and no more", "damaged"),
        ("text.csv", b"1,2,3", "cannot be read as CSV (it has 3 columns)"),
        ("text.bin", b"1,2,3", "unknown kind"),
    ],
)
def test_files_that_hold_no_images(
    zscape: Zscape,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes | None,
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    assert expected in zscape("train", name).error
    assert not Path("runs").exists()


def test_npz_without_images(zscape: Zscape, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", pictures=SPOTS, others=SPOTS)
    assert "pictures" in zscape("train", tmp_path / "x.npz", "--out", tmp_path / "run").error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--latent-dim", 0), "--latent-dim is 0"),
        (("--epochs", 0), "--epochs is 0"),
        (("--batch-size", -1), "--batch-size is -1"),
        (("--learning-rate", "nan"), "--learning-rate is nan"),
        (("--learning-rate", 0), "--learning-rate is 0"),
        (("--learning-rate", "-inf"), "--learning-rate is -inf"),
        (("--seed", -1), "--seed is -1"),
        (("--limit", 3), "at least 20"),
        (("--preset", "deep"), "'deep'"),
        (("--bottleneck", "vae"), "fsq, gaussian, mmd, plain"),
        (("--bottleneck", "gaussian:gamma=1"), "it has beta, warmup, free_bits"),
        (("--bottleneck", "mmd", "--code-activation", "relu"), "relu"),
        (("--optimizer", "Adam"), "rmsprop"),
        (("--epochs", "many"), "--epochs"),
        (("--colour", "red"), "--colour"),
        (("--resume", "--force"), "one of the two"),
        (("more", "data"), "more data"),
    ],
)
def test_settings_that_cannot_be(
    zscape: Zscape, trained: Any, tmp_path: Path, words: tuple[object, ...], expected: str
) -> None:
    message = zscape("train", trained.data, "--out", tmp_path / "run", *words).error
    assert expected in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("train",), "DATA"),
        (("info",), "RUN"),
        (("paint",), '"paint"'),
        (("report", "-o", "x.html"), "RUN"),
    ],
)
def test_command_lines_that_are_none(zscape: Zscape, words: tuple[str, ...], expected: str) -> None:
    assert expected in zscape(*words).error


@pytest.mark.parametrize(
    ("out", "words", "expected"),
    [
        ("file", (), "is a file"),
        ("file/run", (), "is a file"),
        ("mine", (), "is not a run"),
        ("mine", ("--force",), "is not a run"),
        ("run", (), "holds a run already"),
        ("run", ("--resume", "--preset", "classic"), "latent_dim was 2"),
        ("run", ("--resume", *AS_TRAINED, "--limit", 20), "limit was None"),
    ],
)  # fmt: skip
def test_run_folders_in_the_way_stay_as_they_are(
    zscape: Zscape, trained: Any, copied: Path, out: str, words: tuple[object, ...], expected: str
) -> None:
    place = copied.parent
    (place / "file").write_text("mine")
    (place / "mine").mkdir()
    (place / "mine" / "model.keras").write_text("mine")
    before = contents(place)
    assert expected in zscape("train", trained.data, "--out", place / out, *words).error
    assert contents(place) == before


def test_resume_with_other_images_is_refused(
    zscape: Zscape, trained: Any, copied: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "other.npz", images=SPOTS)
    words = ("train", tmp_path / "other.npz", "--out", copied, "--resume", *AS_TRAINED)
    message = zscape(*words).error
    assert "other.npz" in message


@pytest.mark.slow
def test_learning_rate_far_too_high(zscape: Zscape, trained: Any, tmp_path: Path) -> None:
    words = ("--preset", "classic", "--learning-rate", 1e6, "--epochs", 2)
    done = zscape("train", trained.data, "--out", tmp_path / "run", *words)
    assert "lower --learning-rate" in done.error


@pytest.mark.parametrize(
    ("path", "expected"),
    [("gone", "does not exist"), ("file", "not a folder"), ("folder", "no config.json")],
)
@pytest.mark.parametrize("verb", ["info", "evaluate", "report"])
def test_runs_that_are_none(
    zscape: Zscape, tmp_path: Path, verb: str, path: str, expected: str
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    more = ("-o", tmp_path / "page.html") if verb == "report" else ()
    message = zscape(verb, tmp_path / path, *more).error
    assert expected in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ("{}", "'schema' is missing"),
        ({"schema": 99}, "format 99"),
        ({"network": {"colour": 1}}, "'colour'"),
        ({"network": None}, "damaged"),
        ({"training": {"epochs": "9"}}, "epochs is '9'"),
        ({"data": {"image_shape": "881"}}, "image_shape"),
        ({"data": {"image_shape": [8, 8]}}, "damaged"),
        ({"data": {"source": 5}}, "source"),
        ({"data": 3}, "damaged"),
    ],
)
def test_config_that_is_damaged(
    zscape: Zscape, copied: Path, change: str | dict[str, Any], expected: str
) -> None:
    path = copied / "config.json"
    if isinstance(change, str):
        path.write_text(change)
    else:
        values = json.loads(path.read_text())
        for name, part in change.items():
            if isinstance(part, dict):
                values[name].update(part)
            else:
                values[name] = part
        path.write_text(json.dumps(values))
    message = zscape("info", copied).error
    assert expected in message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "verb"),
    [
        ("history.csv", "", "info"),
        ("history.csv", "epoch,loss\n1,x\n", "info"),
        ("history.csv", "epoch,loss\n1,0.5\n", "evaluate"),
        ("metrics.json", "{", "info"),
        ("metrics.json", "[]", "info"),
        ("metrics.json", '{"model": {}, "latent": {}, "training": {}}', "report"),
        ("metrics.json", None, "report"),
        ("baseline.npz", "x", "evaluate"),
        ("model.keras", None, "evaluate"),
        ("model.keras", "x", "evaluate"),
    ],
)
def test_files_of_a_run_that_are_damaged(
    zscape: Zscape, copied: Path, name: str, content: str | None, verb: str
) -> None:
    if content is None:
        (copied / name).unlink()
    else:
        (copied / name).write_text(content)
    more = ("-o", copied.parent / "page.html") if verb == "report" else ()
    before = contents(copied)
    message = zscape(verb, copied, *more).error
    assert str(copied / name) in message or "no model yet" in message
    assert contents(copied) == before


@pytest.mark.slow
def test_figures_of_another_type(zscape: Zscape, copied: Path) -> None:
    values = json.loads((copied / "metrics.json").read_text())
    values["model"]["mse"] = "small"
    (copied / "metrics.json").write_text(json.dumps(values))
    assert "model.mse" in zscape("info", copied).error
    assert zscape("evaluate", copied).status == 0
    assert zscape("info", copied).status == 0


@pytest.mark.parametrize("keep", [0.1, 0.9])
def test_model_file_cut_short(zscape: Zscape, copied: Path, keep: float) -> None:
    path = copied / "model.keras"
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    assert "model.keras is damaged" in zscape("evaluate", copied).error


def test_model_file_with_a_flipped_bit(zscape: Zscape, copied: Path) -> None:
    path = copied / "model.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "model.keras" in zscape("evaluate", copied).error


def test_model_of_another_run(zscape: Zscape, trained: Any, copied: Path) -> None:
    (copied / "model.keras").write_bytes((trained.three / "model.keras").read_bytes())
    assert "of another run" in zscape("evaluate", copied).error


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_model_with_a_program_in_it_is_not_run(
    zscape: Zscape, copied: Path, tmp_path: Path
) -> None:
    import keras

    from zscape.model import Autoencoder, build_autoencoder
    from zscape.settings import NetworkConfig

    mark = tmp_path / "was here"
    inner = build_autoencoder((8, 8, 1), NetworkConfig(latent_dim=2))
    image = keras.Input((8, 8, 1))
    touched = keras.layers.Lambda(
        lambda x, path=str(mark): (__import__("pathlib").Path(path).touch(), x)[1],
        output_shape=(8, 8, 1),
    )(image)
    encoder = keras.Model(image, inner.encoder(touched))
    Autoencoder(encoder, inner.bottleneck, inner.decoder).save(copied / "model.keras")
    encoder(np.zeros((1, 8, 8, 1), np.float32))
    assert mark.exists()  # this is what calling the layer does
    mark.unlink()
    with zipfile.ZipFile(copied / "model.keras") as archive:
        assert b"Lambda" in archive.read("config.json")
    message = zscape("evaluate", copied).error
    assert "Lambda" in message
    assert not mark.exists()


@pytest.mark.slow
def test_run_in_use(zscape: Zscape, trained: Any, copied: Path) -> None:
    program = (
        "import sys, filelock\n"
        "with filelock.FileLock(sys.argv[1]):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(copied / ".lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        before = contents(copied)
        assert "in use" in zscape("train", trained.data, "--out", copied, "--force").error
        assert "in use" in zscape("evaluate", copied).error
        assert zscape("info", copied).status == 0
        assert contents(copied) == before
        holder.communicate("")
    assert zscape("evaluate", copied).status == 0


@pytest.mark.slow
def test_images_of_another_shape(zscape: Zscape, trained: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.full((30, 9, 8), 200, np.uint8))
    for words in (
        ("evaluate", trained.two, tmp_path / "x.npy"),
        ("reconstruct", trained.two, tmp_path / "x.npy", "-o", tmp_path / "out"),
        ("encode", trained.two, tmp_path / "x.npy", "-o", tmp_path / "out.npz"),
        ("map", trained.two, tmp_path / "x.npy", "-o", tmp_path / "out.png"),
    ):
        message = zscape(*words).error
        assert "(30, 9, 8, 1)" in message
        assert "(N, 8, 8, 1)" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npy"]


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (np.zeros((4, 3)), "(N, 2)"),
        (np.zeros(4), "(N, 2)"),
        (np.zeros((0, 2)), "no codes"),
        (np.full((4, 2), np.nan), "NaN"),
        (np.full((4, 2), 1e300), "too large"),
        (np.array([["a", "b"]]), "not numbers"),
        (np.array([{}], dtype=object), "allow_pickle"),
        (None, "no array named codes"),
    ],
)
def test_codes_that_cannot_be_decoded(
    zscape: Zscape, trained: Any, tmp_path: Path, codes: np.ndarray | None, expected: str
) -> None:
    path = tmp_path / "codes.npz"
    if codes is None:
        np.savez(path, z=np.zeros((4, 2)))
    else:
        np.savez(path, codes=codes)
    assert expected in zscape("decode", trained.two, path, "-o", tmp_path / "images.npz").error
    assert not (tmp_path / "images.npz").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-n", 0), "-n is 0"),
        (("--density", "gem"), "'gem'"),
        (("--density", "prior"), "no prior to draw from"),
        (("--label", 7), "--label is 7; the images of this run have 0, 1, 2"),
        (("--density", "prior", "--label", 1), "no prior to draw from"),
        (("-o", "new.gif"), "does not end in .png, .pdf, .svg or .npz"),
    ],
)
def test_images_that_cannot_be_generated(
    zscape: Zscape, trained: Any, tmp_path: Path, words: tuple[object, ...], expected: str
) -> None:
    out = () if "-o" in words else ("-o", tmp_path / "new.png")
    assert expected in zscape("generate", trained.two, *out, *words).error
    assert not (tmp_path / "new.png").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("0", "1", "--steps", 1), "--steps is 1; expected 2 to 200"),
        (("0", "99999"), "no test image 99999; this run has"),
        (("0", "nothing.png"), "nothing.png is no file"),
        (("0", "1", "--path", "round"), '"round"'),
        (("0",), "IMAGE"),
        (("0", "1", "-o", "way.gif"), "does not end in .png"),
    ],
)
def test_ways_that_cannot_be(
    zscape: Zscape, trained: Any, tmp_path: Path, words: tuple[object, ...], expected: str
) -> None:
    out = () if "-o" in words else ("-o", tmp_path / "way.png")
    assert expected in zscape("interpolate", trained.two, *words, *out).error


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut off"])
def test_pictures_that_cannot_be_read(
    zscape: Zscape, trained: Any, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    words = ("traverse", trained.two, tmp_path / "bad.png", "-o", tmp_path / "way.png")
    assert "bad.png cannot be read as a picture" in zscape(*words).error


@pytest.mark.parametrize("keep", [0, 0.5, 0.95])
def test_file_of_codes_cut_short(zscape: Zscape, trained: Any, tmp_path: Path, keep: float) -> None:
    path = tmp_path / "codes.npz"
    np.savez_compressed(path, codes=np.random.default_rng(0).random((50, 2)))
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    assert "codes.npz" in zscape("decode", trained.two, path, "-o", tmp_path / "i.npz").error


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--step", "0"), "--step is 0"),
        (("--step", "-1"), "--step is -1"),
        (("--step", "0.001"), "larger step"),
        (("--low", "5", "--high", "-5"), "--low is 5"),
        (("--low", "nan"), "--low is nan"),
        (("--high", "inf"), "--high is inf"),
    ],
)
def test_grids_that_cannot_be_drawn(
    zscape: Zscape, trained: Any, tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    assert expected in zscape("grid", trained.two, *words, "-o", tmp_path / "g.png").error


def test_grid_of_three_latent_variables(zscape: Zscape, trained: Any, tmp_path: Path) -> None:
    message = zscape("grid", trained.three, "-o", tmp_path / "g.png").error
    assert "has 3" in message
    assert "zscape map" in message


def test_counts_below_one(zscape: Zscape, trained: Any, tmp_path: Path) -> None:
    assert "-n is 0" in zscape("map", trained.two, "-n", 0, "-o", tmp_path / "m.png").error
    words = ("reconstruct", trained.two, trained.data, "-n", -3, "-o", tmp_path / "r")
    assert "-n is -3" in zscape(*words).error


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("there.npz", "--force"),
        ("folder.npz", "is a folder"),
        ("x.txt", "does not end in .npz"),
        ("there.npz/x.npz", "is a file, not a folder"),
    ],
)
def test_output_that_is_in_the_way_stays(
    zscape: Zscape, trained: Any, tmp_path: Path, name: str, expected: str
) -> None:
    (tmp_path / "there.npz").write_text("mine")
    (tmp_path / "folder.npz").mkdir()
    assert expected in zscape("encode", trained.two, trained.data, "-o", tmp_path / name).error
    assert (tmp_path / "there.npz").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.npz", "there.npz"]


def test_wrong_endings_of_figures_and_pages(zscape: Zscape, trained: Any, tmp_path: Path) -> None:
    gif = zscape("map", trained.two, "-o", tmp_path / "m.gif").error
    assert ".png, .pdf or .svg" in gif
    assert ".html" in zscape("report", trained.two, "-o", tmp_path / "r.pdf").error


def test_reconstruct_into_a_file(zscape: Zscape, trained: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for name in ("file", "file/below"):
        message = zscape("reconstruct", trained.two, trained.data, "-o", tmp_path / name).error
        assert "is a file" in message


@pytest.mark.parametrize(
    "words", [("explore", "run", "-n", "2.5"), ("train", "x", "--seed", "1.2")]
)
def test_a_fraction_is_not_rounded_to_a_whole_number(
    zscape: Zscape, words: tuple[str, ...]
) -> None:
    done = zscape(*words)
    assert done.status == 2
    assert f"{words[-1]} is not a whole number" in done.error
