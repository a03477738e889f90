"""What the explorer knows of a run, packed for the browser; no server and no page.

The payload is a safetensors file of arrays of uint8 and float32; `meta` in its metadata is JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zscape.data.images import Images, as_float
from zscape.errors import ConfigError, require
from zscape.export import export_onnx
from zscape.latent.densities import fit_density
from zscape.latent.paths import data_range, finite_codes, principal_directions
from zscape.registry import check_number
from zscape.runs import Run

N_MAP = 2000  # test images on the map
N_CODES = 5000  # training images: enough to see where their codes lie
MAX_DIRECTIONS = 32
MAX_MIXTURE_DIMS = 64  # beyond, a mixture has more numbers than the decoder
N_QUANTITY_COLORS = 64


def build_payload(run: Run, *, images: Images | None = None, n: int = N_MAP) -> bytes:
    """Pack a run for the browser, with `n` of the images on the map, of its test split if None.

    Raises:
        ConfigError: `n` is below 1, a package is missing, or the codes are laid out in space.
    """
    check_number("n", n, low=1, whole=True)
    require("safetensors", extra="explore")
    model = run.model
    if len(model.decoder.input_shape) != 2:
        raise ConfigError(
            f"{run.path} has codes laid out in space; the explorer shows only codes that are a "
            "row of numbers: choose a run with another bottleneck."
        )
    models = export_onnx(model)
    available = run.dataset.test if images is None else images
    shown = available.some(n)
    learned = finite_codes(model.encode(run.dataset.train.some(N_CODES).images))
    codes = finite_codes(model.encode(shown.images)).astype(np.float32)
    space, space_arrays = _describe_space(learned)
    colors, color_index = _colors(shown)
    pixels = np.round(as_float(shown.images) * 255).astype(np.uint8)
    meta = {
        "name": run.path.resolve().name,
        "preset": run.config.network.preset,
        "bottleneck": run.config.bottleneck.name,
        "source": shown.source,
        "imageShape": list(model.image_shape),
        "latentDim": model.latent_dim,
        "nImages": len(shown),
        "nAvailable": len(available),
        "border": _border(pixels),
        **colors,
        **space,
    }
    arrays: dict[str, NDArray[Any]] = {
        "codes": codes,
        "images": pixels,
        "colorIndex": color_index,
        "encoder": np.frombuffer(models.encoder, np.uint8),
        "decoder": np.frombuffer(models.decoder, np.uint8),
    }
    return pack(meta, {**arrays, **space_arrays})


def pack(meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return a payload of values that JSON has and arrays of uint8 or float32."""
    from safetensors.numpy import save

    # It takes the memory of an array as it lies, which for a transposed one is another array.
    rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return save(rows, {"meta": json.dumps(meta, allow_nan=False)})


def _describe_space(codes: np.ndarray) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return where codes (N, d) lie: as latent variables, along principal directions, as a density.

    Values are plain for JSON, arrays are float32: `directions` (k, d) with unit rows, `mean`
    (d,), the map's `mapAxes` (2, d) and `mapCentre` (d,), and the mixture's `means` (m, d) and
    `factors` (m, d, d), with which means + factor @ normal numbers is a draw.
    """
    n_dims = codes.shape[1]
    mean, directions, shares = principal_directions(codes, MAX_DIRECTIONS)
    # Where there are fewer codes than dimensions the others are zeros.
    missing = min(n_dims, MAX_DIRECTIONS) - len(shares)
    directions, shares = np.pad(directions, ((0, missing), (0, 0))), np.pad(shares, (0, missing))
    variances = codes.var(axis=0)
    axes, centre, names = np.eye(2, n_dims), np.zeros(n_dims), ["z1", "z2"]
    if n_dims > 2:
        axes, centre = directions[:2], mean
        names = [f"PC {i} ({100 * share:.0f} %)" for i, share in enumerate(shares[:2], 1)]
    mixture = fit_density("gmm" if n_dims <= MAX_MIXTURE_DIMS else "normal", codes).arrays()
    scale = mixture["scale"]
    values = {
        "variables": _sliders(codes, variances / max(float(variances.sum()), 1e-30)),
        "directions": _sliders((codes - mean) @ directions.T, shares),
        "mapAxisNames": names,
        "densityWeights": mixture["weights"].tolist(),
    }
    arrays = {
        "mean": mean,
        "directions": directions,
        "mapAxes": axes,
        "mapCentre": centre,
        "densityMeans": mixture["means"] * scale + mixture["shift"],
        "densityFactors": np.linalg.cholesky(mixture["covariances"]) * scale[:, None],
    }
    return values, {name: array.astype(np.float32) for name, array in arrays.items()}


def _sliders(positions: np.ndarray, shares: np.ndarray) -> list[dict[str, float]]:
    """Return range and share of the variance for each column of positions (N, k)."""
    low, high = data_range(positions)
    return [
        {"low": float(a), "high": float(b), "share": float(share)}
        for a, b, share in zip(low, high, shares, strict=True)
    ]


def _colors(images: Images) -> tuple[dict[str, Any], np.ndarray]:
    """Return labels, classes and palettes for a light and a dark page, and colours (N,).

    A colour is a place in the palettes. Of what has no label the label and the class are None.
    """
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    from zscape.viz.classes import (
        DARK_GREY,
        GREY,
        as_quantity,
        find_classes,
        has_label,
        name_of,
        ramp,
    )
    from zscape.viz.style import ACCENT

    none = {"labels": None, "classes": None, "range": None}
    if images.labels is None:
        palettes = {"light": [ACCENT], "dark": ["#8dbdec"]}
        return {**none, "palettes": palettes}, np.zeros(len(images), np.uint8)
    labels, known = images.labels, has_label(images.labels)
    named = zip(labels.tolist(), known.tolist(), strict=True)
    texts = [name_of(label, images.class_names) if is_known else None for label, is_known in named]
    classes = find_classes(labels, images.class_names)
    if classes is not None:
        palettes = {"light": classes.colors, "dark": classes.dark_colors}
        values = {"labels": texts, "classes": classes.values, "palettes": palettes}
        return {**none, **values}, classes.places.astype(np.uint8)
    # The last colour is that of no label.
    light = ramp()(np.linspace(0, 1, N_QUANTITY_COLORS))
    dark = mpl.colormaps["viridis"](np.linspace(0.3, 1.0, N_QUANTITY_COLORS))
    palettes = {
        "light": [*map(to_hex, light), GREY],
        "dark": [*map(to_hex, dark), DARK_GREY],
    }
    places, quantity = np.full(len(labels), N_QUANTITY_COLORS), as_quantity(labels)
    low, high = quantity[known].min(), quantity[known].max()
    shares = (quantity[known] - low) / max(high - low, 1e-30)
    places[known] = np.round(shares * (N_QUANTITY_COLORS - 1))
    ends = [labels[known].min(), labels[known].max()]
    reach = [name_of(end.item(), images.class_names) for end in ends]
    values = {"labels": texts, "range": reach, "palettes": palettes}
    return {**none, **values}, places.astype(np.uint8)


def _border(pixels: np.ndarray) -> float:
    """Return how bright the borders of images (N, H, W, C) are, in [0, 1]."""
    edges = (pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1])
    return float(np.mean([edge.mean() for edge in edges])) / 255
