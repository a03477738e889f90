"""Batches: what a Keras model is really given, in which order, after a resume too."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from zscape.data.batches import ReconstructionBatches, Share
from zscape.errors import ConfigError
from zscape.settings import CorruptionConfig

N, SEED = 23, 7
NOISE = CorruptionConfig.parse("gaussian:sigma=0.2+mask:size=1,count=1")


@pytest.fixture
def images() -> np.ndarray:
    """23 images of 2 x 3 pixels; the first pixel of image i is i."""
    images = np.random.default_rng(0).integers(0, 256, (N, 2, 3, 1), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(N)
    return images


class Recorder(keras.Model):
    """Writes down the batches of training and changes nothing in them."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return inputs

    def train_step(self, *arguments: Any) -> Any:
        *state, (inputs, targets) = arguments  # the state is there on JAX only
        self.inputs.append(keras.ops.convert_to_numpy(inputs))
        self.targets.append(keras.ops.convert_to_numpy(targets))
        logs = {"loss": 0.0}
        return (logs, *state) if state else logs

    @property
    def order(self) -> list[int]:
        """The images seen, by the number in their first pixel."""
        return [round(255 * float(x)) for batch in self.inputs for x in batch[:, 0, 0, 0]]


def seen_in_fit(
    batches: ReconstructionBatches,
    *,
    first: int,
    last: int,
    built: bool = True,
    direct: bool = True,
) -> Recorder:
    """Train over epochs `first` to `last`, the latter not included, and validate in between.

    `fit` gets the batches themselves, or unless `direct` what `for_fit` returns.
    """
    model = Recorder()
    if built:
        model(np.zeros((1, 2, 3, 1), np.float32))
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True)
    validation = ReconstructionBatches(np.zeros((5, 2, 3, 1), np.uint8), batch_size=2)
    follow = keras.callbacks.LambdaCallback(on_epoch_begin=lambda e, _: batches.start_epoch(e))
    model.fit(
        batches if direct else batches.for_fit(),
        callbacks=[] if direct else [follow],
        validation_data=validation,
        shuffle=False,
        initial_epoch=first,
        epochs=last,
        verbose=0,
    )
    return model


def expected_order(first: int, last: int, seed: int = SEED) -> list[int]:
    epochs = [np.random.default_rng([seed, epoch]).permutation(N) for epoch in range(first, last)]
    return np.concatenate(epochs).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("built", [True, False])
def test_each_epoch_of_a_fit_has_its_own_seeded_order(
    images: np.ndarray, built: bool, direct: bool
) -> None:
    batches = ReconstructionBatches(images, batch_size=5, shuffle_seed=SEED)
    seen = seen_in_fit(batches, first=0, last=4, built=built, direct=direct)
    assert seen.order == expected_order(0, 4)


@pytest.mark.slow
@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("first", [1, 3])
def test_a_resumed_fit_goes_on_in_the_same_order(
    images: np.ndarray, first: int, direct: bool
) -> None:
    whole = seen_in_fit(
        ReconstructionBatches(images, batch_size=5, shuffle_seed=SEED), first=0, last=5
    )
    resumed = seen_in_fit(
        ReconstructionBatches(images, batch_size=5, shuffle_seed=SEED, first_epoch=first),
        first=first,
        last=5,
        direct=direct,
    )
    assert resumed.order == whole.order[first * N :]


def test_another_seed_gives_another_order(images: np.ndarray) -> None:
    batches = ReconstructionBatches(images, batch_size=5, shuffle_seed=SEED + 1)
    seen = seen_in_fit(batches, first=0, last=1).order
    assert seen == expected_order(0, 1, SEED + 1)
    assert seen != expected_order(0, 1)


def test_the_model_gets_float32_and_its_input_as_target(images: np.ndarray) -> None:
    batches = ReconstructionBatches(images, batch_size=5, shuffle_seed=SEED)
    model = seen_in_fit(batches, first=0, last=1)
    seen = np.concatenate(model.inputs)
    assert [len(batch) for batch in model.inputs] == [5, 5, 5, 5, 3]
    assert all(batch.dtype == np.float32 for batch in model.inputs + model.targets)
    np.testing.assert_array_equal(seen, np.concatenate(model.targets))
    np.testing.assert_allclose(seen, images[expected_order(0, 1)] / 255, atol=1e-7)


def test_without_a_seed_the_order_is_that_of_the_images(images: np.ndarray) -> None:
    batches = ReconstructionBatches(images, batch_size=23)
    assert seen_in_fit(batches, first=0, last=2).order == [*range(N), *range(N)]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 23, 100])
