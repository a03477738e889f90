"""How good a model is: measures of reconstructions and of codes, and the report page."""

from zscape.evaluation.metrics import (
    LatentHealth,
    compression_ratio,
    knn_accuracy,
    latent_health,
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
