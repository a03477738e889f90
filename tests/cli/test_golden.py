"""What commands print, beside files that hold it; ZSCAPE_WRITE_GOLDEN=1 writes the files anew."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import Zscape

GOLDEN = Path(__file__).parent / "golden"
RUNS = Path(__file__).parents[1] / "runs"
NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?")

COMMANDS = {
    "help.txt": "--help",
    "help-train.txt": "train --help",
    "help-tune.txt": "tune --help",
    "help-generate.txt": "generate --help",
    "help-encode.txt": "encode --help",
    "help-cluster.txt": "cluster --help",
    "info.txt": "info run",
    "info.json": "info run --json",
    "info-vq.txt": "info vq",
    "encode.txt": "encode run mnist -o codes.npz",
    "encode.json": "encode run mnist -o codes-again.npz --json",
    "decode.txt": "decode run codes.npz -o images.npz",
    "generate.txt": "generate run -n 3 -o new",
    "reconstruct.txt": "reconstruct run mnist -n 3 -o rec",
    "reconstruct.json": "reconstruct run mnist -n 3 -o rec-again --json",
    "interpolate.txt": "interpolate run 0 1",
    "report.txt": "report run vq -o page.html",
    "unknown-option.txt": "train mnist --latnt-dim 3",
    "wrong-number.txt": "train mnist --latent-dim 0",
    "wrong-folder.txt": "info nowhere",
    "no-prior.txt": "generate run --density prior -o prior.npz",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("golden")
    for name, run in (("run", "classic-plain"), ("vq", "classic-vq")):
        shutil.copytree(RUNS / run, place / name)
        (place / name / "figures").mkdir()
        shutil.copy(Path(__file__).parents[2] / "docs" / "images" / "grid.png",
                    place / name / "figures" / "loss.png")  # fmt: skip
    return place


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_print_what_they_printed(
    zscape: Zscape, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "80")
    done = zscape(*COMMANDS[name].split())
    printed = f"status {done.status}\n--- stdout\n{done.out}--- stderr\n{done.err}"
    if os.environ.get("ZSCAPE_WRITE_GOLDEN"):
        (GOLDEN / name).write_text(printed)
    expected = (GOLDEN / name).read_text()
    assert NUMBER.sub("#", printed) == NUMBER.sub("#", expected)
    numbers = [[float(n.replace(",", "")) for n in NUMBER.findall(t)] for t in (printed, expected)]
    assert numbers[0] == pytest.approx(numbers[1], rel=2e-3, abs=1e-6)
