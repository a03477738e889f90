"""A folder of real colour pictures, from the first command to the browser."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import EMOJI, Zscape
from tests.integration.browser import chromium, opened, place_of, wait_until
from zscape.data.images import as_float
from zscape.runs import load_run

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.network]

# The pixels of the big image, once nothing is left to be decoded.
PIXELS = """() => {
    const canvas = window.zscape.root.querySelector(".picture");
    return Array.from(canvas.getContext("2d").getImageData(0, 0, 32, 32).data);
}"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the folder that scripts/emoji.py makes, one epoch long."""
    from zscape.jobs.train import train

    out = tmp_path_factory.mktemp("emoji") / "run"
    return train(EMOJI, out=out, size=32, latent_dim=16, epochs=1).path


def test_pictures_of_emoji_are_learned_with_their_categories(run: Path) -> None:
    dataset = load_run(run).dataset
    parts = (dataset.train, dataset.validation, dataset.test)
    assert sum(map(len, parts)) == 3786
    assert dataset.train.image_shape == (32, 32, 3)
    labels = dataset.train.shown_labels
    assert labels is not None
    assert len(np.unique(labels)) == 10
    mean = as_float(dataset.train.images).mean(axis=0)
    mse_of_mean = float(np.square(as_float(dataset.test.images) - mean).mean())
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["model"]["mse"] < 0.6 * mse_of_mean


def test_they_are_mapped_with_thumbnails(zscape: Zscape, run: Path, tmp_path: Path) -> None:
    plain, small = tmp_path / "plain.png", tmp_path / "small.png"
    assert zscape("map", run, "-o", plain).status == 0
    assert zscape("map", run, "--thumbnails", "-o", small).status == 0
    with Image.open(plain) as without, Image.open(small) as drawn:
        assert without.size == drawn.size
        n_colors = [len(np.unique(np.asarray(x).reshape(-1, 4), axis=0)) for x in (without, drawn)]
    assert n_colors[1] > 2 * n_colors[0]


def test_their_codes_and_the_odd_ones_carry_paths(
    zscape: Zscape, run: Path, tmp_path: Path
) -> None:
    assert zscape("encode", run, EMOJI / "Flags", "-o", tmp_path / "codes.parquet").status == 0
    table = pq.read_table(tmp_path / "codes.parquet")
    assert "flag-ca.png" in table.column("path").to_pylist()
    scores = tmp_path / "scores.csv"
    assert zscape("anomalies", run, EMOJI / "Flags", "-o", scores, "--threshold", 0.9).status == 0
    with scores.open(newline="") as file:
        names = [row["image"] for row in csv.DictReader(file)]
    assert len(names) == table.num_rows
    assert "flag-ca.png" in names


@pytest.mark.browser
def test_they_are_explored_in_colour(zscape: Zscape, run: Path, tmp_path: Path) -> None:
    page_file = tmp_path / "page.html"
    assert zscape("explore", run, "--html", page_file).status == 0
    with chromium() as browser, opened(browser, page_file.as_uri(), offline=True) as page:
        wait_until(page, "!window.zscape.busy && !window.zscape.dirty")
        before = np.reshape(page.evaluate(PIXELS), (32, 32, 4))
        red, green, blue = np.moveaxis(before[..., :3].astype(float), -1, 0)
        assert max(np.abs(red - green).max(), np.abs(green - blue).max()) > 20
        page.mouse.move(*place_of(page, 0))
        page.mouse.down()
        page.mouse.move(*place_of(page, 7), steps=4)
        page.mouse.up()
        wait_until(page, "!window.zscape.busy && !window.zscape.dirty")
        assert (np.reshape(page.evaluate(PIXELS), (32, 32, 4)) != before).any()
        page.mouse.move(*place_of(page, 2))
        assert re.search(r"MSE 0\.\d+", page.locator(".hover").inner_text())
