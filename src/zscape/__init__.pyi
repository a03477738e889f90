"""The public names of zscape, each listed once; it is imported when it is first used."""

from .data.corruptions import Corruption as Corruption
from .data.corruptions import register_corruption as register_corruption
from .data.images import Dataset as Dataset
from .data.images import Images as Images
from .data.load import load_dataset as load_dataset
from .data.load import load_images as load_images
from .errors import ConfigError as ConfigError
from .errors import DataError as DataError
from .errors import ModelError as ModelError
from .errors import RunError as RunError
from .errors import TrainingError as TrainingError
from .errors import ZscapeError as ZscapeError
from .explorer.widget import Explorer as Explorer
from .jobs.denoise import denoise as denoise
from .jobs.detector import AnomalyDetector as AnomalyDetector
from .jobs.draw import grid as grid
from .jobs.draw import latent_map as latent_map
from .jobs.evaluate import evaluate as evaluate
from .jobs.evaluate_generation import evaluate_generation as evaluate_generation
from .jobs.generate import generate as generate
from .jobs.interpolate import interpolate as interpolate
from .jobs.interpolate import traverse as traverse
from .jobs.report import write_report as write_report
from .jobs.train import train as train
from .jobs.tune import tune as tune
from .latent.densities import Density as Density
from .latent.densities import register_density as register_density
from .model import Autoencoder as Autoencoder
from .model import build_autoencoder as build_autoencoder
from .model_file import load_model as load_model
from .model_file import save_model as save_model
from .nn.bottlenecks import Bottleneck as Bottleneck
from .nn.bottlenecks import register_bottleneck as register_bottleneck
from .nn.presets import Preset as Preset
from .nn.presets import Recipe as Recipe
from .nn.presets import register_preset as register_preset
from .registry import load_plugin as load_plugin
from .runs import Run as Run
from .runs import load_run as load_run
from .settings import BottleneckConfig as BottleneckConfig
from .settings import CorruptionConfig as CorruptionConfig
from .settings import NetworkConfig as NetworkConfig
from .settings import TrainConfig as TrainConfig
from .settings import read_settings as read_settings

__version__: str
