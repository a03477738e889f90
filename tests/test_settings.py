"""Settings: checked when made, and the same after a trip through JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zscape.errors import ConfigError
from zscape.settings import (
    CodeActivation,
    CorruptionConfig,
    Downsampling,
    NetworkConfig,
    Optimizer,
    PictureConfig,
    Precision,
    Schedule,
    TrainConfig,
    Upsampling,
    read_settings,
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


texts = st.sampled_from(
    ["", "gaussian", "gaussian:sigma=0.1", "blur:sigma=1+mask:size=4,count=2", "fog:deep=true"]
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
    corruption=texts.map(CorruptionConfig.parse),
)


@given(networks | trainings)
def test_comes_back_from_json_the_same(
    config: NetworkConfig | TrainConfig,
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


@given(texts)
def test_corruptions_come_back_from_their_text(text: str) -> None:
    config = CorruptionConfig.parse(text)
    assert CorruptionConfig.parse(str(config)) == config
    assert bool(config) == bool(text)


def test_corruptions_are_joined_or_given_in_turn() -> None:
    joined = CorruptionConfig.parse("blur:sigma=1 + mask:count=2,size=4")
    assert joined == CorruptionConfig.parse(["blur:sigma=1", "mask:size=4,count=2"])
    assert str(joined) == "blur:sigma=1+mask:count=2,size=4"
    assert not CorruptionConfig.parse("")
    assert not CorruptionConfig.parse([])


def test_settings_of_before_there_were_corruptions_have_none() -> None:
    values = TrainConfig().to_dict()
    del values["corruption"]
    assert TrainConfig.from_dict(values) == TrainConfig()
    with pytest.raises(ConfigError, match="corruption is 3"):
        TrainConfig.from_dict({"corruption": 3})


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.toml", 'latent_dim = 3\npreset = "fast"\n', {"latent_dim": 3, "preset": "fast"}),
        ("a.toml", "[network]\nlatent_dim = 3\n[training]\nseed = 1\n",
         {"latent_dim": 3, "seed": 1}),
        ("a.json", '{"schema": 1, "data": {}, "made": {}, "pictures": {"size": 32}}',
         {"size": 32}),
        ("a.toml", 'corruption = ["blur", "gaussian"]', {"corruption": ["blur", "gaussian"]}),
    ],
)  # fmt: skip
def test_settings_are_read_from_files(
    tmp_path: Path, name: str, content: str, expected: dict[str, Any]
) -> None:
    (tmp_path / name).write_text(content)
    assert read_settings(tmp_path / name) == expected


def test_the_bottleneck_of_a_file_is_a_text_or_name_and_options(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('bottleneck = "gaussian:beta=2"\n')
    (tmp_path / "b.toml").write_text('[bottleneck]\nname = "gaussian"\noptions = {beta = 2}\n')
    assert str(read_settings(tmp_path / "a.toml")["bottleneck"]) == "gaussian:beta=2"
    assert str(read_settings(tmp_path / "b.toml")["bottleneck"]) == "gaussian:beta=2"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("gone.toml", None, "does not exist"),
        ("a.yaml", "a: 1", "does not end in .toml or .json"),
        ("a.toml", "= 3", "cannot be read"),
        ("a.json", "[1]", "no names and values"),
        ("a.json", "{", "cannot be read"),
        ("a.toml", '[bottleneck]\nkind = "gaussian"\n', "no name"),
    ],
)
def test_files_that_hold_no_settings(
    tmp_path: Path, name: str, content: str | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=expected):
        read_settings(tmp_path / name)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"size": 7}, "size is 7; expected one number from 8 to 1024, or HxW"),
        ({"size": "8x1025"}, "size is '8x1025'; expected one number from 8 to 1024"),
        ({"color": "red"}, "expected one of auto, gray, rgb"),
        ({"follow_links": 1}, "follow_links is 1; expected true or false"),
    ],
)
def test_pictures_have_bounds_too(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        PictureConfig(**values)


@pytest.mark.parametrize("value", [0, 65, True, 1.0])
def test_shards_are_1_to_64(value: Any) -> None:
    assert TrainConfig(shards=None).shards is None
    with pytest.raises(ConfigError, match="from 1 to 64"):
        TrainConfig(shards=value)
