"""Results of benchmarks: how they are rendered, and that the pages are those of the results."""

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.drawings import PAIRED, SEED, SHEETS, load_strip, save_strip, strip_path
from benchmarks.harness import RESULTS, ROOT, dumps, parser, run_missing
from benchmarks.pages import render_all, saved
from benchmarks.tables import render
from benchmarks.tables.markdown import Column, grouped, table

RUNS = [{"mse": 0.02, "name": "a"}, {"mse": 0.04, "name": "b"}]


@pytest.mark.parametrize("best", ["more", "less"])
@pytest.mark.parametrize(("goal", "reached_by"), [(1.8, "less"), (2.0, "both"), (2.2, "more")])
def test_a_missed_goal_is_marked_and_a_reached_one_is_not(
    best: Any, goal: float, reached_by: str
) -> None:
    text = Column("ratio", "ratio", ".1f", goal=goal, best=best).cell({"ratio": 2.0})
    reached = reached_by == "both" or (reached_by == "less") == (best == "more")
    sign = "≥" if best == "more" else "≤"
    assert text == f"2.0 (goal {sign} {goal}{'' if reached else ', **missed**'})"


def test_a_goal_is_compared_with_the_number_as_measured() -> None:
    assert "missed" in Column("rate", "rate", ".0f", goal=60).cell({"rate": 59.99})


def test_a_column_without_a_goal_says_nothing_of_goals() -> None:
    assert Column("ratio", "ratio", ".1f").cell({"ratio": 2.0}) == "2.0"


def test_the_goal_of_a_group_is_that_of_its_mean() -> None:
    column = Column("MSE", "mse", ".2f", spread=True, goal=0.03, best="less")
    assert column.cell(RUNS) == "0.03 (0.02 to 0.04; goal ≤ 0.03)"
    assert column.cell([{"mse": 0.03}]) == "0.03 (goal ≤ 0.03)"


def test_a_table_has_units_and_can_be_turned() -> None:
    columns = (Column("name", "name"), Column("time", "mse", ".2f", "s"))
    assert table(columns, RUNS).splitlines() == [
        "| name | time, s |",
        "| --- | ---: |",
        "| a | 0.02 |",
        "| b | 0.04 |",
    ]
    assert table(columns, RUNS, turned=True).splitlines() == [
        "| name | a | b |",
        "| --- | ---: | ---: |",
        "| time, s | 0.02 | 0.04 |",
    ]


@pytest.mark.parametrize("absent", [{}, {"mse": None}, {"mse": []}, {"mse": ""}])
def test_what_was_not_measured_is_an_empty_cell(absent: dict[str, Any]) -> None:
    assert Column("MSE", "mse", ".2f").cell(absent) == ""


def test_every_result_is_rendered_and_every_page_is_that_of_the_results() -> None:
    results = saved()
    assert {path.stem for path in RESULTS.glob("*.json")} == set(results)
    for path, text in render_all(results).items():
        assert path.read_text() == text, f"{path} is stale; python -m benchmarks.pages"


def test_worse_figures_of_a_stored_result_miss_the_goals_that_it_reaches() -> None:
    found = saved()["quality"]
    before = render("quality", found)
    worse = [{**run, "test_mse": 2 * run["test_mse"]} for run in found["runs"]]
    after = render("quality", {**found, "runs": worse})
    assert before.count("missed") == 1  # at 2 latent dimensions
    assert after.count("missed") == after.count("goal") == before.count("goal") == 5


def test_the_marks_of_the_speed_page_follow_from_its_ratios() -> None:
    rows = re.findall(
        r"\| ([\d.]+) \(goal ≥ ([\d.]+)(, \*\*missed\*\*)?\)", render("speed", saved()["speed"])
    )
    assert len(rows) == 10
    for ratio, goal, missed in rows:
        assert (float(ratio) < float(goal)) == bool(missed)
    found = saved()["speed"]["batch_sizes"]["64"]["train"]
    ratio = statistics.median(found["zscape"]) / statistics.median(found["Keras"])
    assert rows[0][0] == f"{ratio:.2f}"


def test_results_hold_numbers_and_no_pictures() -> None:
    for path in RESULTS.glob("*.json"):
        text = path.read_text()
        assert not re.search(r'"[A-Za-z0-9+/=]{80,}"', text), f"{path} holds a picture"
        assert dumps(json.loads(text)) + "\n" == text, f"{path} is not written as programs write it"


def test_json_has_a_line_for_whatever_has_nothing_nested_in_it() -> None:
    value = {"runs": [{"a": 1, "b": [1, 2, 3]}, {"c": "one, two"}]}
    assert dumps(value).splitlines() == [
        "{",
        ' "runs": [',
        "  {",
        '   "a": 1,',
        '   "b": [1, 2, 3]',
        "  },",
        '  {"c": "one, two"}',
        " ]",
        "}",
    ]
    assert json.loads(dumps(value)) == value


def test_strips_of_images_are_read_as_they_were_written(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 1), dtype=np.uint8)
    path = strip_path(tmp_path, "study", "fast", "loss: mean (1 - SSIM)")
    save_strip(images, path)
    assert path == tmp_path / "study" / "fast-loss-mean-1-ssim.png"
    np.testing.assert_allclose(load_strip(path, 3), images / 255, atol=1e-6)


def test_the_strips_of_the_sheets_are_there() -> None:
    paths = [strip_path(RESULTS, "generation", *key) for key in PAIRED]
    for study, (_, changes) in SHEETS.items():
        paths += [strip_path(RESULTS, "study", study, change) for change in changes]
    assert all(path.is_file() for path in paths)
    assert len(set(paths)) == len(paths)
    runs = saved()["study"]["runs"]
    assert all(any(run["seed"] == SEED for run in group) for group in grouped(runs, "change"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["speed", "time_to_quality", "quality", "study", "recipe", "denoising", "generation",
     "anomalies", "soak", "explorer", "fuzz", "cluster_encode"],
)  # fmt: skip
def test_quick_results_do_not_replace_real_ones(name: str) -> None:
    words = [sys.executable, "-m", f"benchmarks.{name}", "--quick"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "name another folder with --out" in done.stderr


def test_only_the_runs_that_are_missing_and_asked_for_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[tuple[str, int]] = []

    def measure(options: Any, preset: str, latent_dim: int, seed: int) -> dict[str, Any]:
        measured.append((preset, seed))
        figures = dict.fromkeys(("test_mse", "test_ssim", "seconds"), 0.5)
        return {**figures, "n_parameters": 7}

    def start(*words: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["quality", "--out", str(tmp_path), *words])
        wanted = [
            {"preset": preset, "latent_dim": 2, "seed": seed}
            for seed in (0, 1)
            for preset in ("fast", "quality")
        ]
        run_missing("quality", parser("About."), wanted, measure, vary="preset")
        found: dict[str, Any] = json.loads((tmp_path / "quality.json").read_text())
        return found

    start("--only", "preset=quality", "seed=1")
    assert measured == [("quality", 1)]
    start("--quick")
    assert measured[1:] == [("fast", 0), ("quality", 0)]
    runs = start()["runs"]
    assert measured[3:] == [("fast", 1)]
    assert [(run["preset"], run["seed"]) for run in runs] == [
        *(("fast", 0), ("quality", 0), ("fast", 1), ("quality", 1))
    ]
    assert "| 2 | quality | 2 | 7 | 0.50000" in (tmp_path / "quality.md").read_text()
    with pytest.raises(SystemExit):
        start("--only", "size=3")
