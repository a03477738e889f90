"""Bottlenecks with codes from a list, against sums and searches written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import zscape
from tests.harness import numpy_of, random_images
from tests.nn.test_bottleneck import N_VALUES, built, loss_of, normal
from zscape.nn.bottlenecks.vq import VectorQuantizedBottleneck

# --- fsq ---


@pytest.mark.parametrize("levels", [2, 3, 8])
def test_numbers_are_rounded_to_the_nearest_of_the_levels(levels: int) -> None:
    features = np.linspace(-4, 4, 4001, dtype=np.float32)[:, None]
    codes = numpy_of(built(f"fsq:levels={levels}", n_dims=1).encode(features))
    lattice = np.linspace(-1, 1, levels)
    np.testing.assert_allclose(np.unique(codes.round(5)), lattice.round(5), atol=2e-5)
    distances = np.abs(np.tanh(features) - lattice)
    nearest = lattice[distances.argmin(axis=1)]
    undecided = np.sort(distances, axis=1)[:, 1] - distances.min(axis=1) < 1e-4
    np.testing.assert_allclose(codes[~undecided, 0], nearest[~undecided], atol=1e-5)


def test_the_gradient_passes_as_if_nothing_were_rounded() -> None:
    features, weights = normal((6, 3)), normal((6, 3), seed=1)
    bottleneck = built("fsq")
    inputs = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(weights * bottleneck(inputs))
    step = 1e-3
    differences = (np.tanh(features + step) - np.tanh(features - step)) / (2 * step)
    np.testing.assert_allclose(tape.gradient(loss, inputs), weights * differences, atol=1e-3)


@pytest.mark.parametrize("levels", [2, 3, 8])
def test_code_indices_of_fsq_are_the_numbers_of_the_levels(levels: int) -> None:
    bottleneck = built(f"fsq:levels={levels}")
    codes = numpy_of(bottleneck.encode(normal((50, 3), scale=2.0)))
    indices = numpy_of(bottleneck.code_indices(codes))
    np.testing.assert_array_equal(np.unique(indices), np.arange(levels))
    np.testing.assert_array_equal(indices, np.rint((codes + 1) / 2 * (levels - 1)))
    np.testing.assert_allclose(numpy_of(bottleneck.codes_from_indices(indices)), codes, atol=1e-6)


# --- vq ---


def codebook(text: str = "vq:codebook=5,decay=0", n_dims: int = 3) -> VectorQuantizedBottleneck:
    made = built(text, n_dims)
    assert isinstance(made, VectorQuantizedBottleneck)
    return made


def test_every_place_shows_the_nearest_vector() -> None:
    bottleneck = codebook()
    features = normal((7, 2, 4, 3))
    vectors = numpy_of(bottleneck.vectors)
    distances = np.linalg.norm(features[..., None, :] - vectors, axis=-1)  # (7, 2, 4, 5)
    indices = distances.argmin(axis=-1)
    np.testing.assert_array_equal(numpy_of(bottleneck.code_indices(features)), indices)
    codes = numpy_of(bottleneck.encode(features))
    np.testing.assert_allclose(codes, vectors[indices])
    np.testing.assert_array_equal(numpy_of(bottleneck.codes_from_indices(indices)), codes)
    np.testing.assert_array_equal(numpy_of(bottleneck.project(codes + np.float32(1e-4))), codes)


def test_vq_charges_the_distance_to_the_vectors_and_notes_how_evenly_they_are_used() -> None:
    bottleneck = codebook("vq:codebook=5,commitment=3")
    features = normal((7, 2, 4, 3))
    codes, indices = (
        numpy_of(bottleneck.encode(features)),
        numpy_of(bottleneck.code_indices(features)),
    )
    squares = ((features - codes) ** 2).sum(axis=(1, 2, 3)).mean()
    assert loss_of(bottleneck, features) == pytest.approx(3 * squares * 2 / N_VALUES, rel=1e-4)
    assert float(bottleneck.latest["commitment_sq"].value) == pytest.approx(squares, rel=1e-4)
    shares = np.bincount(indices.ravel()) / indices.size
    bits = -(shares[shares > 0] * np.log2(shares[shares > 0])).sum()
    assert float(bottleneck.latest["usage_bits"].value) == pytest.approx(bits, rel=1e-4)


def test_the_gradient_of_the_decoder_reaches_the_features_unchanged() -> None:
    features, weights = normal((6, 2, 2, 3)), normal((6, 2, 2, 3), seed=1)
    bottleneck = codebook()
    inputs = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = bottleneck(inputs, training=False)
        loss = tf.reduce_sum(weights * outputs)
    np.testing.assert_allclose(tape.gradient(loss, inputs), weights, rtol=1e-6)
    np.testing.assert_allclose(outputs, bottleneck.encode(features), atol=1e-6)


def clusters() -> tuple[np.ndarray, np.ndarray]:
    """Return features (60, 1, 1, 3) around five centres, and which one each belongs to."""
    centres = 10 * np.eye(5, 3) - 5 * np.eye(5, 3, k=-2)
    which = np.arange(60) % 5
    return (centres[which] + normal((60, 3), scale=0.1)).astype(np.float32)[:, None, None], which


def test_without_memory_the_codebook_moves_by_a_step_of_k_means() -> None:
    features, which = clusters()
    bottleneck = codebook()
    start = features[:5, 0, 0] + normal((5, 3), seed=3, scale=0.5)
    bottleneck.vectors.assign(start)
    bottleneck(features, training=True)
    means = np.stack([features[which == i, 0, 0].mean(axis=0) for i in range(5)])
    np.testing.assert_allclose(numpy_of(bottleneck.vectors), means, rtol=1e-5, atol=1e-5)


def test_with_memory_the_codebook_is_the_ratio_of_running_means() -> None:
    features, which = clusters()
    bottleneck = codebook("vq:codebook=5,decay=0.75")
    bottleneck.vectors.assign(features[:5, 0, 0])
    counts, sums = np.zeros(5), np.zeros((5, 3))
    for step in range(3):
        batch = features + np.float32(0.1 * step)
        bottleneck(batch, training=True)
        for i in range(5):
            counts[i] = 0.75 * counts[i] + 0.25 * (which == i).sum()
            sums[i] = 0.75 * sums[i] + 0.25 * batch[which == i, 0, 0].sum(axis=0)
        np.testing.assert_allclose(
            numpy_of(bottleneck.vectors), sums / counts[:, None], rtol=1e-4, atol=1e-5
        )


def test_the_codebook_rests_outside_of_training() -> None:
    bottleneck = codebook()
    before = numpy_of(bottleneck.vectors).copy()
    bottleneck(normal((7, 2, 4, 3)), training=False)
    np.testing.assert_array_equal(numpy_of(bottleneck.vectors), before)


def test_dead_vectors_are_put_where_features_are_badly_served() -> None:
    features, _ = clusters()
    bottleneck = codebook("vq:codebook=20,decay=0.9")
    vectors = np.full((20, 3), 1000, np.float32)  # far from everything
    vectors[0] = features[0, 0, 0]
    bottleneck.vectors.assign(vectors)
    served = []
    for _ in range(60):
        bottleneck(features, training=True)
        distances = numpy_of(features - bottleneck.encode(features))
        served.append(float(np.square(distances).sum(axis=-1).mean()))
    assert served[0] < 100
    assert served[-1] < 0.1  # every cluster has found a vector


@pytest.mark.slow
def test_a_model_with_spatial_codes_comes_back_from_its_file(tmp_path: Path) -> None:
    network = zscape.NetworkConfig(latent_dim=4)
    vq = zscape.BottleneckConfig.parse("vq:codebook=16")
    model = zscape.build_autoencoder((10, 8, 3), network, vq)
    images = random_images((5, 10, 8, 3))
    codes = model.encode(images)
    assert codes.shape == (5, *model.code_shape) == (5, 3, 2, 4)
    assert model.n_code_values == 6
    zscape.save_model(model, tmp_path / "model.keras")
    loaded = zscape.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.encode(images), codes)
    np.testing.assert_array_equal(loaded.reconstruct(images), model.decode(codes))
    with pytest.raises(zscape.DataError, match=r"this model takes \(N, 3, 2, 4\)"):
        model.decode(codes.reshape(5, -1))
