"""The linear baseline, and codes seen in two dimensions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from zscape.errors import ConfigError, DataError
from zscape.latent.projection import PcaBaseline, project_codes


@pytest.fixture
def images() -> np.ndarray:
    """60 uint8 images of 5 x 4 pixels with three channels, with strong structure."""
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(60, 6)) @ rng.normal(size=(6, 60)) + 0.3 * rng.normal(size=(60, 60))
    flat = (flat - flat.min()) / (flat.max() - flat.min())
    return np.asarray(np.round(255 * flat), np.uint8).reshape(60, 5, 4, 3)


def best_linear(images: np.ndarray, n_components: int) -> np.ndarray:
    """Reconstruct by a truncated singular value decomposition, straight from its definition."""
    flat = (images.astype(np.float64) / 255).reshape(len(images), -1)
    mean = flat.mean(axis=0)
    u, s, vt = np.linalg.svd(flat - mean, full_matrices=False)
    s[n_components:] = 0
    return np.asarray((u * s) @ vt + mean).reshape(images.shape)


@pytest.mark.parametrize("n_components", [1, 3, 10])
def test_reconstructs_like_a_truncated_svd(images: np.ndarray, n_components: int) -> None:
    pca = PcaBaseline(n_components).fit(images)
    assert pca.encode(images).shape == (60, n_components)
    reconstructions = pca.reconstruct(images)
    assert reconstructions.dtype == np.float32
    np.testing.assert_allclose(reconstructions, best_linear(images, n_components), atol=1e-5)


def test_codes_are_centred_uncorrelated_and_sorted(images: np.ndarray) -> None:
    codes = PcaBaseline(4).fit(images).encode(images)
    covariance = np.cov(codes, rowvar=False)
    variances = np.diag(covariance)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(covariance, np.diag(variances), atol=1e-5)
    assert np.all(np.diff(variances) < 0)


def test_all_components_are_lossless(images: np.ndarray) -> None:
    pca = PcaBaseline(1000).fit(images)
    assert pca.n_components_ == 60
    np.testing.assert_allclose(pca.reconstruct(images), images / 255, atol=1e-5)


def test_stored_and_float_images_give_the_same(images: np.ndarray) -> None:
    floats = (images / 255).astype(np.float32)
    before = floats.copy()
    np.testing.assert_allclose(
        PcaBaseline(3).fit(images).encode(images),
        PcaBaseline(3).fit(floats).encode(floats),
        atol=1e-5,
    )
    np.testing.assert_array_equal(floats, before)


def test_reconstructions_are_not_clipped() -> None:
    # Stripes of every width: with few components, straight edges ring beyond black and white.
    steps = (np.arange(16)[None, :] < np.arange(1, 16)[:, None]).astype(np.float32)
    reconstructions = PcaBaseline(3).fit(steps[..., None, None]).reconstruct(steps[..., None, None])
    assert reconstructions.min() < -0.05
    assert reconstructions.max() > 1.05


def test_large_images_get_nearly_the_best_components() -> None:
    rng = np.random.default_rng(1)
    flat = rng.uniform(size=(30, 3)) @ rng.uniform(size=(3, 80 * 80)) / 3
    images = flat.reshape(30, 80, 80, 1)
    np.testing.assert_allclose(PcaBaseline(3).fit(images).reconstruct(images), images, atol=1e-4)
    np.testing.assert_array_equal(
        PcaBaseline(2, seed=5).fit(images).encode(images),
        PcaBaseline(2, seed=5).fit(images).encode(images),
    )


def test_equal_images_and_a_single_image_are_their_own_mean(images: np.ndarray) -> None:
    for same in (images[:1], np.repeat(images[:1], 5, axis=0)):
        pca = PcaBaseline(2).fit(same)
        np.testing.assert_allclose(pca.reconstruct(same), same / 255, atol=1e-6)


def test_more_images_than_one_part(images: np.ndarray) -> None:
    pca = PcaBaseline(2).fit(images)
    many = np.tile(images, (40, 1, 1, 1))  # 2,400 images
    np.testing.assert_allclose(pca.encode(many), np.tile(pca.encode(images), (40, 1)), atol=1e-5)


def test_pca_says_what_is_wrong(images: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="n_components is 0"):
        PcaBaseline(0).fit(images)
    with pytest.raises(DataError, match="at least one image"):
        PcaBaseline(2).fit(images[:0])
    with pytest.raises(DataError, match="expected"):
        PcaBaseline(2).fit(images[0])
    with pytest.raises(NotFittedError, match="call fit"):
        PcaBaseline(2).encode(images)
    pca = PcaBaseline(2).fit(images)
    with pytest.raises(DataError, match="fitted to"):
        pca.encode(images[:, :4])
    with pytest.raises(DataError, match=r"expected \(N, 2\)"):
        pca.decode(np.zeros((4, 3)))


def test_saved_pca_reconstructs_the_same(images: np.ndarray, tmp_path: Path) -> None:
    pca = PcaBaseline(3).fit(images)
    path = tmp_path / "pca.npz"
    pca.save(path)
    again = PcaBaseline.load(path)
    assert again.n_components_ == 3
    assert again.image_shape_ == (5, 4, 3)
    np.testing.assert_array_equal(again.reconstruct(images), pca.reconstruct(images))


def test_damaged_pca_file_is_one_clear_line(images: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "pca.npz"
    PcaBaseline(3).fit(images).save(path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    np.savez(tmp_path / "other.npz", images=images)
    foreign = (tmp_path / "other.npz").read_bytes()
    for content in (b"", whole[: len(whole) // 2], bytes(flipped), foreign):
        path.write_bytes(content)
        with pytest.raises(DataError, match="is damaged") as caught:
            PcaBaseline.load(path)
        assert "\n" not in str(caught.value)


def test_a_pca_file_of_arrays_that_do_not_fit_says_so(images: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "pca.npz"
    PcaBaseline(3).fit(images).save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, "mean": arrays["mean"][1:]})
    expected = r"is damaged \(the arrays do not fit together\); delete it to have it made again\.$"
    with pytest.raises(DataError, match=expected):
        PcaBaseline.load(path)


def test_nothing_pickled_in_a_pca_file_is_opened(images: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "pca.npz"
    PcaBaseline(3).fit(images).save(path)
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **{**arrays, "images": np.array(["a name", None], object)})
    with pytest.raises(DataError, match=r"is damaged \(Object arrays cannot be loaded"):
        PcaBaseline.load(path)


def test_what_a_pca_file_keeps_of_its_making(images: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "pca.npz"
    PcaBaseline(100).fit(images).save(path, images="spots")
    again = PcaBaseline.load(path)
    assert (again.n_components, again.n_components_, again.images_) == (100, 60, "spots")


def test_two_dimensions_stay_as_they_are() -> None:
    codes = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    projection = project_codes(codes)
    np.testing.assert_array_equal(projection.points, codes)
    assert projection.explained is None
    assert projection.axis_names == ("z1", "z2")


def test_one_dimension_lies_on_a_line() -> None:
    projection = project_codes(np.array([[1.0], [-2.0]]))
    assert projection.points.tolist() == [[1.0, 0.0], [-2.0, 0.0]]
    assert projection.explained is None


def test_longer_codes_keep_their_principal_plane() -> None:
    # Independent columns of known spread, then turned: variances 9, 4 and 1 of 14.
    rng = np.random.default_rng(0)
    columns, _ = np.linalg.qr(rng.normal(size=(500, 4)))
    columns -= columns.mean(axis=0)
    columns, _ = np.linalg.qr(columns)
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    codes = columns * [3, 2, 1, 0] @ turn + [10, -5, 0, 3]
    projection = project_codes(codes)
    assert projection.explained == pytest.approx((9 / 14, 4 / 14))
    assert projection.axis_names == ("PC 1 (64.3 % of variance)", "PC 2 (28.6 % of variance)")
    np.testing.assert_allclose(np.abs(projection.points), np.abs(columns[:, :2] * [3, 2]))


@pytest.mark.parametrize("n_dims", [3, 4])
def test_the_plane_does_not_depend_on_the_scale(n_dims: int) -> None:
    codes = np.random.default_rng(0).normal(size=(50, n_dims))
    whole, small = project_codes(codes), project_codes(codes / 1024)
    np.testing.assert_allclose(1024 * small.points, whole.points, atol=1e-9)
    assert small.explained == pytest.approx(whole.explained)
    assert small.axis_names == whole.axis_names


def test_signs_do_not_depend_on_the_order_of_codes() -> None:
    rng = np.random.default_rng(3)
    codes = rng.normal(size=(200, 6)) * [5, 4, 3, 1, 1, 1]
    order = rng.permutation(200)
    np.testing.assert_allclose(
        project_codes(codes[order]).points, project_codes(codes).points[order], atol=1e-9
    )


def test_reference_fixes_the_axes() -> None:
    rng = np.random.default_rng(4)
    reference = rng.normal(size=(100, 5)) * [4, 3, 1, 1, 1]
    whole = project_codes(reference)
    part = project_codes(reference[:3], reference)
    np.testing.assert_allclose(part.points, whole.points[:3], atol=1e-12)
    assert part.explained == whole.explained


@pytest.mark.parametrize("n_codes", [1, 2, 5])
def test_equal_codes_fall_on_one_point(n_codes: int) -> None:
    projection = project_codes(np.ones((n_codes, 8)))
    np.testing.assert_array_equal(projection.points, np.zeros((n_codes, 2)))
    assert projection.explained == (0.0, 0.0)


@pytest.mark.parametrize("codes", [np.zeros((0, 3)), np.zeros(3), np.full((4, 3), np.inf)])
def test_bad_codes_are_refused(codes: np.ndarray) -> None:
    with pytest.raises(DataError, match="codes"):
        project_codes(codes)


def test_reference_of_another_length_is_refused() -> None:
    with pytest.raises(DataError, match="same model"):
        project_codes(np.zeros((2, 3)), np.zeros((2, 4)))
