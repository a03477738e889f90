"""What `tune` searches: settings with a range or a list of values each, checked before training."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from zscape.errors import ConfigError
from zscape.jobs.plan import plan_training
from zscape.nn.presets import PRESETS
from zscape.registry import Choice
from zscape.settings import (
    NetworkConfig,
    PictureConfig,
    ReadingConfig,
    TrainConfig,
    TrainOptions,
    check_names,
    unwrapped,
)

if TYPE_CHECKING:
    import optuna

Value = int | float | str
Asked = Mapping[str, str | Sequence[Any]] | Sequence[str]

DEFAULT_SEARCH = {
    "preset": "classic,fast",
    "latent_dim": "2..64:log",
    "learning_rate": "1e-3..3e-2:log",
    "batch_size": "32,64,128",
}
SEARCHABLE = (*NetworkConfig.names(), *TrainConfig.names(), "bottleneck")
# Trials would be measured on other images, or on images that were read in another way.
_COMPARED = {*ReadingConfig.names(), *PictureConfig.names(), "seed", "limit"}
_OF_SOME_PRESETS = ("downsampling", "upsampling")
_OPTION = re.compile(r"\s*\w+\s*=")


@dataclass(frozen=True)
class Searched:
    """One setting and what it may be: `values`, or a range from `low` to `high`.

    Attributes:
        name: the setting.
        text: as it was asked for: `1e-4..1e-1:log`.
        values: a list of values; empty for a range.
        low: the least value of a range.
        high: the most.
        log: a range is searched on a logarithmic scale.
    """

    name: str
    text: str
    values: tuple[Value, ...] = ()
    low: int | float = 0
    high: int | float = 0
    log: bool = False

    def __str__(self) -> str:
        """Return it as `--search` takes it."""
        return f"{self.name}={self.text}"

    @property
    def probes(self) -> tuple[Value, ...]:
        """Values that must be right for all to be right: all in a list, both ends of a range."""
        return self.values or (self.low, self.high)

    def settled(self, proposed: Any) -> Value:
        """Return a proposed value as it is used: in three digits where it is a fraction."""
        if self.values or not isinstance(proposed, float):
            value: Value = proposed
            return value
        return min(max(float(f"{proposed:.3g}"), self.low), self.high)

    def suggest(self, trial: optuna.trial.Trial) -> Value:
        """Return the value that the search proposes."""
        if self.values:
            return self.settled(trial.suggest_categorical(self.name, self.values))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(self.name, self.low, self.high, log=self.log)
        return self.settled(trial.suggest_float(self.name, self.low, self.high, log=self.log))


Space = tuple[Searched, ...]


def read_space(asked: Asked, fixed: Mapping[str, Any]) -> Space:
    """Return what is searched, checked; the default search without the fixed settings if empty.

    Args:
        asked: `NAME=RANGE` each, or ranges by name. A range is `LOW..HIGH`, `LOW..HIGH:log` or a
            list of values; from Python a list may be one.
        fixed: settings of `train` that all trials have.

    Raises:
        ConfigError: a range is wrong, or its values are none that the setting takes.
    """
    given = dict(_named(asked))
    by_default = not given
    if by_default:
        given = {name: text for name, text in DEFAULT_SEARCH.items() if name not in fixed}
        if not given:
            raise ConfigError(
                "nothing is left to search, for all that is searched by default is fixed; name "
                "settings with `search`, as in learning_rate=1e-4..1e-1:log."
            )
    check_names(given.keys() - {*TrainOptions.names()}, SEARCHABLE)
    space = tuple(_searched(name, value) for name, value in given.items())
    for each in space:
        if each.name in fixed:
            raise ConfigError(
                f"`search` {each}: {each.name} is fixed as well; leave out one of the two."
            )
    # The preset decides which other settings there are.
    space = tuple(sorted(space, key=lambda each: each.name != "preset"))
    _check_values(space, fixed)
    return space


def suggested(space: Space, trial: optuna.trial.Trial, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a trial, without those that are not for its preset."""
    return _settings(space, fixed, lambda each: each.suggest(trial))


def _settings(
    space: Space, fixed: Mapping[str, Any], choose: Callable[[Searched], Value]
) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    for each in space:
        if each.name in _OF_SOME_PRESETS:
            preset = {**fixed, **chosen}.get("preset")
            if preset and each.name not in PRESETS.options(Choice.parse(preset).name):
                continue
        chosen[each.name] = choose(each)
    return chosen


