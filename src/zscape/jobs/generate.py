"""New images from a run: drawn, between two others, and along the latent directions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from zscape.data.images import ImageStore, as_float
from zscape.data.pictures import read_picture
from zscape.errors import ConfigError, DataError
from zscape.files import sha256_of, write_arrays, write_bytes
from zscape.jobs.decode import remove_pictures, write_pictures
from zscape.latent.densities import (
    Density,
    density_class,
    fit_density,
    load_density,
    save_density,
)
from zscape.latent.paths import (
    MAX_PATH_CODES,
    density_path,
    linear_path,
    spherical_path,
    traversal,
)
from zscape.runs import Run
from zscape.settings import PathName

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def generate(
    run: Run,
    n: int = 64,
    *,
    density: str | None = None,
    seed: int = 0,
    label: int | str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw codes from a density and decode them.

    The density is fitted to the codes of the training images when first asked for, and kept in
    the run folder.

    Args:
        run: a trained run.
        n: how many images.
        density: `prior`, `normal`, `gmm`, `kde` or `flow`; see `zscape.latent.densities`. When
            None, the bottleneck's `default_density`: `prior` for discrete codes, else `gmm`.
        seed: seeds the draws.
        label: only images like those with this label, or in the class of this name.

    Returns:
        Images (n, H, W, C), float32 in [0, 1], and their codes, as `encode` gives them.

    Raises:
        ConfigError: `n` is below 1, or there is no such density or label.
        RunError: the training images are gone, or a file in the run is damaged.
    """
    if n < 1:
        raise ConfigError(f"n is {n}; expected 1 or more.")
    fitted = run_density(run, density or run.model.bottleneck.default_density, label=label)
    drawn = fitted.sample(n, seed)
    codes = run.model.codes_from_indices(drawn) if fitted.of_indices else _possible(run, drawn)
    return run.model.decode(codes), codes


def run_density(run: Run, name: str, *, label: int | str | None = None) -> Density:
    """Return a density of the codes of a run's training images: kept there, or fitted now.

    Its file is named after the model too, so that a model trained further gets a new one.

    Raises:
        ConfigError: there is no such density or label.
        RunError: the training images are gone, or a file in the run is damaged.
    """
    bottleneck = run.model.bottleneck
    kind = density_class(name, bottleneck.prior)
    if kind.of_indices and not bottleneck.discrete:
        raise ConfigError(
            f"density is {name!r}, which is for code indices; the codes of this run are not "
            f"discrete. Choose {bottleneck.default_density}."
        )
    if bottleneck.spatial and bottleneck.discrete and not kind.of_indices:
        raise ConfigError(
            f"density is {name!r}, which is for codes (N, d); those of this run are choices from "
            f"a codebook at many places. Choose {bottleneck.default_density}."
        )
    if not kind.needs_codes:
        if label is not None:
            raise ConfigError("this prior knows no labels; choose normal, gmm, kde or flow.")
        return kind().fit(np.zeros((1, math.prod(run.model.code_shape))))
    if isinstance(label, str):
        label = _label_number(run, label)
    folder, stem = run.path / "density", name if label is None else f"{name}-label{label}"
    digest = sha256_of(run.path / "model.keras")[:16]
    path = folder / f"{stem}.{digest}.npz"
    if path.exists():
        return load_density(name, path, prior=bottleneck.prior)
    train = run.dataset.train
    if label is not None:
        if train.labels is None:
            raise ConfigError(f"label is {label}, but the images of this run have no labels.")
        chosen = np.flatnonzero(train.labels == label)
        if not len(chosen):
            known = ", ".join(str(value) for value in np.unique(train.labels)[:20])
            raise ConfigError(f"label is {label}; the images of this run have {known}.")
        train = train.take(chosen)
    codes = run.model.encode(train.images)
    codes = run.model.code_indices(codes) if kind.of_indices else codes.reshape(len(codes), -1)
    fitted = fit_density(name, codes, prior=bottleneck.prior)
    save_density(fitted, path)
    for other in folder.glob(f"{stem}.*.npz"):
        if other != path:
            other.unlink(missing_ok=True)
    return fitted


def _label_number(run: Run, label: str) -> int:
    """Return the number of the class of that name, or the number that the text is."""
    # Only folders have class names; other images need not be read to know a number.
    names = (run.dataset.train.class_names or ()) if run.config.pictures else ()
    if label in names:
        return names.index(label)
    if label.lstrip("-").isdigit():
        return int(label)
    known = ", ".join(names[:20]) or "numbers only"
    raise ConfigError(f"label is {label!r}; the images of this run have {known}.")


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
    images = np.stack([_one_image(run, image) for image in (first, second)])
    start, end = _flat_codes(run, images)
    if path == "linear":
        codes = linear_path(start, end, steps)
    elif path == "spherical":
        codes = spherical_path(start, end, steps)
    else:
        codes = density_path(start, end, _flat_codes(run, _some(run)), steps)
    codes = _possible(run, codes)
    return run.model.decode(codes), codes


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
    codes = _flat_codes(run, _some(run))
    base = codes.mean(axis=0)
    if image is not None:
        base = _flat_codes(run, _one_image(run, image)[None])[0]
    moved, names = traversal(codes, base, steps)
    images = run.model.decode(_possible(run, moved.reshape(-1, codes.shape[1])))
    return images.reshape(*moved.shape[:2], *images.shape[1:]), names


def _flat_codes(run: Run, images: ImageStore) -> np.ndarray:
    """Return codes (N, n), a row each also where codes are spatial."""
    return run.model.encode(images).reshape(len(images), -1)


def _possible(run: Run, codes: np.ndarray) -> np.ndarray:
    """Return the codes nearest to rows (N, n) that an image can have, in the shape of codes."""
    return run.model.project(codes.reshape(len(codes), *run.model.code_shape))


def _some(run: Run) -> ImageStore:
    """Return training images, enough to see where their codes lie."""
    return run.dataset.train.take(slice(MAX_PATH_CODES)).images


def _one_image(run: Run, image: str | Path | int) -> np.ndarray:
    """Return one image (H, W, C), float32 in [0, 1]: a picture file, or one of the test split."""
    name = str(image)
    if not name.isdigit():
        fit = run.config.pictures.fit if run.config.pictures else "stretch"
        return as_float(read_picture(name, run.config.image_shape, fit))
    test, number = run.dataset.test.images, int(name)
    if number >= len(test):
        raise DataError(
            f"there is no test image {number}; this run has {len(test):,}, counted from 0."
        )
    return as_float(test[number])


def rows(images: np.ndarray, names: list[str]) -> Figure:
    """Draw images (rows, cols, H, W, C) with a name before each row."""
    from zscape.viz.sheets import plot_image_rows

    return plot_image_rows(images, names)


def sheet(images: np.ndarray) -> Figure:
    """Draw generated images (N, H, W, C) side by side."""
    from zscape.viz.sheets import plot_images

    return plot_images(images)


def write_generated(images: np.ndarray, codes: np.ndarray, out: Path) -> dict[str, Any]:
    """Write images as arrays to a `.npz` file, or as pictures, a sheet and arrays to a folder."""
    arrays = {"images": images, "codes": codes}
    if out.suffix.lower() == ".npz":
        write_arrays(out, arrays)
        return {"n_images": len(images)}
    from zscape.viz.style import figure_png

    out.mkdir(parents=True, exist_ok=True)
    remove_pictures(out, beside="generated.npz")
    write_arrays(out / "generated.npz", arrays)
    write_bytes(out / "sheet.png", figure_png(sheet(images)))
    write_pictures(out, images)
    return {"n_images": len(images)}
