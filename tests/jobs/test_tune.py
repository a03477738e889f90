"""The search for settings: what is searched, what is stopped early, and going on after a kill."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zscape as package
from tests.conftest import Zscape, blobs
from tests.harness import PATIENCE
from zscape.errors import ConfigError, RunError, TrainingError
from zscape.evaluation.metrics import METRICS
from zscape.jobs.tune import tune
from zscape.jobs.tune_results import Trial, Tuned
from zscape.jobs.tune_space import Searched, read_space
from zscape.jobs.tune_study import is_promising, rungs_of
from zscape.model_file import load_model
from zscape.reporter import Reporter
from zscape.runs import load_run

DYING = Path(__file__).parents[1] / "integration" / "dying_train.py"
SEARCH = ["learning_rate=1e-5..1e-2:log", "latent_dim=2..3"]
FIXED: dict[str, Any] = {"preset": "classic", "epochs": 4, "batch_size": 16, "seed": 3}
N_TRIALS = 5


class Told(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bars: list[tuple[str, int, int]] = []

    def say(self, message: str) -> None:
        self.lines.append(message)

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        self.bars.append((task, done, total))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "spots.npz"
    images, labels = blobs(60)
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def found(data: Path, told: Told, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """A search that any test may read, and none may change."""
    out = tmp_path_factory.mktemp("search") / "tune"
    return tune(data, N_TRIALS, search=SEARCH, out=out, reporter=told, **FIXED)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what is measured on the test split, which takes seconds."""
    for job in ("tune.refresh", "train.write_results"):
        monkeypatch.setattr(f"zscape.jobs.{job}", lambda run: None)


def outline(trials: Any) -> list[tuple[Any, ...]]:
    """What must be equal to the last bit in equal searches: all but the time."""
    return [
        (t.number, t.state, tuple(t.settings.items()), t.value, t.epochs, losses(t.path))
        for t in trials
    ]


def losses(run: Path) -> list[tuple[str, str, str]]:
    with (run / "history.csv").open() as file:
        return [(r["epoch"], r["loss"], r["val_loss"]) for r in csv.DictReader(file)]


# --- what is searched ---


def test_ranges_and_lists_are_read_in_the_type_of_the_setting() -> None:
    space = read_space(
        ["learning-rate=1e-4..1e-1:log", "latent_dim=2..64:log", "batch_size=32, 64",
         "bottleneck=plain,gaussian:beta=2,warmup=1,vq", "preset=fast,classic"],
        {},
    )  # fmt: skip
    assert {each.name: each.values or (each.low, each.high, each.log) for each in space} == {
        "preset": ("fast", "classic"),  # which decides about the others
        "learning_rate": (1e-4, 1e-1, True),
        "latent_dim": (2, 64, True),
        "batch_size": (32, 64),
        "bottleneck": ("plain", "gaussian:beta=2,warmup=1", "vq"),
    }
    assert read_space({"batch_size": [8, 16]}, {})[0].values == (8, 16)
    assert Searched("learning_rate", "", (), 1.04e-3, 1.0).settled(1.04e-3) == 1.04e-3
    assert Searched("learning_rate", "", (), 1e-3, 1.0).settled(0.0123456) == 0.0123
    assert Searched("learning_rate", "", (0.00123456, 0.5)).settled(0.00123456) == 0.00123456


def test_the_default_search_leaves_out_what_is_fixed() -> None:
    assert [each.name for each in read_space((), {"preset": "classic", "limit": 50})] == [
        "latent_dim", "learning_rate", "batch_size",
    ]  # fmt: skip


