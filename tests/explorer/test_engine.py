"""What the browser gets of a run is what Python has of it."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

import numpy as np
import pytest

from tests.explorer.payloads import unpack
from zscape.data.images import NO_LABEL, Images
from zscape.data.load import load_images
from zscape.errors import ConfigError
from zscape.explorer import engine
from zscape.explorer.engine import build_payload, pack
from zscape.latent.paths import data_range
from zscape.runs import load_run
from zscape.viz.classes import GREY


@pytest.fixture(scope="module")
def three(trained: Any) -> Any:
    run = load_run(trained.three)
    return run, *unpack(build_payload(run, n=20))


def test_the_map_has_the_codes_labels_and_pixels_of_test_images(three: Any) -> None:
    run, meta, arrays = three
    test = run.dataset.test
    n = min(20, len(test))
    assert (meta["nImages"], meta["latentDim"], meta["imageShape"]) == (n, 3, [8, 8, 1])
    np.testing.assert_allclose(arrays["codes"], run.model.encode(test.images[:n]), atol=1e-6)
    np.testing.assert_array_equal(arrays["images"], test.images[:n])
    assert meta["labels"] == test.labels[:n].tolist()
    assert [meta["classes"][i] for i in arrays["colorIndex"]] == meta["labels"]
    assert len(meta["palettes"]["light"]) == len(meta["palettes"]["dark"]) == len(meta["classes"])


def test_directions_are_those_in_which_codes_vary_most(three: Any) -> None:
    run, meta, arrays = three
    codes = run.model.encode(run.dataset.train.images)
    directions = arrays["directions"]
    np.testing.assert_allclose(directions @ directions.T, np.eye(3), atol=1e-5)
    along = (codes - codes.mean(axis=0)) @ directions.T
    shares = [slider["share"] for slider in meta["directions"]]
    np.testing.assert_allclose(along.var(axis=0) / codes.var(axis=0).sum(), shares, atol=1e-5)
    assert shares == sorted(shares, reverse=True)
    assert sum(slider["share"] for slider in meta["variables"]) == pytest.approx(1)
    for slider, column in zip(meta["variables"], codes.T, strict=True):
        inside = (column >= slider["low"]) & (column <= slider["high"])
        assert inside.mean() > 0.9


def test_draws_from_the_density_lie_where_codes_do(three: Any) -> None:
    run, meta, arrays = three
    codes = run.model.encode(run.dataset.train.images)
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(meta["densityWeights"]), 4000, p=meta["densityWeights"])
    noise = rng.normal(size=(4000, 3))
    draws = arrays["densityMeans"][chosen] + np.einsum(
        "nij,nj->ni", arrays["densityFactors"][chosen], noise
    )
    np.testing.assert_allclose(draws.mean(axis=0), codes.mean(axis=0), atol=0.1 * codes.std())
    np.testing.assert_allclose(draws.std(axis=0), codes.std(axis=0), rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("labels", [None, np.arange(30)])
def test_images_without_classes_have_colours_too(trained: Any, labels: Any) -> None:
    run = load_run(trained.two)
    images = load_images(trained.data).take(slice(0, 30))
    meta, arrays = unpack(build_payload(run, images=dataclasses.replace(images, labels=labels)))
    assert meta["classes"] is None
    assert len(set(arrays["colorIndex"])) == (1 if labels is None else 30)
    assert arrays["colorIndex"].max() < len(meta["palettes"]["light"])
    assert meta["mapAxisNames"] == ["z1", "z2"]
    np.testing.assert_array_equal(arrays["mapAxes"], np.eye(2))


def test_classes_that_have_names_are_named_in_the_order_of_their_numbers(trained: Any) -> None:
    images = load_images(trained.data).take(slice(0, 30))
    labels = np.arange(30) % 2 * 2  # 0 and 2: there is no image of b
    named = dataclasses.replace(images, labels=labels, class_names=("z", "b", "a"))
    meta, arrays = unpack(build_payload(load_run(trained.two), images=named))
    assert meta["classes"] == ["z", "a"]
    assert meta["labels"] == ["z", "a"] * 15
    np.testing.assert_array_equal(arrays["colorIndex"], labels // 2)
    assert len(meta["palettes"]["light"]) == len(meta["palettes"]["dark"]) == 2


def test_what_has_no_label_is_grey_and_null(trained: Any) -> None:
    images = load_images(trained.data).take(slice(0, 30))
    labels = np.where(np.arange(30) % 5, np.arange(30) % 3, NO_LABEL)
    some = dataclasses.replace(images, labels=labels, class_names=("z", "b", "a"))
    meta, arrays = unpack(build_payload(load_run(trained.two), images=some))
    assert meta["classes"] == ["z", "b", "a", None]
    assert meta["labels"][:5] == [None, "b", "a", "z", "b"]
    assert [meta["classes"][i] for i in arrays["colorIndex"]] == meta["labels"]
    assert meta["palettes"]["light"][3] == GREY
    assert meta["range"] is None


def test_more_classes_than_colours_get_a_scale_with_names_at_its_ends(trained: Any) -> None:
    images = load_images(trained.data)
    labels = np.arange(60) % 30
    labels[0] = NO_LABEL
    named = dataclasses.replace(
        images, labels=labels, class_names=tuple(f"kind {k}" for k in range(30))
    )
    meta, arrays = unpack(build_payload(load_run(trained.two), images=named))
    assert meta["classes"] is None
    assert meta["range"] == ["kind 0", "kind 29"]
    assert meta["labels"][:2] == [None, "kind 1"]
    last = len(meta["palettes"]["light"]) - 1
    assert arrays["colorIndex"][0] == last
    assert meta["palettes"]["light"][last] == GREY
    assert (np.diff(arrays["colorIndex"][1:30].astype(int)) > 0).all()


def test_images_on_the_map_are_drawn_from_all(trained: Any) -> None:
    sorted_images = _sorted_by_class(load_images(trained.data))
    meta, arrays = unpack(build_payload(load_run(trained.two), images=sorted_images, n=12))
    assert (meta["nImages"], meta["nAvailable"]) == (12, 60)
    assert set(meta["labels"]) == {0, 1, 2}
    np.testing.assert_array_equal(arrays["images"], sorted_images.some(12).images)


def test_the_space_is_that_of_training_images_drawn_from_all(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "N_CODES", 12)
    run = load_run(trained.two)
    meta, _ = unpack(build_payload(run))
    low, high = data_range(run.model.encode(run.dataset.train.some(12).images))
    found = [(slider["low"], slider["high"]) for slider in meta["variables"]]
    np.testing.assert_allclose(found, np.stack([low, high], axis=1), atol=1e-5)


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_how_many_images_must_be_a_whole_number(trained: Any, n: Any) -> None:
    with pytest.raises(ConfigError, match=r"n is .*; expected a whole number, 1 or more"):
        build_payload(load_run(trained.two), n=n)


def test_names_of_any_kind_reach_the_browser(trained: Any) -> None:
    images = load_images(trained.data)
    names = ("</script><b>", "caf\udce9\n\x00\u202e", "\u732b")
    named = dataclasses.replace(images, class_names=names, source="a\udce9.npz")
    meta, _ = unpack(build_payload(load_run(trained.two), images=named))
    assert tuple(meta["classes"]) == names


def _sorted_by_class(images: Images) -> Images:
    assert images.labels is not None
    return images.take(np.argsort(images.labels, kind="stable"))


def test_codes_laid_out_in_space_are_refused_in_one_line(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load_run(trained.two)
    monkeypatch.setattr(type(run.model.decoder), "input_shape", property(lambda _: (None, 2, 2, 4)))
    with pytest.raises(ConfigError, match="laid out in space"):
        build_payload(run)


def test_packing_keeps_values_however_arrays_lie_in_memory() -> None:
    arrays: dict[str, np.ndarray] = {
        "a": np.arange(5, dtype=np.uint8),
        "b": np.ones((2, 3), np.float32),
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "every other": np.arange(6, dtype=np.float32)[::2],
    }
    meta, again = unpack(pack({"name": "ü"}, arrays))
    assert meta == {"name": "ü"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, trained: Any) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ConfigError, match=r"safetensors is not .*zscape\[explore\]"):
        build_payload(load_run(trained.two))
