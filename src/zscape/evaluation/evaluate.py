"""A model's figures on a set of images, beside those of PCA with a code of the same length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

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
    from zscape.data.datasets import Images
    from zscape.latent.projection import PcaBaseline
    from zscape.model import Autoencoder

UNITS = {
    "mse": "mean over pixels and channels of [0, 1] images; lower is better",
    "psnr": "dB, mean over images; higher is better",
    "ssim": "-1 to 1, mean over images; higher is better",
    "knn_accuracy": "share of labels that the 5 nearest training codes get right, 0 to 1",
    "compression_ratio": "values of an image per value of its code",
}


@dataclass(frozen=True)
class Evaluation:
    """Figures of one model on one set of images.

    Attributes:
        data: what the images are.
        n_images: how many they are.
        model: `mse`, `psnr`, `ssim` and `knn_accuracy` of the model; None where not defined.
        pca: the same of PCA with as many components; None when it was not asked for.
        compression_ratio: values of an image per value of its code.
        latent: what the codes say about the latent space.
        warnings: what looks wrong, a sentence each.
        notes: what could not be measured and why, a sentence each.
        denoising: figures at several levels of noise, of a model trained with a corruption.
    """

    data: str
    n_images: int
    model: dict[str, float | None]
    pca: dict[str, float | None] | None
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
        neighbours: labelled training images for the k-nearest-neighbour classifier; without
            them, or without labels, its accuracy is None.
        notes: what the caller could not provide, a sentence each.

    Raises:
        DataError: the images do not have the shape the model was made for.
    """
    from zscape.data.datasets import as_float

    inputs = as_float(images.images)
    codes = model.encode(inputs)
    own = _reconstruction_figures(inputs, model.decode(codes))
    own["knn_accuracy"] = None
    pca = None
    if baseline is not None:
        pca = _reconstruction_figures(inputs, baseline.reconstruct(inputs))
        pca["knn_accuracy"] = None
    if images.labels is None:
        notes = (*notes, "The images have no labels, so there is no nearest-neighbour accuracy.")
    elif neighbours is not None and neighbours.labels is not None:
        if 2 * len(np.unique(neighbours.labels)) > len(neighbours):
            notes = (
                *notes,
                "Most training images have a label of their own, so there is no "
                "nearest-neighbour accuracy.",
            )
        else:
            for figures, coder in ((own, model), (pca, baseline)):
                if figures is not None and coder is not None:
                    figures["knn_accuracy"] = knn_accuracy(
                        coder.encode(neighbours.images),
                        neighbours.labels,
                        coder.encode(inputs),
                        images.labels,
                    )
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
        compression_ratio=compression_ratio(model.image_shape, model.latent_dim),
        latent=health,
        warnings=warnings,
        notes=notes,
    )


def _reconstruction_figures(images: np.ndarray, outputs: np.ndarray) -> dict[str, Any]:
    return {
        "mse": mean_squared_error(images, outputs),
        "psnr": peak_signal_to_noise_ratio(images, outputs),
        "ssim": structural_similarity(images, outputs),
    }