WRONG = {
    "learning_rate": "is not NAME=RANGE",
    "latnt_dim=2..4": "did you mean latent_dim?",
    "learning_rate=0..1": "learning_rate=0..1: learning_rate is 0.0; expected a positive number",
    "latent_dim=2..x": "'x' is not a whole number",
    "latent_dim=8..2": "8 is not below 2",
    "learning_rate=1e-4..1e-2:lin": "'lin' is no scale",
    "batch_size=0,5": "batch_size is 0; expected a whole number, 1 or more",
    "batch_size=32": "one value is nothing to search",
    "batch_size=32,32": "32 is there twice",
    "bottleneck=plain,gaussian:bta=1": "the bottleneck gaussian has no option 'bta'",
    "downsampling=stride,pool": "downsampling is 'pool'; expected one of stride, maxpool",
    "optimizer=adam..sgd": "has no range; give a list, as in muon,adam",
    "seed=1,2": "seed cannot be searched",
    "size=32,64": "size cannot be searched",
    "patience=5,10": "patience is fixed as well",
    "corruption=gaussian,blur": "corruption cannot be searched by the errors",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_range_is_refused_in_one_line_before_anything_is_trained(
    zscape: Zscape, data: Path, tmp_path: Path, text: str
) -> None:
    out = tmp_path / "out"
    refused = zscape("tune", data, "--search", text, "--patience", 7, "--out", out)
    assert WRONG[text] in refused.error
    assert "`" not in refused.error
    assert not out.exists()


def test_what_does_not_go_together_is_refused(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match="metric is 'active_units'; expected one of mse, psnr"):
        tune(data, 2, metric="active_units", out=out)
    with pytest.raises(ConfigError, match="which is measured on clean images"):
        tune(data, 2, metric="psnr", corruption="blur", out=out)
    with pytest.raises(ConfigError, match="the images have no labels"):
        tune(np.load(data)["images"], 2, metric="knn_accuracy", out=out)
    with pytest.raises(ConfigError, match="unknown setting 'callbacks'"):
        tune(data, 2, callbacks=[print], out=out)
    with pytest.raises(ConfigError, match="downsampling is 'maxpool', but the preset fast"):
        tune(data, 2, search=["downsampling=stride,maxpool"], preset="fast", out=out)
    assert not out.exists()


# --- judging ---


def test_a_trial_is_judged_after_a_ninth_and_a_third_of_its_epochs() -> None:
    assert rungs_of(18) == {2: 9, 6: 3}
    assert rungs_of(4) == {1: 9, 2: 3}
    assert rungs_of(2) == {1: 3}
    assert rungs_of(1) == {}


def test_the_best_third_goes_on() -> None:
    assert is_promising(9.0, [1.0], lower=True)  # too few to tell
    assert [is_promising(v, [2, 4, 6, 8, 10], lower=True) for v in (1, 3, 5)] == [True, True, False]
    assert [is_promising(v, [2, 4], lower=False) for v in (5, 3)] == [True, False]


# --- a real search ---


def test_all_trials_are_there_and_measured_on_the_validation_split(found: Tuned) -> None:
    assert [t.number for t in found.trials] == list(range(1, N_TRIALS + 1))
    states = [t.state for t in found.trials]
    assert states.count("finished") >= 2
    assert states.count("pruned") >= 1
    for trial in found.trials:
        assert 1e-5 <= trial.settings["learning_rate"] <= 1e-2
        assert trial.settings["latent_dim"] == trial.code_values
        rows = trial.run.history
        assert trial.value == trial.mse == min(row["val_loss"] for row in rows)
        assert trial.epochs == len(rows)
        assert trial.seconds == pytest.approx(sum(row["seconds"] for row in rows), abs=0.1)
        assert trial.epochs == 4 if trial.state == "finished" else trial.epochs in (1, 2)
    validation = found.best.run.dataset.validation
    outputs = found.best.run.model.reconstruct(validation.images)
    wanted = np.mean((outputs - np.asarray(validation.images) / 255.0) ** 2)
    assert found.best.value == pytest.approx(float(wanted), rel=1e-4)
    finished = [t.value for t in found.trials if t.state == "finished"]
    assert found.best.value == min(v for v in finished if v is not None)


def test_only_the_best_is_measured_on_the_test_split(found: Tuned) -> None:
    measured = [t.number for t in found.trials if (t.path / "metrics.json").exists()]
    assert measured == [found.best.number]
    assert found.best.run.metrics["training"]["epochs"] == 4


def test_progress_is_one_bar_and_a_line_for_each_trial(found: Tuned, told: Told) -> None:
    assert told.lines[0].startswith(
        "searching learning_rate 1e-5..1e-2:log, latent_dim 2..3: 5 trials, in "
    )
    lines = [line for line in told.lines if line.startswith("trial ")]
    assert [line.split("/")[0] for line in lines] == [f"trial {n}" for n in range(1, 6)]
    pruned = next(t for t in found.trials if t.state == "pruned")
    assert f"stopped after {pruned.epochs} of 4 epochs" in lines[pruned.number - 1]
    assert {bar[0] for bar in told.bars} == {"trials"}
    assert told.bars[-1] == ("trials", 5, 5)


def test_table_figure_and_page(found: Tuned) -> None:
    with (found.path / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(r["trial"]) for r in rows] == [t.number for t in found.trials]
    assert [float(r["value"]) for r in rows] == [t.value for t in found.trials]
    assert [float(r["learning_rate"]) for r in rows] == [
        t.settings["learning_rate"] for t in found.trials
    ]
    page = (found.path / "report.html").read_text()
    assert "Search on spots.npz" in page
    assert f"trial {found.best.number}" in page
    assert "MSE and code size" in page
    assert found.command(found.best) in page
    assert "<script" not in page
    assert (found.path / "pareto.png").read_bytes()[:4] == b"\x89PNG"


def test_no_trial_beats_one_of_the_front(found: Tuned) -> None:
    for by in ("code_values", "seconds"):
        front = found.front(by)
        assert found.best in front
        for trial in front:
            cost, value = getattr(trial, by), trial.value
            assert value is not None
            assert not any(getattr(t, by) <= cost and (t.value or 1) < value for t in found.ranked)


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_the_command_trains_the_same_model_again(
    zscape: Zscape, found: Tuned, tmp_path: Path
) -> None:
    words = found.command(found.best).split()
    assert words[:2] == ["zscape", "train"]
    again = zscape(*words[1:], "--out", tmp_path / "again")
    assert losses(tmp_path / "again") == losses(found.best.path), again.err


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_a_pruned_trial_goes_on_to_the_last_bit(data: Path, found: Tuned, tmp_path: Path) -> None:
    pruned = next(t for t in found.trials if t.state == "pruned")
    shutil.copytree(pruned.path, tmp_path / "run")
    settings = {**FIXED, **pruned.settings}
    went_on = package.train(data, out=tmp_path / "run", resume=True, **settings)
    whole = package.train(data, out=tmp_path / "whole", **settings)
    assert losses(went_on.path) == losses(whole.path)
    assert len(losses(whole.path)) == 4
    probe = whole.dataset.test.images
    np.testing.assert_array_equal(
        load_model(went_on.path / "model.keras").encode(probe), whole.model.encode(probe)
    )


# --- going on ---


@pytest.mark.slow
def test_killed_and_given_more_trials_it_ends_as_if_nothing_had_happened(
    zscape: Zscape, data: Path, found: Tuned, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    words = ["tune", data, "--out", out, "--preset", "classic", "--epochs", 4]
    words += ["--batch-size", 16, "--seed", 3, "--search", SEARCH[0], "--search", SEARCH[1]]
    # The 49th touch of a file comes after the checkpoint of the second trial's first epoch, and
    # before its history is written and it is judged.
    killed = subprocess.run(
        [sys.executable, str(DYING), "49", *map(str, words), "--trials", "2"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert sorted(path.name for path in out.glob("trial-*")) == ["trial-001", "trial-002"]
    assert not (out / "trial-002" / "history.csv").exists()
    done = zscape(*words, "--trials", 3, "--json")
    assert done.status == 0, done.err
    printed = json.loads(done.out)
    assert [
        (t["number"], t["state"], t["settings"], t["value"], losses(Path(t["path"])))
        for t in printed["trials"]
    ] == [(t.number, t.state, t.settings, t.value, losses(t.path)) for t in found.trials[:3]]
    assert len(list(out.glob("trial-*"))) == 3


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_another_search_in_the_folder_is_refused_and_force_replaces_it(
    data: Path, found: Tuned, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(found.path, tmp_path / "tune"))
    other = tmp_path / "other.npz"
    np.savez(other, images=blobs(70)[0])
    asked = {"search": SEARCH, "out": out, **FIXED}
    with pytest.raises(RunError, match=r"other\.npz are not those of then|its data had"):
        tune(other, N_TRIALS, **asked)
    with pytest.raises(RunError, match=r"its search had latent_dim 2\.\.3, and now no latent_dim"):
        tune(data, N_TRIALS, **{**asked, "search": SEARCH[:1]})
    with pytest.raises(RunError, match="its settings had batch_size 16, and now batch_size 8"):
        tune(data, N_TRIALS, **{**asked, "batch_size": 8})
    with pytest.raises(RunError, match=r"its metric had mse, and now ssim; .* `force=True`"):
        tune(data, N_TRIALS, metric="ssim", **asked)
    assert len(list(out.glob("trial-*"))) == N_TRIALS
    (out / "mine.txt").write_text("stays")
    anew = tune(data, 1, force=True, **{**asked, "epochs": 1})
    assert [t.of_epochs for t in anew.trials] == [1]
    assert [path.name for path in out.glob("trial-*")] == ["trial-001"]
    assert (out / "mine.txt").exists()


def test_folders_that_are_no_search_are_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("stays")
    with pytest.raises(RunError, match="exists and is no search"):
        tune(data, 1, search=SEARCH, out=tmp_path, force=True, **FIXED)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_ctrl_c_keeps_what_was_done_and_says_how_to_go_on(
    zscape: Zscape, data: Path, found: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    out = Path(shutil.copytree(found.path, tmp_path / "tune"))
    monkeypatch.setattr("zscape.jobs.tune.train_trial", stop)
    words = ["--search", SEARCH[0], "--search", SEARCH[1], "--preset", "classic", "--epochs", 4,
             "--batch-size", 16, "--seed", 3]  # fmt: skip
    stopped = zscape("tune", data, "--trials", 6, "--out", out, *words)
    assert stopped.status == 130
    assert stopped.out == ""
    shown = " ".join(map(str, words))
    assert "6 trials, 5 of them done before" in stopped.err
    assert f"go on with: zscape tune {data} --trials 6 --out {out} {shown}\n" in stopped.err
    with (out / "trials.csv").open() as file:
        assert [r["state"] for r in csv.DictReader(file)][-1] == "running"


# --- failures and other metrics ---


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_a_trial_whose_loss_is_no_number_has_failed_and_the_search_goes_on(
    data: Path, tmp_path: Path
) -> None:
    rates = {"learning_rate": [1e-3, 1e28]}
    asked = {**FIXED, "epochs": 1, "seed": 0, "schedule": "constant", "search": rates}
    done = tune(data, 2, out=tmp_path / "out", **asked)
    states = {t.settings["learning_rate"]: t.state for t in done.trials}
    assert states == {1e-3: "finished", 1e28: "failed"}
    failed = next(t for t in done.trials if t.state == "failed")
    assert "try a lower `learning_rate`" in failed.reason
    assert done.best.settings["learning_rate"] == 1e-3


def test_without_a_finished_trial_there_is_no_best() -> None:
    failed = Trial(1, Path("trial-001"), "failed", {}, None, None, 2, 0.0, 0, 4, "it broke.")
    none = Tuned(Path("out"), "mnist", METRICS["mse"], [failed], {}, {})
    with pytest.raises(TrainingError, match="none of the 1 trials was finished; the last said: it"):
        _ = none.best


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
def test_another_metric_is_measured_on_validation_images(data: Path, tmp_path: Path) -> None:
    asked = {**FIXED, "epochs": 2, "search": SEARCH, "out": tmp_path / "out"}
    best = tune(data, 1, metric="knn_accuracy", **asked).best
    run = load_run(best.path)
    measured = package.evaluate(run, run.dataset.validation).model["knn_accuracy"]
    assert best.value == pytest.approx(measured)
    assert "validation k-NN accuracy" in (tmp_path / "out" / "report.html").read_text()


def test_more_is_better_for_some_metrics() -> None:
    trials = [
        Trial(n, Path(f"trial-{n}"), "finished", {}, value, 0.1, size, 1.0, 4, 4)
        for n, value, size in ((1, 20.0, 4), (2, 30.0, 8), (3, 25.0, 8), (4, 30.0, 6))
    ]
    found = Tuned(Path("out"), "mnist", METRICS["psnr"], trials, {}, {})
    assert [t.number for t in found.ranked] == [4, 2, 3, 1]
    assert [t.number for t in found.front("code_values")] == [1, 4]


# --- several processes ---

DIES_ONCE = """
import os, signal
from pathlib import Path
import zscape
from zscape.data.corruptions import CORRUPTIONS

n_seen = 0

@zscape.register_corruption("deadly")
class Deadly(zscape.Corruption):
    def __call__(self, images, rng):
        global n_seen
        n_seen += 1
        marker = Path({marker!r})
        if n_seen == 12 and os.getpid() != {driver} and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return images
"""


@pytest.mark.slow
def test_two_workers_with_a_process_that_is_killed(data: Path, tmp_path: Path) -> None:
    plugin, marker = tmp_path / "deadly.py", tmp_path / "died"
    plugin.write_text(DIES_ONCE.format(marker=str(marker), driver=os.getpid()))
    told = Told()
    asked = {**FIXED, "epochs": 3, "corruption": "deadly", "plugins": [plugin]}
    told.warn = told.say  # type: ignore[method-assign]
    done = tune(data, 2, workers=2, search=SEARCH, out=tmp_path / "out", reporter=told, **asked)
    assert marker.exists()
    assert sum("its process died; it goes on from its checkpoint" in x for x in told.lines) == 1
    assert [t.number for t in done.trials] == [1, 2]
    assert {t.state for t in done.trials} <= {"finished", "pruned"}
    assert (done.best.path / "metrics.json").exists()
    for trial in done.trials:
        assert [row[0] for row in losses(trial.path)] == [str(n + 1) for n in range(trial.epochs)]
