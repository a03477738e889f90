"""The Muon step on the kernels of dense layers and convolutions."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.harness import numpy_of
from zscape.training.optimizer import ConvMuon


def _step(shape: tuple[int, ...], gradient: np.ndarray, **options: object) -> np.ndarray:
    """Return how far one step moves a variable of zeros."""
    variable = keras.Variable(np.zeros(shape, np.float32))
    ConvMuon(1.0, weight_decay=None, adam_weight_decay=None, **options).apply(
        [keras.ops.convert_to_tensor(gradient)], [variable]
    )
    return numpy_of(variable)


@pytest.mark.parametrize("shape", [(3, 3, 8, 16), (16, 40), (40, 16), (4, 4, 1, 8)])
def test_a_kernel_moves_against_its_gradient_equally_in_all_directions(
    shape: tuple[int, ...],
) -> None:
    rng = np.random.default_rng(0)
    columns = shape[-1]
    # Directions of very different strength.
    gradient = rng.normal(size=(np.prod(shape[:-1]), columns)) * np.logspace(0, -1, columns)
    step = _step(shape, gradient.reshape(shape).astype(np.float32)).reshape(-1, columns)

    longest = np.sqrt(max(step.shape))
    singular = np.linalg.svd(step, compute_uv=False) / (0.2 * longest)
    assert singular.min() > 0.6
    assert singular.max() < 1.3
    assert np.sum(step * gradient) < 0
    # Twice the gradient is the same direction.
    again = _step(shape, (2 * gradient).reshape(shape).astype(np.float32))
    np.testing.assert_allclose(again.reshape(step.shape), step, atol=1e-3 * np.abs(step).max())


@pytest.mark.parametrize("shape", [(7,), (1, 9), (9, 1)])
def test_biases_scales_and_single_columns_move_as_with_adam(shape: tuple[int, ...]) -> None:
    gradient = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    variable = keras.Variable(np.zeros(shape, np.float32))
    keras.optimizers.Adam(1.0).apply([keras.ops.convert_to_tensor(gradient)], [variable])

    np.testing.assert_allclose(_step(shape, gradient), numpy_of(variable), rtol=1e-5)


def test_the_optimizer_comes_back_from_its_configuration() -> None:
    optimizer = ConvMuon(0.5, momentum=0.8)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))

    assert type(again) is ConvMuon
    assert again.get_config() == optimizer.get_config()
