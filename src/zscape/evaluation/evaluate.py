"""A model's figures on a set of images, beside those of PCA with a code of the same length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.evaluation.codes import (
    active_units,
    cluster_agreement,
    linear_probe_accuracy,
    total_correlation,
)
from zscape.evaluation.denoising import DenoisingEvaluation
from zscape.evaluation.metrics import (
    LatentHealth,
    compression_ratio,
    knn_accuracy,
    latent_health,
    mean_squared_error,
    peak_signal_to_noise_ratio,
    structural_similarity,
)

if TYPE_CHECKING:
    from zscape.data.images import Images
    from zscape.latent.projection import PcaBaseline
    from zscape.model import Autoencoder

UNITS = {
    "mse": "mean over pixels and channels of [0, 1] images; lower is better",
    "psnr": "dB, mean over images; higher is better",
    "ssim": "-1 to 1, mean over images; higher is better",
    "knn_accuracy": "share of labels that the 5 nearest training codes get right, 0 to 1",
    "linear_probe_accuracy": (
        "share of labels that logistic regression on at most 10,000 training codes gets right"
    ),
    "cluster_agreement": (
        "adjusted Rand index of k-means on the codes and the labels, 0 (chance) to 1"
    ),
    "active_units": "latent variables whose code varies over images",
    "total_correlation_nats": "dependence between latent variables, were they normal; null: full",
    "compression_ratio": "values of an image per value of its code",
}


@dataclass(frozen=True)
class Evaluation:
    """Figures of one model on one set of images.

    Attributes:
        data: what the images are.
        n_images: how many they are.
        model: `mse`, `psnr`, `ssim`, `knn_accuracy`, `linear_probe_accuracy`,
            `cluster_agreement`, `active_units` and `total_correlation_nats` of the model; None
            where not defined.
        pca: the same of PCA with as many components; None when it was not asked for.
        code_shape: (d,), or (h, w, d) where codes are spatial.
        compression_ratio: values of an image per value of its code; a choice from a codebook
            counts as one.
        latent: what the codes say about the latent space.
        warnings: what looks wrong, a sentence each.
        notes: what could not be measured and why, a sentence each.
        denoising: figures at several levels of noise, of a model trained with a corruption.
    """

    data: str
    n_images: int
    model: dict[str, float | None]
    pca: dict[str, float | None] | None
    code_shape: tuple[int, ...]
    compression_ratio: float
    latent: LatentHealth
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    denoising: DenoisingEvaluation | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, with the unit of each figure."""
        return {
            "data": self.data,
            "n_images": self.n_images,
            "model": self.model,
            "pca": self.pca,
            "code_shape": list(self.code_shape),
            "compression_ratio": self.compression_ratio,
            "units": UNITS,
            "latent": self.latent.to_dict(),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "denoising": None if self.denoising is None else self.denoising.to_dict(),
        }


def evaluate_model(
    model: Autoencoder,
    images: Images,
    *,
    data: str,
    baseline: PcaBaseline | None,
    neighbours: Images | None,
    notes: tuple[str, ...] = (),
) -> Evaluation:
    """Measure reconstructions and codes of `model` on `images`.

    Args:
        model: a trained autoencoder.
        images: the images to measure on.
        data: what they are, for the reader.
        baseline: PCA fitted to the training images.
        neighbours: labelled training images for the classifiers of codes; without them, or
            without labels, their accuracies are None.
        notes: what the caller could not provide, a sentence each.

    Raises:
        DataError: the images do not have the shape the model was made for.
    """
    from zscape.data.images import as_float

    inputs = as_float(images.images)
    stored = model.encode(inputs)
    codes = stored.reshape(-1, model.latent_dim)  # every place of a spatial code is a code
    own = _reconstruction_figures(inputs, model.decode(stored))
    own |= _code_figures(codes, unit_scale=model.bottleneck.unit_scale)
    pca = None
    if baseline is not None:
        pca = _reconstruction_figures(inputs, baseline.reconstruct(inputs))
        pca |= _code_figures(baseline.encode(inputs), unit_scale=False)
    if images.labels is None:
        notes = (
            *notes,
            "The images have no labels, so there is no nearest-neighbour accuracy, linear probe "
            "or cluster agreement.",
        )
    elif neighbours is not None and neighbours.labels is not None:
        if 2 * len(np.unique(neighbours.labels)) > len(neighbours):
            notes = (
                *notes,
                "Most training images have a label of their own, so there is no "
                "nearest-neighbour accuracy, linear probe or cluster agreement.",
            )
        else:
            for figures, coder in ((own, model), (pca, baseline)):
                if figures is not None and coder is not None:
                    figures |= _label_figures(coder, neighbours, inputs, images.labels)
    health = latent_health(codes)
    warnings = tuple(health.warnings())
    if pca is not None and own["mse"] > pca["mse"]:
        warnings = (
            f"The model's MSE ({own['mse']:.4f}) is above that of PCA ({pca['mse']:.4f}): it has "
            "not learned enough. Train for more epochs, with another seed or a lower learning "
            "rate, or on more images.",
            *warnings,
        )
    return Evaluation(
        data=data,
        n_images=len(images),
        model=own,
        pca=pca,
        code_shape=model.code_shape,
        compression_ratio=compression_ratio(model.image_shape, model.n_code_values),
        latent=health,
        warnings=warnings,
        notes=notes,
    )


def code_words(code_shape: Sequence[int]) -> str:
    """Return what a code is in words: 10 latent variables, 7 x 7 vectors of length 16."""
    *places, n_dims = code_shape
    if places:
        return f"{' x '.join(map(str, places))} vectors of length {n_dims}"
    return f"{n_dims} latent variable{'s' if n_dims > 1 else ''}"


def _reconstruction_figures(images: np.ndarray, outputs: np.ndarray) -> dict[str, Any]:
    return {
        "mse": mean_squared_error(images, outputs),
        "psnr": peak_signal_to_noise_ratio(images, outputs),
        "ssim": structural_similarity(images, outputs),
        "knn_accuracy": None,
        "linear_probe_accuracy": None,
        "cluster_agreement": None,
    }


def _code_figures(codes: np.ndarray, *, unit_scale: bool) -> dict[str, Any]:
    return {
        "active_units": active_units(codes, unit_scale=unit_scale),
        "total_correlation_nats": total_correlation(codes),
    }


def _label_figures(
    coder: Autoencoder | PcaBaseline, train: Images, inputs: np.ndarray, labels: np.ndarray
) -> dict[str, Any]:
    """Return what the codes of a model, or of PCA, know of the labels."""
    if train.labels is None:
        return {}
    train_codes, codes = _flat(coder.encode(train.images)), _flat(coder.encode(inputs))
    return {
        "knn_accuracy": knn_accuracy(train_codes, train.labels, codes, labels),
        "linear_probe_accuracy": linear_probe_accuracy(train_codes, train.labels, codes, labels),
        "cluster_agreement": cluster_agreement(codes, labels),
    }


def _flat(codes: np.ndarray) -> np.ndarray:
    """Return codes as (N, d), whatever shape those of one image have."""
    return codes.reshape(len(codes), -1)