def _named(asked: Asked) -> Iterable[tuple[str, str | Sequence[Any]]]:
    """Yield what is asked for by the names of the settings, each of which may be there once."""
    if isinstance(asked, Mapping):
        yield from asked.items()
        return
    seen = set()
    for text in [asked] if isinstance(asked, str) else asked:
        name, equals, value = str(text).partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not value.strip():
            raise ConfigError(
                f"`search` {text!r} is not NAME=RANGE; expected something such as "
                "learning_rate=1e-4..1e-1:log or batch_size=32,64."
            )
        if name in seen:
            raise ConfigError(f"`search` names {name} twice; give all its values at once.")
        seen.add(name)
        yield name, value.strip()


def _searched(name: str, value: str | Sequence[Any]) -> Searched:
    """Return a setting with its range."""
    if name in _COMPARED:
        raise ConfigError(
            f"{name} cannot be searched, for trials would not be measured on the same images; give "
            f"`{name}` one value for all."
        )
    if name not in SEARCHABLE:
        raise ConfigError(f"{name} cannot be searched; expected some of {', '.join(SEARCHABLE)}.")
    kind, _ = unwrapped(get_type_hints(TrainOptions, include_extras=True)[name])
    text = value if isinstance(value, str) else ",".join(map(str, value))
    if ".." in text and isinstance(value, str):
        return _range(name, text, kind)
    values = tuple(_value(name, text, part, kind) for part in _parts(text))
    if len(values) < 2:
        raise ConfigError(
            f"`search` {name}={text}: one value is nothing to search; give more, as in "
            f"{_example(kind)}, or fix it with `{name}`."
        )
    if twice := [value for value in values if values.count(value) > 1]:
        raise ConfigError(f"`search` {name}={text}: {twice[0]} is there twice; give it once.")
    return Searched(name, text, values)


def _parts(text: str) -> list[str]:
    """Return the values of a list; the options of a choice, `a:x=1,y=2`, have commas as well."""
    parts: list[str] = []
    for part in text.split(","):
        if parts and ":" in parts[-1] and _OPTION.match(part):
            parts[-1] += f",{part.strip()}"
        else:
            parts.append(part.strip())
    return parts


def _range(name: str, text: str, kind: Any) -> Searched:
    ends, colon, scale = text.partition(":")
    low_text, _, high_text = ends.partition("..")
    if kind not in (int, float):
        raise ConfigError(
            f"`search` {name}={text}: {name} is no number and has no range; give a list, as in "
            f"{_example(kind)}."
        )
    if colon and scale != "log":
        raise ConfigError(f"`search` {name}={text}: {scale!r} is no scale; expected log.")
    low, high = (_number(name, text, end.strip(), kind) for end in (low_text, high_text))
    if not low < high:
        raise ConfigError(f"`search` {name}={text}: {low:g} is not below {high:g}; swap the two.")
    if scale == "log" and low <= 0:
        raise ConfigError(f"`search` {name}={text}: a log scale begins above 0, not at {low:g}.")
    return Searched(name, text, (), low, high, scale == "log")


def _value(name: str, text: str, part: str, kind: Any) -> Value:
    """Return one value of a list in the type of its setting."""
    if kind in (int, float):
        return _number(name, text, part, kind)
    if not part:
        raise ConfigError(f"`search` {name}={text}: a value is empty; leave out a comma.")
    return part


def _number(name: str, text: str, part: str, kind: type[int] | type[float]) -> int | float:
    try:
        number = kind(part)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        what = "a whole number" if kind is int else "a number"
        raise ConfigError(f"`search` {name}={text}: {part!r} is not {what}.")
    return number


def _example(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ",".join(get_args(kind)[:2])
    return {int: "32,64", float: "1e-3..1e-1:log"}.get(kind, "plain,gaussian:beta=2")


def _check_values(space: Space, fixed: Mapping[str, Any]) -> None:
    """Refuse values that a setting does not take: each alone, and each preset and bottleneck."""
    plan_training(fixed)  # what is wrong there has nothing to do with the search
    for each in space:
        for value in each.probes:
            try:
                plan_training({**fixed, each.name: value})
            except ConfigError as error:
                raise ConfigError(f"`search` {each}: {error}") from error
    networks = [each for each in space if each.name in ("preset", "bottleneck")]
    first = {each.name: each.probes[0] for each in space}
    for chosen in itertools.product(*(each.values for each in networks)):
        values = first | {each.name: value for each, value in zip(networks, chosen, strict=True)}
        settings = _settings(space, fixed, lambda each, values=values: values[each.name])  # type: ignore[misc]
        try:
            plan_training({**fixed, **settings})
        except ConfigError as error:
            named = " and ".join(map(str, chosen)) or "these values"
            raise ConfigError(f"`search`: {named} together: {error}") from error
