"""Settings: checked when made, and the same after a trip through JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zscape.errors import ConfigError
from zscape.settings import (
    BOTTLENECK_OPTIONS,
    CORRUPTION_LIMITS,
    CORRUPTION_OPTIONS,
    BottleneckConfig,
    BottleneckName,
    CodeActivation,
    CorruptionConfig,
    CorruptionName,
    Downsampling,
    NetworkConfig,
    Noise,
    Optimizer,
    Precision,
    Schedule,
    TrainConfig,
    Upsampling,
)


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


@st.composite
def noises(draw: st.DrawFn) -> Noise:
    name: CorruptionName = draw(choice(CorruptionName))
    values = {
        option: draw(
            st.integers(1, 1000) if isinstance(default, int)
            else st.floats(0, CORRUPTION_LIMITS[option], exclude_min=True)
        )
        for option, default in CORRUPTION_OPTIONS[name].items()
    }  # fmt: skip
    return Noise(name=name, options=values)


corruptions = st.builds(CorruptionConfig, steps=st.lists(noises(), max_size=3).map(tuple))
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
    corruption=corruptions,
)


@st.composite
def bottlenecks(draw: st.DrawFn) -> BottleneckConfig:
    name: BottleneckName = draw(choice(BottleneckName))
    numbers = {int: st.integers(2, 10**6), float: st.floats(0.001, 0.999)}
    values = {
        option: draw(numbers[type(default)]) for option, default in BOTTLENECK_OPTIONS[name].items()
    }
    given = draw(st.sets(st.sampled_from(sorted(values)))) if values else set()
    return BottleneckConfig(name=name, options={option: values[option] for option in given})


@given(networks | trainings | bottlenecks())
def test_comes_back_from_json_the_same(
    config: NetworkConfig | TrainConfig | BottleneckConfig,
) -> None:
    text = json.dumps(config.to_dict(), allow_nan=False)
    assert type(config).from_dict(json.loads(text)) == config


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


@given(bottlenecks())
def test_a_bottleneck_comes_back_from_its_text(config: BottleneckConfig) -> None:
    again = BottleneckConfig.parse(str(config))
    assert again.name == config.name
    assert again.options == pytest.approx(dict(config.options), rel=1e-5)


def test_options_that_are_left_out_have_their_defaults() -> None:
    config = BottleneckConfig.parse(" gaussian: beta = 0.5 ")
    assert config.options == {"beta": 0.5, "warmup": 0, "free_bits": 0.0}
    assert BottleneckConfig.parse("plain") == BottleneckConfig()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "name is ''; expected one of plain, gaussian"),
        ("vae", "name is 'vae'; expected one of plain, gaussian"),
        ("gaussian:", "'' is not key=number"),
        ("gaussian:beta", "'beta' is not key=number"),
        ("gaussian:beta=much", "'beta=much' is not key=number"),
        ("gaussian:beta=nan", "'beta=nan' is not key=number"),
        ("gaussian:beta=1,beta=2", "gives beta twice"),
        ("gaussian:gamma=1", "no option 'gamma'; it has beta, warmup, free_bits"),
        ("plain:beta=1", "the bottleneck plain has no option 'beta'; it has none"),
        ("gaussian:beta=-1", "beta is -1.0; expected a number, 0 or more"),
        ("gaussian:beta=inf", "beta is inf; expected a number, 0 or more"),
        ("gaussian:warmup=0.5", "warmup is 0.5; expected a whole number"),
        ("fsq:levels=1", "levels is 1; expected 2 or more"),
        ("vq:codebook=1", "codebook is 1; expected 2 or more"),
        ("vq:decay=1", "decay is 1; expected a number below 1"),
        ("tc:beta=0", "expected a positive number"),
    ],
)
def test_a_bottleneck_that_cannot_be_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        BottleneckConfig.parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [["beta"], 3, {"beta": True}, {"beta": "1"}, {1: 2}])
def test_options_that_are_no_names_and_numbers_are_refused(options: Any) -> None:
    with pytest.raises(ConfigError):
        BottleneckConfig(name="gaussian", options=options)


@given(corruptions)
def test_corruptions_come_back_from_their_text(config: CorruptionConfig) -> None:
    assert CorruptionConfig.parse(str(config)) == config
    assert bool(config) == bool(str(config))


def test_corruptions_are_joined_or_given_in_turn() -> None:
    joined = CorruptionConfig.parse("blur:sigma=1 + mask:count=2,size=4")
    assert joined == CorruptionConfig.parse("blur:sigma=1", "mask:size=4,count=2")
    assert str(joined) == "blur:sigma=1+mask:size=4,count=2"
    assert str(CorruptionConfig.parse("gaussian")) == "gaussian:sigma=0.3"
    assert not CorruptionConfig.parse("")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fog", "expected one of gaussian, salt_pepper"),
        ("gaussian:sigma", "'sigma' is not key=number"),
        ("gaussian:sigma=1,sigma=2", "sigma twice"),
        ("gaussian:peak=1", "it has sigma"),
        ("gaussian:sigma=0", "more than 0"),
        ("gaussian:sigma=-1", "0 or more"),
        ("gaussian:sigma=nan", "not key=number"),
        ("salt_pepper:amount=1.5", "at most 1"),
        ("mask:count=1.5", "whole number"),
        ("mask:count=100000", "at most 1000"),
        ("blur+", "expected one of"),
    ],
)
def test_corruptions_that_cannot_be(text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        CorruptionConfig.parse(text)


def test_settings_of_before_there_were_corruptions_have_none() -> None:
    values = TrainConfig().to_dict()
    del values["corruption"]
    assert TrainConfig.from_dict(values) == TrainConfig()
    with pytest.raises(ConfigError, match="corruption is 3"):
        TrainConfig.from_dict({"corruption": 3})
