"""Every command on runs whose codes are choices: `vq`, with spatial codes, and `fsq`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Zscape = Callable[..., Any]

pytestmark = [pytest.mark.xdist_group("discrete"), pytest.mark.slow]


@pytest.fixture(scope="module")
def runs(trained: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from zscape.jobs.train import train

    folder = tmp_path_factory.mktemp("discrete")
    for text in ("vq:codebook=8", "fsq:levels=4"):
        name = text.partition(":")[0]
        train(trained.data, out=folder / name, preset="classic", latent_dim=2, epochs=1,
              batch_size=16, bottleneck=text)  # fmt: skip
    return {name: folder / name for name in ("vq", "fsq")}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prior that learns little."""
    monkeypatch.setattr("zscape.latent.densities.autoregressive.N_STEPS", 3)


def test_figures_of_spatial_codes_are_those_of_their_places(
    zscape: Zscape, runs: dict[str, Path]
) -> None:
    done = zscape("evaluate", runs["vq"], "--json")
    assert done.status == 0, done.err
    figures = json.loads(done.out)
    assert figures["code_shape"] == [2, 2, 2]
    assert figures["compression_ratio"] == 64 / 4  # 8 x 8 pixels, 2 x 2 choices
    assert len(figures["latent"]["low"]) == 2
    assert figures["latent"]["n_codes"] == 4 * figures["n_images"]
    assert figures["model"]["knn_accuracy"] is not None
    assert "2 x 2 vectors of length 2" in (runs["vq"] / "report.html").read_text()
    assert not (runs["vq"] / "figures" / "grid.png").exists()


@pytest.mark.parametrize(("name", "shape"), [("vq", (2, 2, 2)), ("fsq", (2,))])
def test_new_images_are_drawn_from_the_prior(
    zscape: Zscape, runs: dict[str, Path], quick: None, tmp_path: Path,
    name: str, shape: tuple[int, ...]
) -> None:  # fmt: skip
    out = tmp_path / "new.npz"
    words = ("generate", runs[name], "-n", 5, "-o", out, "--force", "--seed", 1)
    assert zscape(*words).status == 0
    (kept,) = (runs[name] / "density").glob("prior.*.npz")
    time = kept.stat().st_mtime_ns
    with np.load(out) as new:
        assert new["images"].shape == (5, 8, 8, 1)
        assert new["codes"].shape == (5, *shape)
        codes = new["codes"]
    assert zscape(*words, "--density", "prior").status == 0  # the same, and not fitted again
    assert kept.stat().st_mtime_ns == time
    with np.load(out) as new:
        np.testing.assert_array_equal(new["codes"], codes)
    assert zscape(*words, "--label", 1).status == 0
    assert list((runs[name] / "density").glob("prior-label1.*.npz"))


def test_densities_of_numbers_are_refused_for_a_codebook_and_rounded_for_levels(
    zscape: Zscape, runs: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "new.npz"
    refused = zscape("generate", runs["vq"], "--density", "gmm", "-o", out)
    assert "Choose prior" in refused.error
    assert zscape("generate", runs["fsq"], "--density", "normal", "-o", out).status == 0
    with np.load(out) as new:
        levels = (new["codes"] + 1) / 2 * 3
        np.testing.assert_allclose(levels, np.rint(levels), atol=1e-5)


@pytest.mark.parametrize("name", ["vq", "fsq"])
def test_codes_go_to_a_file_and_back_and_along_paths(
    zscape: Zscape, runs: dict[str, Path], trained: Any, tmp_path: Path, name: str
) -> None:
    codes, images = tmp_path / "codes.npz", tmp_path / "images.npz"
    assert zscape("encode", runs[name], trained.data, "-o", codes).status == 0
    assert zscape("decode", runs[name], codes, "-o", images).status == 0
    with np.load(codes) as encoded, np.load(images) as decoded:
        assert len(encoded["codes"]) == len(decoded["images"]) == 60
        possible = {tuple(row) for row in encoded["codes"].reshape(-1, 2).round(5)}
    for path in ("linear", "spherical", "density"):
        out = tmp_path / f"{path}.npz"
        assert zscape("interpolate", runs[name], 0, 1, "--path", path, "-o", out).status == 0
        with np.load(out) as way:
            assert way["images"].shape == (10, 8, 8, 1)
            if name == "vq":  # every place shows a vector of the codebook, of which there are 8
                vectors = {tuple(row) for row in way["codes"].reshape(-1, 2).round(5)}
                assert len(vectors | possible) <= 8
    for word in ("traverse", "map"):
        picture = tmp_path / f"{word}.png"
        assert zscape(word, runs[name], "-o", picture).status == 0
        assert picture.stat().st_size > 1000


def test_a_grid_of_spatial_codes_is_refused(
    zscape: Zscape, runs: dict[str, Path], tmp_path: Path
) -> None:
    done = zscape("grid", runs["vq"], "-o", tmp_path / "grid.png")
    assert "2 x 2 vectors of length 2" in done.error


@pytest.mark.parametrize("name", ["vq", "fsq"])
def test_what_discrete_codes_generate_is_measured(
    zscape: Zscape, runs: dict[str, Path], quick: None, tmp_path: Path, name: str
) -> None:
    import keras

    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    network.save(tmp_path / "pixels.keras")
    done = zscape(
        "evaluate", runs[name], "--generation", "--features", tmp_path / "pixels.keras",
        "-n", 20, "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert found["density"] == "prior"
    assert found["figures"]["sample_fd"] > 0
    assert found["figures"]["interpolation_fd"] > 0
