"""How long until the images are as good as the tutorial's? `python -m benchmarks.time_to_quality`.

The tutorial's recipe on plain Keras (RMSprop at 3e-4, batches of 256, at most 100 epochs, stopped
after ten without a better epoch; trained on all 60,000 images, watched on the test split, as
published) against `zscape train mnist --latent-dim 10` with its defaults. Both leave a curve of
test MSE over seconds of training; looking at the test split does not count for zscape, which
never does so by itself. The figure is how many times longer the tutorial takes to its best epoch
than zscape takes to an MSE at least as good.

A tutorial that was cut short by `--tutorial-epochs` gives a lower bound. Runs that are in the
results file already are not repeated.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.resumable import run_missing
from benchmarks.workers import run_module

RESULTS = Path(__file__).parent / "results" / "time_to_quality.json"
CONTENDERS = ("zscape", "tutorial")
SEEDS = (0, 1, 2)
PATIENCE = 10
EPOCHS = 100
STEPS_BETWEEN_LOOKS = 50
GOAL = 15
PUBLISHED = 0.0140  # what the tutorial came to, after about 45 epochs


def train_zscape(seed: int) -> list[tuple[float, float]]:
    """Train as `zscape train mnist --latent-dim 10` does; return seconds and test MSE."""
    # isort: split  # as users are told to: zscape first
    import keras

    from zscape.data.load import load_dataset
    from zscape.evaluation.reconstruction import mean_squared_error
    from zscape.model import build_autoencoder
    from zscape.nn.presets import PRESETS
    from zscape.settings import NetworkConfig, TrainConfig
    from zscape.training.fit import fit_autoencoder

    dataset = load_dataset("mnist", seed=seed)
    recipe = PRESETS["fast"].recipe
    config = TrainConfig(
        epochs=recipe.n_epochs(len(dataset.train)),
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        precision=recipe.precision,
        seed=seed,
    )
    model = build_autoencoder((28, 28, 1), NetworkConfig(latent_dim=10), seed=seed)
    curve: list[tuple[float, float]] = []
    images = dataset.test.images

    class Looks(keras.callbacks.Callback):
        """Notes the test MSE now and then, while the clock stands still."""

        def on_train_begin(self, logs: Any = None) -> None:
            self.clock = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if (batch + 1) % STEPS_BETWEEN_LOOKS == 0:
                self.look()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.look()

        def look(self) -> None:
            seconds = time.perf_counter() - self.clock
            mse = mean_squared_error(images, model.reconstruct(images))
            curve.append((round(seconds, 2), mse))
            self.clock = time.perf_counter() - seconds

    with tempfile.TemporaryDirectory() as folder:
        fit_autoencoder(model, dataset, config, Path(folder), callbacks=[Looks()])
    return curve


def train_tutorial(seed: int, epochs: int) -> list[tuple[float, float]]:
    """Train as the tutorial does; return seconds and test MSE after each epoch."""
    import keras

    from benchmarks.contenders import tutorial_network
    from zscape.data.images import as_float
    from zscape.data.load import load_images

    keras.utils.set_random_seed(seed)
    train, test = (as_float(load_images("mnist", split=s).images) for s in ("train", "test"))
    model = tutorial_network()
    model.compile(keras.optimizers.RMSprop(3e-4), "mse")
    curve: list[tuple[float, float]] = []
    started = time.perf_counter()

    class Looks(keras.callbacks.Callback):
        """Notes what `fit` has just measured."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            assert logs is not None
            curve.append((round(time.perf_counter() - started, 2), logs["val_loss"]))
            print(f"epoch {epoch + 1}: {curve[-1]}", flush=True)

    model.fit(
        train,
        train,
        batch_size=256,
        epochs=epochs,
        validation_data=(test, test),
        callbacks=[keras.callbacks.EarlyStopping(patience=PATIENCE), Looks()],
        verbose=0,
    )
    return curve


def best_epoch(curve: list[tuple[float, float]]) -> tuple[float, float]:
    """Return seconds and MSE of the best point of a curve."""
    return min(((seconds, mse) for seconds, mse in curve), key=lambda point: point[1])


