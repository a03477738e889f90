"""How good a model is: metrics of reconstructions and of codes, and the report page."""

from zscape.evaluation.codes import knn_accuracy as knn_accuracy
from zscape.evaluation.health import LatentHealth as LatentHealth
from zscape.evaluation.health import latent_health as latent_health
from zscape.evaluation.reconstruction import compression_ratio as compression_ratio
from zscape.evaluation.reconstruction import mean_squared_error as mean_squared_error
from zscape.evaluation.reconstruction import (
    peak_signal_to_noise_ratio as peak_signal_to_noise_ratio,
)
from zscape.evaluation.reconstruction import structural_similarity as structural_similarity
