"""The test MSE over seconds of one training: of zscape, or of the tutorial.

`python -m benchmarks.workers.curve CONTENDER SEED EPOCHS` prints it as JSON; zscape's number of
epochs is that of its recipe, or EPOCHS where that is less.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

from benchmarks.tables.time_to_quality import PATIENCE
from benchmarks.workers.contenders import tutorial_network

STEPS_BETWEEN_LOOKS = 50


def train_zscape(seed: int, epochs: int) -> list[tuple[float, float]]:
    """Train as `zscape train mnist --latent-dim 10` does; return seconds and test MSE."""
    # isort: split  # as users are told to: zscape first
    import keras

    from benchmarks.training import settings, train_best
    from zscape.data.load import load_dataset
    from zscape.evaluation import mean_squared_error

    dataset = load_dataset("mnist", seed=seed)
    config = settings("fast", dataset, seed)
    config = replace(config, epochs=min(epochs, config.epochs))
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
            mse = mean_squared_error(images, self.model.reconstruct(images))
            curve.append((round(seconds, 2), mse))
            self.clock = time.perf_counter() - seconds

    train_best(dataset, "fast", 10, config, callbacks=[Looks()])
    return curve


def train_tutorial(seed: int, epochs: int) -> list[tuple[float, float]]:
    """Train as the tutorial does; return seconds and test MSE after each epoch."""
    import keras

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


def main() -> None:
    """Train, and print the curve."""
    contender, seed, epochs = sys.argv[1:]
    train = {"zscape": train_zscape, "tutorial": train_tutorial}[contender]
    print(json.dumps(train(int(seed), int(epochs))))


if __name__ == "__main__":
    main()
