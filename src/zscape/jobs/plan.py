"""The settings of a training, checked and completed before the images are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zscape.data.corruptions import CORRUPTIONS
from zscape.data.load import Reading
from zscape.data.sources import resolve
from zscape.errors import ConfigError, require
from zscape.model import build_autoencoder
from zscape.nn.bottlenecks import BOTTLENECKS
from zscape.nn.networks import is_network
from zscape.nn.presets import PRESETS
from zscape.registry import Choice
from zscape.run_config import RunConfig
from zscape.settings import (
    BottleneckConfig,
    CorruptionConfig,
    NetworkConfig,
    PictureConfig,
    TrainConfig,
)

DEFAULT_PRESET = "fast"
OWN = "own"  # stands for the preset where the user gives encoder and decoder
RECIPE_OF_OWN = "classic"
_SPLITS_OF_PAIRS = "put pairs into folders train, validation and test on both sides"
_INSTEAD_OF_TARGET = {
    "corruption": "the noise of the pairs is what is learned",
    "validation": _SPLITS_OF_PAIRS,
    "test": _SPLITS_OF_PAIRS,
}


@dataclass(frozen=True)
class Plan:
    """The settings of a training before the images are known."""

    network: NetworkConfig
    bottleneck: BottleneckConfig
    training: TrainConfig
    epochs: Callable[[int], int]  # for N training images

    def training_for(self, n_images: int) -> TrainConfig:
        """Return how the network is trained on so many images."""
        return dataclasses.replace(self.training, epochs=self.epochs(n_images))


def plan_training(options: Mapping[str, Any]) -> Plan:
    """Return the settings among options of `train`, checked and completed by the recipe."""
    own = _own_networks(options)
    preset = options.get("preset") or default_preset(options)
    network = NetworkConfig.picked({**options, "preset": preset, **own})
    recipe = PRESETS[RECIPE_OF_OWN if own else Choice.parse(preset).name].recipe
    training = TrainConfig.picked({**vars(recipe), **options})
    bottleneck = BottleneckConfig.parse(BOTTLENECKS.complete(options.get("bottleneck", "plain")))
    steps = tuple(CORRUPTIONS.complete(step) for step in training.corruption.steps)
    asked = {**options, "corruption": CorruptionConfig.parse(options.get("corruption")) or None}
    for name, remedy in _INSTEAD_OF_TARGET.items():
        if options.get("target") is not None and asked.get(name) is not None:
            raise ConfigError(f"`target` and `{name}` exclude each other; {remedy}.")
    # Made once for tiny images, for all is checked where it is made.
    if not own:
        build_autoencoder((8, 8, 1), network, bottleneck, precision=training.precision)
    for step in steps:
        CORRUPTIONS.make(step)
    if options.get("tensorboard"):
        require("tensorboard", extra="tensorboard")
        require("tensorflow", extra="cpu")  # writes its files, also on other backends
    return Plan(
        network,
        bottleneck,
        dataclasses.replace(training, corruption=CorruptionConfig(steps)),
        (lambda _: training.epochs) if "epochs" in options else recipe.n_epochs,
    )


def _own_networks(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the settings of the network are where the user gives two of their own."""
    encoder, decoder = options.get("encoder"), options.get("decoder")
    if encoder is None and decoder is None:
        return {}
    if encoder is None or decoder is None:
        raise ConfigError("`encoder` and `decoder` belong together; give both, or a `preset`.")
    asked = [name for name in NetworkConfig.names() if name in options]
    if asked:
        raise ConfigError(f"`{asked[0]}` is for networks of zscape; leave it out beside your own.")
    # What is no network is refused when the parts are put together.
    return {"preset": OWN, "latent_dim": decoder.input_shape[-1] if is_network(decoder) else 1}


def default_preset(options: Mapping[str, Any]) -> str:
    """Return the preset when none is named: the first that has all options that are given."""
    names = {name for preset in PRESETS.names() for name in PRESETS.options(preset)}
    asked = names & options.keys()
    return next(
        name for name in (DEFAULT_PRESET, *PRESETS.names()) if asked <= PRESETS.options(name).keys()
    )


def picture_settings(data: Any, options: Mapping[str, Any]) -> PictureConfig | None:
    """Return how pictures are read; None for other data, for which nothing may be asked."""
    config = PictureConfig.picked(options)
    if resolve(data).has_pictures:
        return config
    given = [name for name in PictureConfig.names() if options.get(name)]
    if given:
        raise ConfigError(f"{given[0]} is for folders of pictures, which {data} is not.")
    return None


def reading_of(options: Mapping[str, Any], known: Mapping[str, int] | None = None) -> Reading:
    """Return how images are read, among options of `train`; `known` is as in `Reading`."""
    return Reading(
        white=options.get("white"),
        validation=options.get("validation"),
        test=options.get("test"),
        target=options.get("target"),
        known=known,
    )


def default_folder(config: RunConfig) -> Path:
    """Return the run folder when none is named: `runs/<data>-<preset>-<latent_dim>d`.

    The name of a bottleneck other than the default one, and those of the corruptions or `pairs`,
    stand before the latent dimension.
    """
    stem = Path(config.source).name.split(".")[0] or "images"
    parts = [stem, Choice.parse(config.network.preset).name]
    if config.bottleneck.name != BottleneckConfig.name:
        parts.append(config.bottleneck.name)
    parts += [step.name for step in config.training.corruption.steps]
    parts += ["pairs"] if config.reading.target else []
    return Path("runs", "-".join([*parts, f"{config.network.latent_dim}d"]))
