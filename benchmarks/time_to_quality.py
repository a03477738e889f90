"""How long until the images are as good as the tutorial's? `python -m benchmarks.time_to_quality`.

The tutorial's recipe on plain Keras (RMSprop at 3e-4, batches of 256, at most 100 epochs, stopped
after ten without a better epoch; trained on all 60,000 images, watched on the test split, as
published) against `zscape train mnist --latent-dim 10` with its defaults. Both leave a curve of
test MSE over seconds of training; looking at the test split does not count for zscape, which
never does so by itself. The figure is how many times longer the tutorial takes to its best epoch
than zscape takes to an MSE at least as good.

Runs that are in the results file already are not repeated. With `--tutorial-epochs` the tutorial is
cut short, and the figure is a lower bound.
"""

from __future__ import annotations

import argparse
import itertools

from benchmarks.harness import parser, run_missing
from benchmarks.tables.markdown import Run
from benchmarks.tables.time_to_quality import CONTENDERS, EPOCHS
from benchmarks.workers.process import run_worker


def measure(options: argparse.Namespace, contender: str, seed: int) -> Run:
    """Train in a process of its own; return the curve."""
    epochs = options.tutorial_epochs if contender == "tutorial" else EPOCHS
    epochs = 1 if options.quick else epochs
    return {"curve": run_worker("benchmarks.workers.curve", contender, seed, epochs)}


def main() -> None:
    """Run what is missing, each in a process of its own, then write the table."""
    made = parser(__doc__)
    made.add_argument("--tutorial-epochs", type=int, default=EPOCHS)
    wanted = (
        {"contender": contender, "seed": seed}
        for seed, contender in itertools.product(range(3), CONTENDERS)
    )
    run_missing("time_to_quality", made, wanted, measure, vary="contender")


if __name__ == "__main__":
    main()
