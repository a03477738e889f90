"""How close reconstructions are to their images: pure functions of arrays.

Images are (N, H, W, C) in [0, 1]; a stored dtype such as uint8 is converted a part at a time.
Arrays of two shapes or without an image raise `DataError`. Results are Python numbers that
`json.dumps` takes, unless the images themselves hold NaN: then the result is NaN too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from zscape.data.images import ImageStore, as_float, chunks
from zscape.errors import ConfigError, DataError

_COPIES = 16  # of the images, mostly in float64: so many does SSIM make
_SMALLEST_MSE = 1e-10  # 100 dB
_SSIM_WINDOW, _SSIM_SIGMA = 11, 1.5  # of Wang et al. 2004


def mean_squared_error(images: ImageStore, reconstructions: ImageStore) -> float:
    """Return the squared error, mean over images, pixels and channels of [0, 1] images."""
    return float(_per_image_mse(images, reconstructions).mean())


def peak_signal_to_noise_ratio(images: ImageStore, reconstructions: ImageStore) -> float:
    """Return the peak signal-to-noise ratio in decibels (dB), mean over the images.

    For each image, -10 log10(MSE) with a peak of 1. The mean of these is what the literature on
    images reports; it is not -10 log10 of the mean MSE, and usually higher. An exact
    reconstruction is infinitely good and would hide all others, so an image counts for 100 dB
    at most.
    """
    errors = np.maximum(_per_image_mse(images, reconstructions), _SMALLEST_MSE)
    return float(np.mean(-10.0 * np.log10(errors)))


def structural_similarity(images: ImageStore, reconstructions: ImageStore) -> float | None:
    """Return the structural similarity (SSIM), mean over images and channels, -1 to 1; 1 is equal.

    As in Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE Transactions on Image Processing 13, 2004: a Gaussian window of
    11 by 11 pixels with sigma 1.5, population covariance, borders left out, each channel alone.
    For smaller images the window shrinks to the largest odd side that fits, and sigma with it;
    with a side below 3 pixels it is not defined, and None is returned.
    """
    from skimage.metrics import structural_similarity as skimage_ssim

    _check_pair(images, reconstructions)
    height, width = images.shape[1:3]
    window = min(_SSIM_WINDOW, height - 1 + height % 2, width - 1 + width % 2)
    if window < 3:
        return None
    total = 0.0
    for rows, part in chunks(images, copies=_COPIES):
        pair = _float64(part), _float64(reconstructions[rows])
        # Every channel of every image becomes a channel of one (n * C, H, W) stack.
        planes = [np.moveaxis(each, -1, 1).reshape(-1, height, width) for each in pair]
        similarity = skimage_ssim(
            *planes,
            channel_axis=0,
            data_range=1.0,
            gaussian_weights=True,
            # scikit-image's Gaussian has 2 * int(3.5 * sigma + 0.5) + 1 taps: `window` of them.
            sigma=_SSIM_SIGMA * window / _SSIM_WINDOW,
            win_size=window,
            use_sample_covariance=False,
        )
        total += float(similarity) * len(part)
    return total / len(images)


def compression_ratio(image_shape: Sequence[int], latent_dim: int) -> float:
    """Return values in an image over values in its code, 784 / 10 = 78.4 for 28 x 28 x 1.

    This compares counts of numbers, not bytes on disk.
    """
    if latent_dim < 1 or min(image_shape, default=0) < 1:
        raise ConfigError(
            f"image shape {tuple(image_shape)} and latent_dim {latent_dim}; expected sizes of "
            "1 or more."
        )
    return math.prod(image_shape) / latent_dim


def _per_image_mse(images: ImageStore, reconstructions: ImageStore) -> np.ndarray:
    """Return the mean squared error of each image, shape (N,)."""
    _check_pair(images, reconstructions)
    errors = np.empty(len(images))
    for rows, part in chunks(images, copies=_COPIES):
        squares = (_float64(part) - _float64(reconstructions[rows])) ** 2
        errors[rows] = squares.mean(axis=(1, 2, 3))
    return errors


def _float64(images: np.ndarray) -> np.ndarray:
    is_float = np.issubdtype(images.dtype, np.floating)
    return np.asarray(images if is_float else as_float(images), np.float64)


def _check_pair(images: ImageStore, reconstructions: ImageStore) -> None:
    if images.shape != reconstructions.shape or images.ndim != 4 or images.size == 0:
        raise DataError(
            f"images have shape {images.shape} and reconstructions {reconstructions.shape}; "
            "expected the same (N, H, W, C) with at least one image."
        )
