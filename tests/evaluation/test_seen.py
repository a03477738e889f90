"""Images that were seen in training are found by their content."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Trained, Zscape, blobs
from zscape.evaluation.seen import count_seen, seen_warning
from zscape.jobs.evaluate import evaluate
from zscape.runs import load_run

BYTES = np.random.default_rng(0).integers(0, 256, (40, 5, 6, 1), dtype=np.uint8)


@pytest.mark.parametrize(
    "copy",
    [
        BYTES,
        BYTES / 255,
        (BYTES / np.float32(255)).astype(np.float32),
        BYTES.astype(np.uint16) * np.uint16(257),
        (BYTES / np.float32(255)).astype(np.float16).astype(np.float32) * 0 + BYTES / 255,
    ],
    ids=["uint8", "float64", "float32", "uint16", "mixed"],
)
def test_copies_of_any_type_are_found(copy: np.ndarray) -> None:
    assert count_seen(copy[10:30], BYTES) == 20
    assert count_seen(BYTES[5:], copy[:20]) == 15


def test_other_images_are_not_found() -> None:
    changed = BYTES.copy()
    changed[:, 2, 3] ^= 1
    assert count_seen(changed, BYTES) == 0
    assert count_seen(BYTES == 255, np.zeros((1, 5, 6, 1), np.uint8)) == int(
        (BYTES != 255).all(axis=(1, 2, 3)).sum()
    )


def test_twins_among_the_images_all_count() -> None:
    assert count_seen(np.concatenate([BYTES[:3], BYTES[:3]]), BYTES[:2]) == 4


@pytest.mark.parametrize(("n_seen", "warned"), [(0, False), (9, False), (10, True), (1000, True)])
def test_a_few_twins_are_not_worth_a_warning(n_seen: int, warned: bool) -> None:
    assert bool(seen_warning(n_seen, 1000, consequence="so what")) == warned


def test_the_share_is_in_the_warning(trained: Trained) -> None:
    run = load_run(trained.two)
    whole = evaluate(run, trained.data)
    assert whole.n_seen == 49
    assert any("49 of 60 images (82 %) were seen in training" in text for text in whole.warnings)
    rng = np.random.default_rng(0)
    new = rng.integers(0, 256, (75, 8, 8, 1), dtype=np.uint8)
    known = np.asarray(run.dataset.train.images)[:25]
    mixed = evaluate(run, np.concatenate([known, new]) / np.float32(255))
    assert mixed.n_seen == 25
    assert any("(25 %) were seen in training" in text for text in mixed.warnings)
    own = evaluate(run)
    assert own.n_seen == 0
    assert not any("seen in training" in text for text in own.warnings)


def test_a_copy_of_the_file_is_found_too(zscape: Zscape, trained: Trained, tmp_path: Path) -> None:
    shutil.copy(trained.data, tmp_path / "another-name.npz")
    done = zscape("evaluate", trained.two, tmp_path / "another-name.npz", "--json")
    answer = json.loads(done.out)
    (warning,) = (text for text in answer["warnings"] if "seen in training" in text)
    assert done.err.count(f"warning: {warning}") == 1
    shown = zscape("evaluate", trained.two, tmp_path / "another-name.npz")
    assert shown.err.count(warning) == 1
    assert warning not in shown.out


def test_the_report_does_not_claim_what_is_not_so(copied: Path) -> None:
    from zscape.jobs.report import write_report

    path = copied / "metrics.json"
    claim = "not seen in training"
    assert claim in (copied / "report.html").read_text()
    path.write_text(json.dumps({**json.loads(path.read_text()), "n_seen": 3}))
    write_report([load_run(copied)], copied / "report.html")
    assert claim not in (copied / "report.html").read_text()


def test_without_the_training_images_it_cannot_be_checked(copied: Path) -> None:
    values = json.loads((copied / "config.json").read_text())
    values["data"]["source"] = "/nowhere/spots.npz"
    (copied / "config.json").write_text(json.dumps(values))
    found = evaluate(load_run(copied), blobs(15)[0])
    assert found.n_seen is None
    assert any("seen in training could not be checked" in note for note in found.notes)
