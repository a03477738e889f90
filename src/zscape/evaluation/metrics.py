"""The metrics: one table of what is measured, from which everything that shows them is made.

To add a metric, write its function and a row here. The report, the tables of the command line,
the units in `metrics.json` and `generation.json` and the documentation read these tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

import numpy as np

from zscape.evaluation import codes, reconstruction
from zscape.evaluation.generation import Compared

Better = Literal["lower", "higher"] | None


@dataclass(frozen=True)
class Metric:
    """One number that says how good a model is.

    Attributes:
        name: its key in files and dictionaries.
        label: what people read.
        description: what the number means, in a few words.
        unit: what it is counted in, empty for plain numbers.
        better: which direction is better; None for numbers that merely differ.
        form: how it is written, as `str.format` takes it.
        compute: gives the number; None where it comes about otherwise.
    """

    name: str
    label: str
    description: str
    unit: str = ""
    better: Better = None
    form: str = "{:.4f}"
    compute: Callable[[Any], float | None] | None = None

    @property
    def explanation(self) -> str:
        """Unit, description and direction in one line, as files keep them."""
        text = f"{self.unit}, {self.description}" if self.unit else self.description
        return f"{text}; {self.better} is better" if self.better else text

    @property
    def label_with_unit(self) -> str:
        """The label, with the unit where there is one."""
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def text(self, value: float | None) -> str:
        """Return a value of this metric as a table shows it; `n.a.` where there is none."""
        return "n.a." if value is None else self.form.format(value)


@dataclass(frozen=True)
class Coded:
    """Images, and what a model or PCA makes of them: all that metrics are computed from.

    Attributes:
        images: (N, H, W, C), float32 in [0, 1].
        outputs: their reconstructions, of the same shape.
        codes: vectors of codes (M, d); a spatial code gives several.
        unit_scale: the prior of the codes has unit variance in every dimension.
        labelled: whole codes as vectors (K, D) and labels (K,) of training images, then the same of
            `images`; None without labels.
    """

    images: np.ndarray
    outputs: np.ndarray
    codes: np.ndarray
    unit_scale: bool
    labelled: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None

    def by_label(self, function: Callable[..., float | None]) -> float | None:
        """Return what `function` makes of the labelled codes; None without labels."""
        return None if self.labelled is None else function(*self.labelled)


def _table(*metrics: Metric) -> Mapping[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS = _table(
    Metric(
        "mse", "MSE", "mean over pixels and channels of [0, 1] images",
        better="lower", form="{:.5f}",
        compute=lambda it: reconstruction.mean_squared_error(it.images, it.outputs),
    ),
    Metric(
        "psnr", "PSNR", "mean over images", unit="dB", better="higher", form="{:.2f}",
        compute=lambda it: reconstruction.peak_signal_to_noise_ratio(it.images, it.outputs),
    ),
    Metric(
        "ssim", "SSIM", "-1 to 1, mean over images", better="higher",
        compute=lambda it: reconstruction.structural_similarity(it.images, it.outputs),
    ),
    Metric(
        "knn_accuracy", "k-NN accuracy",
        "share of labels that the 5 nearest training codes get right, 0 to 1", better="higher",
        compute=lambda it: it.by_label(codes.knn_accuracy),
    ),
    Metric(
        "linear_probe_accuracy", "linear probe accuracy",
        "share of labels that logistic regression on at most 10,000 training codes gets right",
        better="higher", compute=lambda it: it.by_label(codes.linear_probe_accuracy),
    ),
    Metric(
        "cluster_agreement", "cluster agreement (adjusted Rand index)",
        "k-means on the codes beside the labels, 0 (chance) to 1", better="higher",
        compute=lambda it: it.by_label(lambda *known: codes.cluster_agreement(*known[2:])),
    ),
    Metric(
        "active_units", "active latent variables",
        "latent variables whose code varies over images", form="{:.0f}",
        compute=lambda it: codes.active_units(it.codes, unit_scale=it.unit_scale),
    ),
    Metric(
        "total_correlation_nats", "total correlation",
        "dependence between latent variables, were they normal; null: full",
        unit="nats", form="{:.3f}", compute=lambda it: codes.total_correlation(it.codes),
    ),
    Metric(
        "compression_ratio", "compression", "values of an image per value of its code",
        form="{:.1f}x",
    ),
)  # fmt: skip
"""Metrics of reconstructions and of codes, computed from `Coded`."""


def _distance(name: str, label: str, description: str, part: str) -> Metric:
    return Metric(
        f"{name}_fd", f"FD, {label}", f"squared Fréchet distance of features, {description}",
        better="lower", form="{:.4g}",
        compute=lambda it: it.distance(getattr(it, part)),
    )  # fmt: skip


def _neighbour(name: str, description: str, better: Better = "higher") -> Metric:
    return Metric(
        name, name, description, better=better, form="{:.3f}",
        compute=lambda it: it.neighbours.get(name),
    )  # fmt: skip


GENERATION_METRICS = _table(
    _distance("sample", "generated images", "generated to test images", "samples"),
    _distance(
        "reconstruction", "reconstructions", "reconstructions to test images", "reconstructions"
    ),
    _distance(
        "interpolation", "between two images",
        "images midway between two codes to test images", "midpoints",
    ),
    _distance("floor", "training images (floor)", "training to test images", "train"),
    _neighbour("precision", "share of generated images that lie among test images, 0 to 1"),
    _neighbour("recall", "share of test images that lie among generated images, 0 to 1"),
    _neighbour(
        "density",
        "how densely test images lie round a generated one; about 1 for real images", better=None,
    ),
    _neighbour("coverage", "share of test images with a generated image near, 0 to 1"),
    Metric(
        "nearest_training", "nearest training image",
        "median distance to the nearest training image, root mean square over pixels",
    ),
)  # fmt: skip
"""Metrics of generated images, computed from `Compared`."""

if TYPE_CHECKING:
    Values = dict[str, float | None]
else:
    # What a file holds, checked when it is read: of the metrics that are computed, one that came
    # later may be missing.
    _FIRST = ("mse", "psnr", "ssim", "knn_accuracy")
    Values = TypedDict(
        "Values",
        {
            metric.name: float | None if metric.name in _FIRST else NotRequired[float | None]
            for metric in METRICS.values()
            if metric.compute
        },
    )


def measure(metrics: Mapping[str, Metric], subject: Coded | Compared) -> Values:
    """Return every metric of a table that is computed, by name; None where it is not defined."""
    return {metric.name: metric.compute(subject) for metric in metrics.values() if metric.compute}


def units(metrics: Mapping[str, Metric]) -> dict[str, str]:
    """Return what each metric of a table means, by name, as files keep it."""
    return {metric.name: metric.explanation for metric in metrics.values()}
