"""Principal components: the linear baseline for images, and codes seen in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zscape.data.checks import check_values
from zscape.data.images import ImageStore, as_float, as_store, chunks, on_disk
from zscape.errors import ConfigError, DataError
from zscape.latent.paths import finite_codes, principal_directions
from zscape.npz import load_arrays

# Above this many values an image's covariance matrix takes too long to decompose exactly.
_MAX_EXACT_FEATURES = 4096


class PcaBaseline:
    """The best linear autoencoder: principal component analysis of the pixels.

    No linear encoder and decoder with a code of this length has a lower mean squared error on
    the images it was fitted to (Baldi and Hornik, "Neural networks and principal component
    analysis", Neural Networks 2, 1989). A network that does not beat it has learned nothing
    that is worth its price.

    Reconstructions are not clipped to [0, 1]: the metrics are those of plain PCA, as published.

    Args:
        n_components: the length of a code, 1 or more. Fewer are used when there are fewer images
            or fewer values in an image.
        seed: seeds the randomised solver that large images need; exact results do not depend
            on it.

    Attributes:
        n_components_: the components really used.
        mean_: the mean image, flat, shape (H*W*C,).
        components_: orthonormal rows, shape (n_components_, H*W*C).
        image_shape_: (H, W, C).
        images_: names the images of `fit`, where a file has kept that; else empty.
    """

    images_ = ""

    def __init__(self, n_components: int, *, seed: int = 0) -> None:
        """Store the settings; `fit` does the work."""
        self.n_components = n_components
        self.seed = seed

    def fit(self, images: ImageStore) -> Self:
        """Find the principal components of training images (N, H, W, C) of any stored dtype."""
        from sklearn.decomposition import PCA

        if self.n_components < 1:
            raise ConfigError(f"n_components is {self.n_components}; expected 1 or more.")
        images = np.asarray(images)
        if images.ndim != 4 or images.size == 0:
            raise DataError(
                f"images have shape {images.shape}; expected (N, H, W, C) with at least one image."
            )
        check_values(images)
        flat = as_float(images).reshape(len(images), -1)  # (N, H*W*C)
        self.mean_ = flat.mean(axis=0, dtype=np.float64).astype(np.float32)
        # Centred here, in a copy: the exact solver would otherwise subtract two large float32
        # matrices, and the caller's images must stay as they are.
        centred = flat - self.mean_
        exact = "covariance_eigh" if centred.shape[1] <= _MAX_EXACT_FEATURES else "randomized"
        pca = PCA(
            n_components=min(self.n_components, *centred.shape),
            svd_solver=exact if len(centred) > 1 else "full",  # one image has no covariance
            copy=False,
            random_state=self.seed,
        )
        # Equal images have no variance, and scikit-learn divides by it for a share not used here.
        with np.errstate(divide="ignore", invalid="ignore"):
            pca.fit(centred)
        self.components_: NDArray[np.float32] = np.asarray(pca.components_, dtype=np.float32)
        self.n_components_ = len(self.components_)
        self.image_shape_: tuple[int, int, int] = images.shape[1:]
        return self

    def encode(self, images: ImageStore) -> NDArray[np.float32]:
        """Return codes, float32 (N, n_components_), of images of the fitted shape, any dtype."""
        self._check_fitted()
        images = as_store(images)
        if images.ndim != 4 or images.shape[1:] != self.image_shape_ or images.size == 0:
            raise DataError(
                f"images have shape {images.shape}; expected (N, H, W, C) with "
                f"(H, W, C) = {self.image_shape_}, the shape that PCA was fitted to."
            )
        if on_disk(images) is None:
            check_values(images)
        codes = np.empty((len(images), self.n_components_), np.float32)
        for rows, part in chunks(images):
            flat = as_float(part).reshape(len(part), -1)  # (n, H*W*C)
            codes[rows] = (flat - self.mean_) @ self.components_.T
        return codes

    def decode(self, codes: NDArray[Any]) -> NDArray[np.float32]:
        """Return images, float32 (N, H, W, C), not clipped to [0, 1]."""
        self._check_fitted()
        codes = np.asarray(codes, dtype=np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.n_components_:
            raise DataError(
                f"codes have shape {codes.shape}; expected (N, {self.n_components_}), "
                "as encode gives them."
            )
        flat: NDArray[np.float32] = codes @ self.components_ + self.mean_  # (N, H*W*C)
        return flat.reshape(len(codes), *self.image_shape_)

    def reconstruct(self, images: ImageStore) -> NDArray[np.float32]:
        """Return `decode(encode(images))`, float32 (N, H, W, C), not clipped to [0, 1]."""
        return self.decode(self.encode(images))

    def save(self, path: Path, *, images: str = "") -> None:
        """Save to a `.npz` file; `images` names those of `fit`, so that others are noticed."""
        self._check_fitted()
        np.savez(
            path,
            mean=self.mean_,
            components=self.components_,
            shape=self.image_shape_,
            asked=self.n_components,
            images=images,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load what `save` wrote, also before `n_components` and `images_` were kept."""
        try:
            stored = load_arrays(path)
            baseline = cls(int(stored.get("asked", len(stored["components"]))))
            baseline.images_ = str(stored.get("images", ""))
            baseline.mean_, baseline.components_ = stored["mean"], stored["components"]
            height, width, channels = (int(size) for size in stored["shape"])
            arrays = baseline.mean_, baseline.components_
            if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays):
                raise ValueError("the arrays have others than finite numbers")
            fits = baseline.components_.shape[1:] == baseline.mean_.shape
            if not fits or baseline.mean_.shape != (height * width * channels,):
                raise ValueError("the arrays do not fit together")
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            reason = str(error).partition(".")[0]
            raise DataError(
                f"{path} is damaged ({reason}); delete it to have it made again."
            ) from error
        baseline.n_components_ = len(baseline.components_)
        baseline.image_shape_ = height, width, channels
        return baseline

    def _check_fitted(self) -> None:
        if not hasattr(self, "components_"):
            from sklearn.exceptions import NotFittedError

            raise NotFittedError("this PcaBaseline is not fitted yet; call fit(images) first.")