def seconds_to(curve: list[tuple[float, float]], target: float) -> float | None:
    """Return when a curve first reaches `target`; None when it never does."""
    return next((seconds for seconds, mse in curve if mse <= target), None)


def compare(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each seed that both have been trained with."""
    rows = []
    curves = {(run["contender"], run["seed"]): run["curve"] for run in runs}
    for seed in sorted({run["seed"] for run in runs}):
        if not all((name, seed) in curves for name in CONTENDERS):
            continue
        ours, theirs = (curves[name, seed] for name in CONTENDERS)
        seconds, target = best_epoch(theirs)
        needed = seconds_to(ours, target)
        rows.append(
            {
                "seed": seed,
                "target_mse": target,
                "tutorial_seconds": seconds,
                "tutorial_epochs": len(theirs),
                "stopped_by_itself": len(theirs) == EPOCHS
                or len(theirs) - 1 - int(np.argmin([mse for _, mse in theirs])) >= PATIENCE,
                "zscape_seconds": needed,
                "ratio": None if needed is None else seconds / needed,
                "zscape_published": seconds_to(ours, PUBLISHED),
                "zscape_final": ours[-1],
            }
        )
    return rows


def ratios(runs: list[dict[str, Any]]) -> list[float]:
    """Return how many times faster zscape was, for every seed."""
    return [row["ratio"] for row in compare(runs) if row["ratio"] is not None]


def render(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    rows = compare(results["runs"])
    lines = [
        "# Time to the tutorial's quality",
        "",
        "Made by `python -m benchmarks.time_to_quality`: seconds of training until the test MSE of "
        "the tutorial's own recipe (plain Keras, RMSprop at 3e-4, batches of 256) is reached by "
        "`zscape train mnist --latent-dim 10` with its defaults. A tutorial cut short is marked: "
        f"its published MSE is {PUBLISHED:.4f}, after about 45 epochs, and zscape's time to that "
        "is given too.",
        "",
        f"Machine: {results['machine']}. Date: {results['date']}.",
        "",
        "| seed | tutorial, epochs | its best test MSE | after | zscape reaches that after "
        f"| times faster | zscape reaches {PUBLISHED:.4f} after | zscape at its end |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        cut = "" if row["stopped_by_itself"] else " (cut short)"
        needed, factor = row["zscape_seconds"], row["ratio"]
        published = row["zscape_published"]
        lines.append(
            f"| {row['seed']} | {row['tutorial_epochs']}{cut} | {row['target_mse']:.5f} "
            f"| {row['tutorial_seconds']:,.0f} s "
            f"| {'never' if needed is None else f'{needed:.0f} s'} "
            f"| {'' if factor is None else f'{factor:.1f}'} "
            f"| {'never' if published is None else f'{published:.0f} s'} "
            f"| {row['zscape_final'][1]:.5f} after {row['zscape_final'][0]:.0f} s |"
        )
    if factors := ratios(results["runs"]):
        lines += [
            "",
            f"**{statistics.mean(factors):.1f} times faster** in the mean, {min(factors):.1f} to "
            f"{max(factors):.1f} (goal: {GOAL}).",
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run what is missing, each in a process of its own, then write the table."""
    parser = argparse.ArgumentParser(description="How long until images are as good?")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--tutorial-epochs", type=int, default=EPOCHS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--one", choices=CONTENDERS, help="run this one and print its curve")
    arguments = parser.parse_args()
    if arguments.one:
        (seed,) = arguments.seeds
        zscape = arguments.one == "zscape"
        curve = train_zscape(seed) if zscape else train_tutorial(seed, arguments.tutorial_epochs)
        print(json.dumps(curve))
        return

    def measure(contender: str, seed: int) -> dict[str, Any]:
        options = ["--one", contender, "--seeds", str(seed)]
        options += ["--tutorial-epochs", str(arguments.tutorial_epochs)]
        return {"curve": run_module("benchmarks.time_to_quality", "cpu", *options)}

    wanted = (
        {"contender": contender, "seed": seed}
        for seed, contender in itertools.product(arguments.seeds, CONTENDERS)
    )
    run_missing(arguments.results, wanted, measure, render, quiet=("curve",))


if __name__ == "__main__":
    main()
