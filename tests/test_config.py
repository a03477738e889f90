"""Settings: checked when made, and the same after a trip through JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zscape.config import (
    RECIPES,
    BottleneckConfig,
    CodeActivation,
    Downsampling,
    NetworkConfig,
    Optimizer,
    Precision,
    Recipe,
    Schedule,
    TrainConfig,
    Upsampling,
)
from zscape.errors import ConfigError


def choice(literal: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(literal))


counts = st.integers(1, 10**9)
networks = st.builds(
    NetworkConfig,
    preset=st.just("classic"),  # the only one that takes all options
    latent_dim=counts,
    downsampling=choice(Downsampling),
    upsampling=choice(Upsampling),
    code_activation=choice(CodeActivation),
)
trainings = st.builds(
    TrainConfig,
    epochs=counts,
    batch_size=counts,
    optimizer=choice(Optimizer),
    learning_rate=st.floats(0, 1e29, exclude_min=True),
    schedule=choice(Schedule),
    patience=counts,
    seed=st.integers(0, 2**32 - 1),
    precision=choice(Precision),
    limit=st.none() | counts,
)


@given(networks | trainings | st.just(BottleneckConfig()))
def test_comes_back_from_json_the_same(
    config: NetworkConfig | TrainConfig | BottleneckConfig,
) -> None:
    text = json.dumps(config.to_dict(), allow_nan=False)
    assert type(config).from_dict(json.loads(text)) == config


@pytest.mark.parametrize("preset", ["fast", "quality"])
@pytest.mark.parametrize("option", [{"downsampling": "maxpool"}, {"upsampling": "transposed"}])
def test_only_classic_has_a_choice_of_sampling(preset: Any, option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"choices of the preset classic; the preset {preset}"):
        NetworkConfig(preset=preset, **option)


@given(st.sampled_from(list(RECIPES.values())), st.integers(1, 10**8))
def test_a_recipe_shows_the_network_about_so_many_images(recipe: Recipe, n_images: int) -> None:
    epochs = recipe.n_epochs(n_images)

    assert 1 <= epochs <= 100
    if 1 < epochs < 100:
        assert abs(epochs * n_images - recipe.images_seen) <= n_images / 2


def test_a_missing_setting_takes_its_default() -> None:
    assert NetworkConfig.from_dict({"latent_dim": 3}) == NetworkConfig(latent_dim=3)


def test_an_unknown_setting_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'latent_dims'.*latent_dim,"):
        NetworkConfig.from_dict({"latent_dims": 3})


@pytest.mark.parametrize("values", [None, 3, "classic", ["latent_dim"]])
def test_settings_that_are_no_mapping_are_refused(values: Any) -> None:
    with pytest.raises(ConfigError, match="expected names and values"):
        NetworkConfig.from_dict(values)


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience", "limit"])
@pytest.mark.parametrize("value", [0, -1, True, 2.0, "3", float("nan"), np.bool_(True), [1]])
def test_a_count_is_a_whole_number_from_one(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is .*; expected a whole number, 1 or more"):
        TrainConfig(**{name: value})


@pytest.mark.parametrize("value", [0, -1, True, 2.5, "3", None])
def test_latent_dim_is_a_whole_number_from_one(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"latent_dim is .*; expected a whole number, 1 or more"):
        NetworkConfig(latent_dim=value)


@pytest.mark.parametrize("value", [-1, 2**32, False, 0.0, None])
def test_a_seed_fits_in_32_bits(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"seed is .*; expected a whole number, from 0 to"):
        TrainConfig(seed=value)


@pytest.mark.parametrize(
    "value", [0, 0.0, -1e-3, float("nan"), float("inf"), 10**400, True, "0.1", None]
)
def test_a_learning_rate_is_a_positive_number(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"learning_rate is .*; expected a positive number"):
        TrainConfig(learning_rate=value)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (NetworkConfig, "preset"),
        (NetworkConfig, "downsampling"),
        (NetworkConfig, "upsampling"),
        (NetworkConfig, "code_activation"),
        (BottleneckConfig, "name"),
        (TrainConfig, "optimizer"),
        (TrainConfig, "schedule"),
        (TrainConfig, "precision"),
    ],
)
@pytest.mark.parametrize("value", ["other", "", "Adam", None, 1, ["linear"], {}])
def test_a_choice_is_one_of_those_offered(config: Any, name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is .*; expected one of ") as caught:
        config(**{name: value})
    default = getattr(config(), name)
    assert default in str(caught.value)


def test_numpy_numbers_are_taken_and_become_plain() -> None:
    values: dict[str, Any] = {
        "epochs": np.int64(3),
        "seed": np.uint32(7),
        "limit": np.int32(50),
        "learning_rate": np.float32(0.5),
    }
    config = TrainConfig(**values)
    assert config == TrainConfig(epochs=3, seed=7, limit=50, learning_rate=0.5)
    assert json.loads(json.dumps(config.to_dict())) == config.to_dict()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        NetworkConfig().latent_dim = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("make", "values"),
    [
        (NetworkConfig, {"latent_dim": 0}),
        (NetworkConfig, {"upsampling": "line\nbreak"}),
        (TrainConfig, {"learning_rate": "0.1\n"}),
    ],
)
def test_messages_are_one_line(make: Any, values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**values)
    assert "\n" not in str(caught.value)