@dataclass(frozen=True)
class Projection:
    """Codes in the plane.

    Attributes:
        points: shape (N, 2), in the units of the codes.
        explained: the share of the variance along each axis, each in [0, 1]; None when codes of
            one or two dimensions are shown as they are.
        axis_names: what to write at the two axes.
    """

    points: NDArray[np.float64]
    explained: tuple[float, float] | None
    axis_names: tuple[str, str]


def project_codes(codes: NDArray[Any], reference: NDArray[Any] | None = None) -> Projection:
    """Show codes (N, d) of any length in two dimensions.

    Codes of two dimensions stay as they are, and codes of one dimension get zeros as the second
    coordinate. Longer codes are projected on their first two principal components, or on those of
    `reference` codes (M, d), for pictures that share their axes.
    """
    codes = finite_codes(codes)
    basis = codes if reference is None else finite_codes(reference)
    latent_dim = codes.shape[1]
    if basis.shape[1] != latent_dim:
        raise DataError(
            f"reference codes have {basis.shape[1]} dimensions and codes have {latent_dim}; "
            "expected codes of the same model."
        )
    points = np.zeros((len(codes), 2))
    if latent_dim <= 2:
        points[:, :latent_dim] = codes
        return Projection(points, None, ("z1", "z2"))
    mean, axes, shares = principal_directions(basis, 2)
    points[:, : len(axes)] = (codes - mean) @ axes.T  # a single reference code has one axis only
    first, second = np.pad(shares, (0, 2 - len(shares))).tolist()
    name = "PC {} ({:.1f} % of variance)".format
    return Projection(points, (first, second), (name(1, 100 * first), name(2, 100 * second)))
