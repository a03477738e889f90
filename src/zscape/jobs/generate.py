"""New images from codes that are drawn from a density."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images
from zscape.errors import ConfigError
from zscape.files import sha256_of, write_arrays, write_bytes
from zscape.jobs.picture_files import picture_folder, write_pictures
from zscape.latent.densities import Density, density_class, fit_density, load_density, save_density
from zscape.registry import check_number
from zscape.runs import Run


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
    check_number("n", n, low=1, whole=True)
    model = run.model
    fitted = run_density(run, density or model.bottleneck.default_density, label=label)
    drawn = fitted.sample(n, seed)
    if fitted.of_indices:
        codes = model.codes_from_indices(drawn)
    else:
        codes = model.project(drawn.reshape(-1, *model.code_shape))
    return model.decode(codes), codes


def run_density(run: Run, name: str, *, label: int | str | None = None) -> Density:
    """Return a density of the codes of a run's training images: kept there, or fitted now.

    Its file is named after the model too, so that a model trained further gets a new one.
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
    path = folder / f"{stem}.{sha256_of(run.path / 'model.keras')[:16]}.npz"
    if path.exists():
        return load_density(name, path, prior=bottleneck.prior)
    train = run.dataset.train if label is None else _labelled(run.dataset.train, label)
    codes = run.model.encode(train.images)
    codes = run.model.code_indices(codes) if kind.of_indices else codes.reshape(len(codes), -1)
    fitted = fit_density(name, codes, prior=bottleneck.prior)
    save_density(fitted, path)
    for other in folder.glob(f"{stem}.*.npz"):
        if other != path:
            other.unlink(missing_ok=True)
    return fitted


def _labelled(images: Images, label: int) -> Images:
    """Return the images with one label."""
    if images.labels is None:
        raise ConfigError(f"label is {label}, but the images of this run have no labels.")
    chosen = np.flatnonzero(images.labels == label)
    if not len(chosen):
        known = ", ".join(str(value) for value in np.unique(images.labels)[:20])
        raise ConfigError(f"label is {label}; the images of this run have {known}.")
    return images.take(chosen)


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


def write_generated(images: np.ndarray, codes: np.ndarray, out: Path) -> dict[str, Any]:
    """Write images as arrays to a `.npz` file, or as pictures, a sheet and arrays to a folder."""
    from zscape.viz.sheets import plot_images
    from zscape.viz.style import figure_png

    arrays = {"images": images, "codes": codes}
    if out.suffix.lower() == ".npz":
        write_arrays(out, arrays)
    else:
        picture_folder(out, beside="generated.npz")
        write_arrays(out / "generated.npz", arrays)
        write_bytes(out / "sheet.png", figure_png(plot_images(images)))
        write_pictures(out, images)
    return {"n_images": len(images)}
