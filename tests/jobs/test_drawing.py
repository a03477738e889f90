"""Figures of a run: of images drawn from all, with originals, values and names."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Zscape
from zscape.data.images import NO_LABEL, Images
from zscape.data.load import load_images
from zscape.jobs import draw, interpolate
from zscape.jobs.draw import grid, latent_map
from zscape.jobs.interpolate import originals, traverse, traverse_with_values
from zscape.latent.paths import data_range
from zscape.runs import load_run
from zscape.viz import fonts


@pytest.fixture
def sorted_images(trained: Any) -> Images:
    """The images of the runs, one class after the other."""
    images = load_images(trained.data)
    assert images.labels is not None
    return images.take(np.argsort(images.labels, kind="stable"))


def test_the_map_draws_images_from_all_classes(trained: Any, sorted_images: Images) -> None:
    figure = latent_map(load_run(trained.two), sorted_images, n=12)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["0", "1", "2"]
    assert "12 codes" in figure.axes[0].get_title("left")


def test_the_map_names_classes_and_what_has_none(trained: Any, sorted_images: Images) -> None:
    assert sorted_images.labels is not None
    labels = np.where(np.arange(60) < 9, NO_LABEL, sorted_images.labels)
    named = dataclasses.replace(sorted_images, labels=labels, class_names=("cat", "dog", "ant"))
    figure = latent_map(load_run(trained.two), named)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["cat", "dog", "ant", "no label"]


def test_the_second_grid_lies_where_codes_drawn_from_all_lie(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw, "N_GRID_CODES", 12)
    run = load_run(trained.two)
    low, high = data_range(run.model.encode(run.dataset.train.some(12).images))
    axes = grid(run, low=-1, high=1, step=1).axes[1]
    ticks = [tick.get_text().replace("\N{MINUS SIGN}", "-") for tick in axes.get_xticklabels()]
    assert (float(ticks[0]), float(ticks[-1])) == pytest.approx((low[0], high[0]), abs=0.02)


def test_a_traversal_tells_the_values_it_goes_through(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpolate, "MAX_PATH_CODES", 12)
    run = load_run(trained.three)
    images, names, values = traverse_with_values(run, steps=5)
    codes = run.model.encode(run.dataset.train.some(12).images)
    low, high = data_range(codes, coverage=0.98)
    np.testing.assert_allclose(values, np.linspace(low, high, 5, axis=1), atol=1e-5)
    code = codes.mean(axis=0)
    code[1] = values[1, 3]
    np.testing.assert_allclose(images[1, 3], run.model.decode(code[None])[0], atol=1e-4)
    np.testing.assert_array_equal(traverse(run, steps=5)[0], images)
    assert names == ["z1", "z2", "z3"]


def test_originals_are_the_images_that_the_codes_are_of(trained: Any) -> None:
    run = load_run(trained.two)
    expected = run.dataset.test.images[[2, 0]] / np.float32(255)
    np.testing.assert_allclose(originals(run, 2, "0"), expected)


def test_names_that_no_font_has_are_told_once(
    zscape: Zscape, trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image

    monkeypatch.setattr(fonts, "_family_of", lambda c: fonts.BASE if c.isascii() else "")
    for name in ("\u732b", "dog"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            picture = Image.fromarray(np.full((8, 8), 40 * number, np.uint8))
            picture.save(tmp_path / "data" / name / f"{number}.png")
    done = zscape("map", trained.two, tmp_path / "data", "-o", tmp_path / "map.png")
    assert done.status == 0
    assert done.err.count("\n") == 1
    assert done.err.startswith("note: no font")
    assert "fonts-noto-cjk" in done.err
