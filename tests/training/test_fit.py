"""Training as its users see it: what is kept, when it stops, and what it says."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from rich.console import Console

from zscape.data.images import Dataset, as_float
from zscape.data.load import load_dataset
from zscape.errors import RunError, TrainingError
from zscape.model import Autoencoder, build_autoencoder
from zscape.model_file import load_model
from zscape.reporter import ConsoleReporter
from zscape.settings import BottleneckConfig, NetworkConfig, TrainConfig
from zscape.training.fit import fit_autoencoder, mean_image_error
from zscape.training.optimizer import build_optimizer


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Blurred spots on 8x8 pixels, mostly black."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:8, :8]
    centres = rng.uniform(1, 6, (240, 2, 1, 1))
    spots = np.exp(-((rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2) / 2)
    return load_dataset(spots.astype(np.float32), seed=0)


def new_model(seed: int = 0) -> Autoencoder:
    network = NetworkConfig(preset="classic", latent_dim=2)  # the quickest to build
    return build_autoencoder((8, 8, 1), network, seed=seed)


def history(folder: Path) -> list[dict[str, float]]:
    with (folder / "history.csv").open() as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


class SpoilWeights(keras.callbacks.Callback):
    """Sets every weight to one value at the end of an epoch's training."""

    def __init__(self, epoch: int, value: float) -> None:
        super().__init__()
        self.epoch, self.value = epoch, value

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch + 1 == self.epoch:
            for weight in self.model.trainable_weights:
                weight.assign(np.full(weight.shape, self.value, np.float32))


@pytest.mark.slow
def test_the_kept_model_is_the_best_one_not_the_last(dataset: Dataset, tmp_path: Path) -> None:
    config = TrainConfig(epochs=4, batch_size=32)
    spoil = SpoilWeights(epoch=4, value=0.0)
    state = fit_autoencoder(new_model(), dataset, config, tmp_path, callbacks=[spoil])
    rows = history(tmp_path)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[3]["val_loss"] > rows[2]["val_loss"]
    assert state.best_epoch == 3
    images = as_float(dataset.validation.images)
    kept = load_model(tmp_path / "model.keras").reconstruct(images)
    assert np.square(kept - images).mean() == pytest.approx(rows[2]["val_loss"], rel=1e-4)
    assert min(row["images_per_second"] for row in rows) > 0


@pytest.mark.slow
def test_outputs_are_compared_with_the_targets(dataset: Dataset, tmp_path: Path) -> None:
    pairs = replace(
        dataset,
        train=replace(dataset.train, targets=1 - as_float(dataset.train.images)),
        validation=replace(dataset.validation, targets=1 - as_float(dataset.validation.images)),
    )
    noise = as_float(pairs.validation.images)
    clean = as_float(pairs.validation.clean)
    fit_autoencoder(new_model(), pairs, TrainConfig(epochs=2, batch_size=32), tmp_path)
    kept = load_model(tmp_path / "model.keras").reconstruct(noise)
    best = min(row["val_loss"] for row in history(tmp_path))
    assert np.square(kept - clean).mean() == pytest.approx(best, rel=1e-4)
    # It starts at the mean of the targets, which are mostly white.
    assert kept.mean() == pytest.approx(clean.mean(), abs=0.05)
    flat = mean_image_error(pairs)
    mean = as_float(pairs.train.clean).mean(axis=0)
    assert flat == pytest.approx(float(np.square(clean - mean).mean()), rel=1e-4)


