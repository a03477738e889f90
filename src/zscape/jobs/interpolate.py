"""The way from one image to another, and along the latent directions, decoded."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np

from zscape.data.images import ImageStore, as_float
from zscape.errors import ConfigError, DataError
from zscape.latent.paths import MAX_PATH_CODES, density_path, linear_path, spherical_path, traversal
from zscape.runs import Run
from zscape.settings import PathName


def interpolate(
    run: Run,
    first: str | Path | int,
    second: str | Path | int,
    *,
    steps: int = 10,
    path: PathName = "linear",
) -> tuple[np.ndarray, np.ndarray]:
    """Decode the way from the code of one image to that of another.

    Args:
        run: a trained run.
        first: a picture file, or the number of an image of the test split.
        second: the same.
        steps: codes on the way, both ends included.
        path: `linear`; `spherical`; or `density`, which stays among the codes of training images.

    Returns:
        Images (steps, H, W, C), float32 in [0, 1], and their codes, as `encode` gives them.

    Raises:
        ConfigError: `steps` or `path` is not one of those possible.
        DataError: an image cannot be read, or there is none of that number.
        RunError: the images of the run are gone.
    """
    if path not in get_args(PathName):
        raise ConfigError(f"path is {path!r}; expected one of {', '.join(get_args(PathName))}.")
    start, end = _vectors(run, originals(run, first, second))
    if path == "density":
        codes = density_path(start, end, _training_vectors(run), steps)
    else:
        way = linear_path if path == "linear" else spherical_path
        codes = way(start, end, steps)
    codes = run.model.project(codes.reshape(-1, *run.model.code_shape))
    return run.model.decode(codes), codes


def originals(run: Run, *images: str | Path | int) -> np.ndarray:
    """Return images as the model takes them, (n, H, W, C), float32 in [0, 1].

    Args:
        run: a trained run.
        images: picture files, or numbers of images of the test split.

    Raises:
        DataError: an image cannot be read, or there is none of that number.
        RunError: the images of the run are gone.
    """
    return np.stack([_one_image(run, image) for image in images])


def traverse(
    run: Run, image: str | Path | int | None = None, *, steps: int = 11
) -> tuple[np.ndarray, list[str]]:
    """Decode what happens to an image along each latent direction, where data lie.

    Args:
        run: a trained run.
        image: a picture file, or the number of an image of the test split; when None, the mean
            of all codes.
        steps: images along a direction.

    Returns:
        Images (directions, steps, H, W, C), float32 in [0, 1], and a name for each direction:
        the latent variables, or where those are more than ten the principal directions with
        their share of the variance.

    Raises:
        ConfigError: `steps` is below 2.
        DataError: the image cannot be read, or there is none of that number.
        RunError: the images of the run are gone.
    """
    images, names, _ = traverse_with_values(run, image, steps=steps)
    return images, names


def traverse_with_values(
    run: Run, image: str | Path | int | None = None, *, steps: int = 11
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Do as `traverse`, and return also where codes are along their direction.

    The third is (directions, steps): the value of the latent variable, or the coordinate along
    the principal direction, in the units of codes.
    """
    codes = _training_vectors(run)
    base = codes.mean(axis=0)
    if image is not None:
        base = _vectors(run, _one_image(run, image)[None])[0]
    moved, names = traversal(codes, base, steps)
    images = run.model.decode(run.model.project(moved.reshape(-1, *run.model.code_shape)))
    return images.reshape(*moved.shape[:2], *images.shape[1:]), names, _coordinates(moved)


def _coordinates(moved: np.ndarray) -> np.ndarray:
    """Return the coordinates (k, steps) of codes (k, steps, d), each row on a line, along it."""
    ways = moved[:, -1] - moved[:, 0]  # (k, d)
    lengths = np.linalg.norm(ways, axis=-1, keepdims=True)
    units = ways / np.maximum(lengths, np.finfo(np.float32).tiny)
    return np.asarray(np.einsum("ksd,kd->ks", moved, units))


def _vectors(run: Run, images: ImageStore) -> np.ndarray:
    """Return codes (N, n), a row each also where codes are spatial."""
    return run.model.encode(images).reshape(len(images), -1)


def _training_vectors(run: Run) -> np.ndarray:
    """Return codes of training images, enough to see where they lie."""
    return _vectors(run, run.dataset.train.some(MAX_PATH_CODES).images)


def _one_image(run: Run, image: str | Path | int) -> np.ndarray:
    """Return one image (H, W, C), float32 in [0, 1]: a picture file, or one of the test split."""
    name = str(image)
    if not name.isdigit():
        return run.read_picture(name)
    test, number = run.dataset.test.images, int(name)
    if number >= len(test):
        raise DataError(
            f"there is no test image {number}; this run has {len(test):,}, counted from 0."
        )
    return as_float(test[number])
