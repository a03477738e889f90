"""Figures as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zscape.errors import ConfigError
from zscape.viz import figure_png, plot_latent, save_figure

POINTS = np.random.default_rng(0).normal(size=(20, 2))


@pytest.mark.parametrize(
    ("ending", "start"),
    [("png", b"\x89PNG"), ("PNG", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")],
)
def test_the_ending_names_the_format(tmp_path: Path, ending: str, start: bytes) -> None:
    path = tmp_path / f"map.{ending}"
    save_figure(plot_latent(POINTS), path)
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_the_same_figure_gives_the_same_file(tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"1.{ending}", tmp_path / f"2.{ending}"
    save_figure(plot_latent(POINTS), first)
    save_figure(plot_latent(POINTS), second)
    assert first.read_bytes() == second.read_bytes()


def test_png_bytes_and_png_file_are_the_same(tmp_path: Path) -> None:
    save_figure(plot_latent(POINTS), tmp_path / "map.png", dpi=50)
    assert (tmp_path / "map.png").read_bytes() == figure_png(plot_latent(POINTS), dpi=50)


@pytest.mark.parametrize("name", ["map.txt", "map"])
def test_other_endings_are_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"\.png, \.svg or \.pdf"):
        save_figure(plot_latent(POINTS), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