@pytest.mark.slow
def test_the_step_is_traced_once(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces: list[Any] = []
    real = Autoencoder.train_step

    def counted(self: Autoencoder, data: Any) -> Any:
        traces.append(data)
        return real(self, data)

    monkeypatch.setattr(Autoencoder, "train_step", counted)
    fit_autoencoder(new_model(), dataset, TrainConfig(epochs=2, batch_size=32), tmp_path)
    assert len(traces) == 1


@pytest.mark.slow
def test_training_stops_when_patience_is_used_up(dataset: Dataset, tmp_path: Path) -> None:
    config = TrainConfig(epochs=50, batch_size=32, patience=2, schedule="constant")
    spoil = SpoilWeights(epoch=3, value=0.0)  # all gradients but the last bias' are zero then
    state = fit_autoencoder(new_model(), dataset, config, tmp_path, callbacks=[spoil])
    assert (state.best_epoch, state.epoch) == (2, 4)
    assert len(history(tmp_path)) == 4


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_training_and_keeps_the_best_model(
    dataset: Dataset, tmp_path: Path
) -> None:
    spoil = SpoilWeights(epoch=2, value=np.nan)
    with pytest.raises(TrainingError, match=r"loss became nan in epoch 2.*`learning_rate`"):
        fit_autoencoder(new_model(), dataset, TrainConfig(epochs=3), tmp_path, callbacks=[spoil])
    kept = load_model(tmp_path / "model.keras").reconstruct(dataset.test.images)
    assert np.isfinite(kept).all()


@pytest.mark.slow
def test_a_stuck_loss_is_said_once(dataset: Dataset, tmp_path: Path) -> None:
    said = io.StringIO()
    config = TrainConfig(epochs=4, learning_rate=1e-12)
    console = Console(file=said, force_terminal=False, width=300)
    fit_autoencoder(new_model(), dataset, config, tmp_path, reporter=ConsoleReporter(console))
    assert said.getvalue().count("the loss is stuck") == 1


@pytest.mark.slow
def test_a_healthy_training_says_a_line_an_epoch_and_no_warning(
    dataset: Dataset, tmp_path: Path
) -> None:
    said = io.StringIO()
    console = Console(file=said, force_terminal=False, width=300)
    config = TrainConfig(epochs=6, batch_size=8)
    state = fit_autoencoder(
        new_model(), dataset, config, tmp_path, reporter=ConsoleReporter(console)
    )
    assert state.best_val_loss < mean_image_error(dataset)
    lines = said.getvalue().splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("epoch 1/6  loss 0.")
    assert all("images/s" in line for line in lines)


@pytest.mark.slow
def test_a_terminal_gets_a_bar_for_the_epoch_and_one_for_the_run(
    dataset: Dataset, tmp_path: Path
) -> None:
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=110)
    config = TrainConfig(epochs=2, batch_size=8)
    fit_autoencoder(new_model(), dataset, config, tmp_path, reporter=ConsoleReporter(console))
    assert "whole run" in drawn.getvalue()
    assert "epoch 2/2" in drawn.getvalue()
    assert "best validation 0." in drawn.getvalue()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_losses_and_another_seed_others(
    dataset: Dataset, tmp_path: Path
) -> None:
    losses = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        config = TrainConfig(epochs=2, seed=seed)
        fit_autoencoder(new_model(seed), dataset, config, tmp_path / name)
        losses.append([(row["loss"], row["val_loss"]) for row in history(tmp_path / name)])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C after a step of an epoch; both count from 0."""

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__()
        self.at, self.epoch = (epoch, step), 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if (self.epoch, batch) == self.at:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_training_goes_on_in_the_midst_of_an_epoch(dataset: Dataset, tmp_path: Path) -> None:
    """To the last bit, also where codes are random and the history has means over the epoch."""
    weights, rows = [], []
    config = TrainConfig(epochs=3, batch_size=32)
    for name, stops in (("through", []), ("stopped", [(0, 2), (1, 3), (2, 0)])):
        folder = tmp_path / name
        folder.mkdir()
        for stop in stops:
            with pytest.raises(KeyboardInterrupt):
                fit_autoencoder(
                    small_model("gaussian"),
                    dataset,
                    config,
                    folder,
                    resume=True,
                    checkpoint_seconds=1e-9,
                    callbacks=[Interrupt(*stop)],
                )
        model = small_model("gaussian")
        # The same steps in a call: how many there are is seen in the last bits.
        state = fit_autoencoder(
            model, dataset, config, folder, resume=True, callbacks=[keras.callbacks.Callback()]
        )
        weights.append(model.get_weights())
        rows.append([{k: v for k, v in row.items() if "second" not in k} for row in state.history])
    assert len(rows[0]) == 3
    assert rows[0] == rows[1]
    for through, stopped in zip(*weights, strict=True):
        np.testing.assert_array_equal(through, stopped)


def small_model(text: str) -> Autoencoder:
    network = NetworkConfig(preset="classic", latent_dim=2)
    return build_autoencoder((8, 8, 1), network, BottleneckConfig.parse(text))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("gaussian", ["kl_nats"]),
        ("tc", ["information_nats", "total_correlation_nats", "dimensions_kl_nats"]),
        ("mmd", ["mmd"]),
        ("regularized", ["code_sq", "decoder_sq"]),
        ("regularized:spectral=0.1", ["code_sq", "decoder_sq", "spectral_sq"]),
        ("vq:codebook=8", ["commitment_sq", "usage_bits"]),
        ("sphere", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_history_has_the_terms_of_the_bottleneck(
    dataset: Dataset, tmp_path: Path, text: str, terms: list[str]
) -> None:
    fit_autoencoder(small_model(text), dataset, TrainConfig(epochs=1), tmp_path)
    (row,) = history(tmp_path)
    measured = ["reconstruction_mse", *terms] if terms else []
    expected = {"loss", "epoch", "learning_rate", "seconds", "images_per_second", *measured}
    assert set(row) == expected | {f"val_{name}" for name in ("loss", *measured)}
    if text in ("gaussian", "regularized"):  # the other terms are estimates, and can be below 0
        assert row["loss"] > row["reconstruction_mse"]
    kept = load_model(tmp_path / "model.keras")
    codes = kept.encode(dataset.test.images)
    assert codes.shape == (len(dataset.test), *((2, 2) if "vq" in text else ()), 2)
    assert kept.decode(codes).shape == dataset.test.images.shape


@pytest.mark.slow
@pytest.mark.parametrize("text", ["gaussian:warmup=10", "mmd", "vq:codebook=8"])
def test_what_is_random_in_training_goes_on_after_a_resume(
    dataset: Dataset, tmp_path: Path, text: str
) -> None:
    rows = []
    for name, stops in (("through", [3]), ("resumed", [1, 3])):
        (tmp_path / name).mkdir()
        for epochs in stops:
            config = TrainConfig(epochs=epochs, batch_size=32, schedule="constant")
            fit_autoencoder(small_model(text), dataset, config, tmp_path / name, resume=True)
        times = ("seconds", "images_per_second")
        rows.append(
            [{k: v for k, v in row.items() if k not in times} for row in history(tmp_path / name)]
        )
    assert rows[0] == rows[1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no archive at all"])
def test_a_damaged_checkpoint_is_named(dataset: Dataset, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state.npz").write_bytes(content)
    with pytest.raises(RunError, match=r"state\.npz is damaged") as caught:
        fit_autoencoder(new_model(), dataset, TrainConfig(epochs=1), tmp_path, resume=True)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_checkpoint_of_another_network_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    fit_autoencoder(new_model(), dataset, TrainConfig(epochs=1), tmp_path)
    other = build_autoencoder((8, 8, 1), NetworkConfig(preset="classic", latent_dim=3))
    with pytest.raises(RunError, match="another network"):
        fit_autoencoder(other, dataset, TrainConfig(epochs=2), tmp_path, resume=True)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "nadam", "rmsprop", "sgd"])
def test_every_optimizer_follows_the_cosine_schedule(optimizer: Any) -> None:
    config = TrainConfig(optimizer=optimizer, learning_rate=0.1, epochs=10)
    made = build_optimizer(config, steps_per_epoch=100)
    variable = keras.Variable(np.zeros(3, np.float32))
    made.build([variable])
    rates = []
    for step in (0, 25, 50, 525, 1000):
        made.iterations.assign(step)
        rates.append(float(keras.ops.convert_to_numpy(made.learning_rate)))
    # Warm-up to the peak after 5 % of the 1,000 steps, half-way near half, 1 % at the end.
    assert rates == pytest.approx([0.0, 0.05, 0.1, 0.0505, 0.001], abs=1e-6)
    assert type(made).__name__.lower() == optimizer


def test_a_constant_schedule_keeps_the_rate() -> None:
    config = TrainConfig(schedule="constant", learning_rate=0.25)
    made = build_optimizer(config, steps_per_epoch=100)
    made.build([keras.Variable(np.zeros(3, np.float32))])
    made.iterations.assign(900)
    assert float(keras.ops.convert_to_numpy(made.learning_rate)) == 0.25


@pytest.mark.slow
def test_several_steps_in_a_call_give_the_same_losses_as_single_ones(
    dataset: Dataset, tmp_path: Path
) -> None:
    config = TrainConfig(epochs=3, batch_size=16)
    rows = {}
    for name, callbacks in (("together", []), ("alone", [keras.callbacks.Callback()])):
        folder = tmp_path / name
        folder.mkdir()
        fit_autoencoder(new_model(), dataset, config, folder, callbacks=callbacks)
        rows[name] = [(row["loss"], row["val_loss"]) for row in history(folder)]
    assert rows["together"] == rows["alone"]


@pytest.mark.slow
def test_callbacks_of_the_user_see_every_step(dataset: Dataset, tmp_path: Path) -> None:
    seen: list[int] = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    config = TrainConfig(epochs=1, batch_size=16)
    fit_autoencoder(new_model(), dataset, config, tmp_path, callbacks=[watch])
    assert seen == list(range(-(-len(dataset.train) // 16)))
