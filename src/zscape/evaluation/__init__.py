"""How good a model is: metrics of reconstructions and of codes, and the report page."""

from zscape.evaluation.codes import knn_accuracy
from zscape.evaluation.health import LatentHealth, latent_health
from zscape.evaluation.reconstruction import (
    compression_ratio,
    mean_squared_error,
    peak_signal_to_noise_ratio,
    structural_similarity,
)

__all__ = [
    "LatentHealth",
    "compression_ratio",
    "knn_accuracy",
    "latent_health",
    "mean_squared_error",
    "peak_signal_to_noise_ratio",
    "structural_similarity",
]
