"""A model's metrics on a set of images, beside those of PCA with a code of the same length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.data.images import NO_LABEL, as_float
from zscape.evaluation.denoising import DenoisingEvaluation
from zscape.evaluation.health import LatentHealth, latent_health
from zscape.evaluation.labels import is_labelled, labels_as_in
from zscape.evaluation.metrics import METRICS, Coded, Metric, Values, measure, units
from zscape.evaluation.reconstruction import compression_ratio
from zscape.evaluation.seen import count_seen, seen_warning
from zscape.files import plain_json

if TYPE_CHECKING:
    from zscape.data.images import Images
    from zscape.latent.projection import PcaBaseline
    from zscape.model import Autoencoder

_NOT_CLASSIFIED = "so there is no nearest-neighbour accuracy, linear probe or cluster agreement."
_TOO_GOOD = "on new ones the metrics will be worse"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Metrics of one model on one set of images.

    Attributes:
        data: what the images are.
        model: metrics of the model by name, see `zscape.evaluation.metrics.METRICS`; None where
            not defined.
        pca: the same of PCA with as many components; None when it was not asked for.
        code_shape: (d,), or (h, w, d) where codes are spatial; empty in older files.
        compression_ratio: values of an image per value of its code; a choice from a codebook
            counts as one.
        latent: what the codes say about the latent space.
        warnings: what looks wrong, a sentence each.
        notes: what could not be measured and why, a sentence each.
        denoising: metrics at several levels of noise, of a model trained with a corruption.
        n_seen: how many of the images are among the training images; None where unknown.
    """

    data: str
    n_images: int
    model: Values
    pca: Values | None = None
    code_shape: tuple[int, ...] = ()
    compression_ratio: float
    latent: LatentHealth
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    denoising: DenoisingEvaluation | None = None
    n_seen: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with the unit of each metric."""
        denoising = None if self.denoising is None else self.denoising.to_dict()
        parts = {"latent": self.latent.to_dict(), "denoising": denoising, "units": units(METRICS)}
        return dict(plain_json({**vars(self), **parts}))


def evaluate_model(
    model: Autoencoder,
    images: Images,
    *,
    data: str,
    baseline: PcaBaseline | None,
    neighbours: Images | None,
    notes: tuple[str, ...] = (),
    metrics: Mapping[str, Metric] = METRICS,
) -> Evaluation:
    """Measure reconstructions and codes of `model` on `images`, which `data` names for the reader.

    The baseline is PCA fitted to the training images. `neighbours` are the training images: the
    classifiers of codes learn from them, and without them, or without labels, the accuracies are
    None; images that are among them are counted as seen. `notes` say what the caller could not
    provide, a sentence each. Of `metrics` some can be left out.
    """
    n_seen = None if neighbours is None else count_seen(images.images, neighbours.images)
    images, left_out = _labelled_alike(images, neighbours)
    reason = _why_not_classified(images, neighbours)
    if reason:
        neighbours, left_out = None, (f"{reason}, {_NOT_CLASSIFIED}",)
    unit_scale = model.bottleneck.unit_scale
    coded = _coded(model, images, neighbours, model.latent_dim, unit_scale=unit_scale)
    values, pca = measure(metrics, coded), None
    if baseline is not None:
        pca = measure(metrics, _coded(baseline, images, neighbours, baseline.n_components_))
    health = latent_health(coded.codes)
    return Evaluation(
        data=data,
        n_images=len(images),
        model=values,
        pca=pca,
        code_shape=model.code_shape,
        compression_ratio=compression_ratio(model.image_shape, model.n_code_values),
        latent=health,
        warnings=(
            *dict.fromkeys(images.warnings),
            *seen_warning(n_seen or 0, len(images), consequence=_TOO_GOOD),
            *_not_learned(values, pca),
            *health.warnings(),
        ),
        notes=(*notes, *left_out),
        n_seen=n_seen,
    )


def code_words(code_shape: Sequence[int]) -> str:
    """Return what a code is in words: 10 latent variables, 7 x 7 vectors of length 16."""
    *places, n_dims = code_shape
    if places:
        return f"{' x '.join(map(str, places))} vectors of length {n_dims}"
    return f"{n_dims} latent variable{'s' if n_dims > 1 else ''}"


def _why_not_classified(images: Images, neighbours: Images | None) -> str:
    """Return why codes cannot be classified though there are training images, or nothing."""
    if images.labels is None:
        return "The images have no labels"
    if neighbours is None:
        return ""
    known = is_labelled(neighbours)
    if neighbours.labels is None or not known.any():
        return "The training images have no labels"
    n_classes = len(np.unique(neighbours.labels[known]))
    if n_classes == 1:
        return "The training images are all of one class"
    if 2 * n_classes > known.sum():
        return "Most training images have a label of their own"
    if not is_labelled(images).any():
        return "None of the images has a label that is known from training"
    return ""


def _labelled_alike(images: Images, neighbours: Images | None) -> tuple[Images, tuple[str, ...]]:
    """Return images with the labels of the training images, and a note if some have none."""
    if images.labels is None or not is_labelled(images).any():
        return replace(images, labels=None), ()
    labels = None if neighbours is None else labels_as_in(images, neighbours)
    if labels is None:
        return images, ()
    n_left_out = int((labels == NO_LABEL).sum())
    note = f"{n_left_out:,} images without a label that is known from training do not count in the "
    notes = (f"{note}metrics of labels.",) if n_left_out else ()
    return replace(images, labels=labels), notes


def _coded(
    coder: Autoencoder | PcaBaseline,
    images: Images,
    neighbours: Images | None,
    n_dims: int,
    *,
    unit_scale: bool = False,
) -> Coded:
    """Encode and decode images by a model or PCA; every place of a spatial code is a code."""
    inputs = as_float(images.images)
    codes = coder.encode(inputs)
    labelled = None
    if neighbours is not None and neighbours.labels is not None and images.labels is not None:
        known = coder.encode(neighbours.images)
        labelled = (
            known.reshape(len(known), -1), neighbours.labels,
            codes.reshape(len(codes), -1), images.labels,
        )  # fmt: skip
    clean = inputs if images.targets is None else as_float(images.targets)
    return Coded(clean, coder.decode(codes), codes.reshape(-1, n_dims), unit_scale, labelled)


def _not_learned(model: Values, pca: Values | None) -> list[str]:
    """Return a warning if the model does not beat PCA."""
    own, linear = model.get("mse"), (pca or {}).get("mse")
    if own is None or linear is None or own <= linear:
        return []
    return [
        f"The model's MSE ({own:.4f}) is above that of PCA ({linear:.4f}): it has not learned "
        "enough. Train for more epochs, with another seed or a lower learning rate, or on more "
        "images."
    ]