def test_what_fit_gets_has_the_same_batches(images: np.ndarray, batch_size: int) -> None:
    # Of one or two images there are more batches than TensorFlow gets in one block.
    model, other = (
        seen_in_fit(
            ReconstructionBatches(
                images, batch_size=batch_size, shuffle_seed=SEED, corruption=NOISE
            ),
            first=0,
            last=1,
            direct=direct,
        )
        for direct in (True, False)
    )
    assert len(model.inputs) == -(-N // batch_size)
    for seen, expected in ((other.inputs, model.inputs), (other.targets, model.targets)):
        for one, two in zip(seen, expected, strict=True):
            np.testing.assert_array_equal(one, two)


def test_short_steps_are_run_several_in_a_call_and_long_ones_alone() -> None:
    def steps(side: int, batch_size: int) -> int:
        images = np.zeros((3, side, side, 1), np.uint8)
        return ReconstructionBatches(images, batch_size=batch_size).steps_per_call

    on_tensorflow = keras.backend.backend() == "tensorflow"
    assert steps(28, 64) == (10 if on_tensorflow else 1)
    assert steps(256, 64) == 1


@pytest.mark.parametrize("batch_size", [1, 5, 23, 100])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "?", ">f4", "f2", "f8"])
def test_predict_sees_every_image_once_in_order(batch_size: int, dtype: str) -> None:
    kind = np.dtype(dtype)
    values = np.random.default_rng(1).random((N, 2, 3, 1))
    scale = np.iinfo(kind).max if kind.kind == "u" else 1
    stored = np.round(values * scale).astype(kind) if kind.kind in "ub" else values.astype(kind)
    batches = ReconstructionBatches(stored, batch_size=batch_size)
    outputs = keras.Sequential([keras.Input((2, 3, 1)), keras.layers.Identity()]).predict(
        batches, verbose=0
    )
    assert batches.num_batches == -(-N // batch_size)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, stored.astype(np.float64) / scale, atol=1e-7)


def noisy_fit(images: np.ndarray, first: int, last: int) -> Recorder:
    batches = ReconstructionBatches(
        images, batch_size=5, shuffle_seed=SEED, first_epoch=first, corruption=NOISE
    )
    return seen_in_fit(batches, first=first, last=last)


def test_the_model_sees_corrupted_images_and_the_loss_clean_ones(images: np.ndarray) -> None:
    model = noisy_fit(images, 0, 1)
    clean = images[expected_order(0, 1)] / 255
    np.testing.assert_allclose(np.concatenate(model.targets), clean, atol=1e-7)
    assert 0.1 < np.abs(np.concatenate(model.inputs) - clean).mean() < 0.4


@pytest.mark.parametrize("direct", [True, False])
def test_the_model_sees_images_and_the_loss_their_targets(images: np.ndarray, direct: bool) -> None:
    batches = ReconstructionBatches(
        images, batch_size=5, shuffle_seed=SEED, targets=255 - images
    )  # fmt: skip
    model = seen_in_fit(batches, first=0, last=2, direct=direct)
    assert model.order == expected_order(0, 2)
    for seen, target in zip(model.inputs, model.targets, strict=True):
        np.testing.assert_allclose(target, 1 - seen, atol=1e-6)


def test_targets_and_a_corruption_exclude_each_other(images: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        ReconstructionBatches(images, batch_size=5, corruption=NOISE, targets=images)


@pytest.mark.slow
def test_corruption_is_fresh_in_every_batch_and_the_same_after_a_resume(
    images: np.ndarray,
) -> None:
    whole, resumed = noisy_fit(images, 0, 3), noisy_fit(images, 1, 3)
    for one, other in zip(whole.inputs[5:], resumed.inputs, strict=True):
        np.testing.assert_array_equal(one, other)
    noise = [
        seen - clean for seen, clean in zip(whole.inputs, whole.targets, strict=True)
        if len(seen) == 5
    ]  # fmt: skip
    for index, one in enumerate(noise):
        assert all((one != other).any() for other in noise[:index])


def test_without_a_seed_the_corruption_stays_the_same(images: np.ndarray) -> None:
    batches = ReconstructionBatches(images, batch_size=5, corruption=NOISE)
    model = seen_in_fit(batches, first=0, last=2)
    for one, other in zip(model.inputs[:5], model.inputs[5:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (model.inputs[0] - model.targets[0] != model.inputs[1] - model.targets[1]).any()


@pytest.mark.parametrize("corruption", [None, NOISE])
def test_processes_share_the_batches_of_one(
    images: np.ndarray, corruption: CorruptionConfig | None
) -> None:
    """Each has a part, padded with black to the same length; together they have the batch."""
    asked: dict[str, Any] = {"batch_size": 9, "shuffle_seed": SEED, "corruption": corruption}
    alone = ReconstructionBatches(images, **asked)
    parts = [ReconstructionBatches(images, **asked, share=Share(i, 2, 4)) for i in range(2)]
    assert [part.num_batches for part in parts] == [3, 3]
    for number in range(3):  # of 9, 9 and 5 images
        for kind in range(2):
            expected = alone[number][kind]
            together = np.concatenate([part[number][kind] for part in parts])
            assert len(parts[0][number][kind]) == len(parts[1][number][kind])
            assert parts[0].n_images_by_length[len(together)] == len(expected)
            np.testing.assert_array_equal(together[: len(expected)], expected)
            assert not together[len(expected) :].any()


def test_a_short_last_batch_is_told_from_a_whole_one(images: np.ndarray) -> None:
    """Of 8 and 7 images, both of which four devices would have 8 of."""
    batches = ReconstructionBatches(images, batch_size=8, share=Share(0, 1, 4))
    assert batches.n_images_by_length == {8: 8, 12: 7}
    assert [len(batches[i][0]) for i in range(3)] == [8, 8, 12]


def test_the_rest_of_an_epoch_has_the_batches_that_are_left(images: np.ndarray) -> None:
    batches = ReconstructionBatches(images, batch_size=5, shuffle_seed=SEED)
    whole = [batches[i][0] for i in range(5)]
    batches.start_epoch(0, step=3)
    assert batches.num_batches == 2
    for i in range(2):
        np.testing.assert_array_equal(batches[i][0], whole[3 + i])
