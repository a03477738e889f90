"""Settings as frozen dataclasses: checked when made, plain JSON in and out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, Self, get_args, get_type_hints

from zscape.errors import ConfigError

Preset = Literal["fast", "quality", "classic"]
Downsampling = Literal["stride", "maxpool"]
Upsampling = Literal["nearest", "bilinear", "transposed"]
CodeActivation = Literal["linear", "relu"]
Optimizer = Literal["muon", "adam", "adamw", "nadam", "rmsprop", "sgd"]
Schedule = Literal["cosine", "constant"]
Precision = Literal["float32", "mixed_bfloat16"]
BottleneckName = Literal["plain", "gaussian", "tc", "mmd", "regularized", "vq", "fsq", "sphere"]
CorruptionName = Literal["gaussian", "salt_pepper", "mask", "blur", "poisson", "speckle"]
Color = Literal["auto", "gray", "rgb"]
Fit = Literal["crop", "pad", "stretch"]
PathName = Literal["linear", "spherical", "density"]
DensityName = Literal["prior", "normal", "gmm", "kde", "flow"]

# The options of every bottleneck and what they are when left out; `zscape.nn.bottlenecks` says what
# they mean. Whole numbers stay whole. None may be negative.
BOTTLENECK_OPTIONS: dict[BottleneckName, dict[str, float]] = {
    "plain": {},
    "gaussian": {"beta": 1.0, "warmup": 0, "free_bits": 0.0},
    "tc": {"beta": 6.0, "warmup": 0},
    "mmd": {"weight": 100.0},
    "regularized": {"code": 0.1, "decoder": 0.001, "spectral": 0.0},
    "vq": {"codebook": 512, "commitment": 0.25, "decay": 0.99},
    "fsq": {"levels": 8},
    "sphere": {"noise": 0.1},
}

# The options of every corruption, what they are when left out, and how large they may be;
# `zscape.data.corruptions` says what they mean. All are above 0.
CORRUPTION_OPTIONS: dict[CorruptionName, dict[str, float]] = {
    "gaussian": {"sigma": 0.3},
    "salt_pepper": {"amount": 0.2},
    "mask": {"size": 8, "count": 3},
    "blur": {"sigma": 1.5},
    "poisson": {"peak": 30.0},
    "speckle": {"sigma": 0.2},
}
CORRUPTION_LIMITS = {"sigma": 100.0, "amount": 1.0, "size": 10_000, "count": 1000, "peak": 1e9}


@dataclass(frozen=True, kw_only=True)
class _Config:
    """JSON in and out, and the check that every choice is one of those offered."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            choices = get_args(hint)
            value = getattr(self, name)
            if choices and isinstance(choices[0], str) and value not in choices:
                raise ConfigError(f"{name} is {value!r}; expected one of {', '.join(choices)}.")

    def _check_count(self, name: str, *, low: int, high: int | None = None) -> None:
        value = getattr(self, name)
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or value < low or (high is not None and value > high):
            bounds = f"{low} or more" if high is None else f"from {low} to {high}"
            raise ConfigError(f"{name} is {value!r}; expected a whole number, {bounds}.")
        object.__setattr__(self, name, int(value))  # JSON does not take NumPy's integers

    def _check_positive(self, name: str) -> None:
        value = getattr(self, name)
        number = isinstance(value, Real) and not isinstance(value, bool)
        try:
            plain = float(value) if number else math.nan
        except OverflowError:  # a whole number beyond all floats
            plain = math.inf
        if not 0 < plain < 1e30:  # float32 ends at 3e38
            raise ConfigError(f"{name} is {value!r}; expected a positive number.")
        object.__setattr__(self, name, plain)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that `json.dumps` takes."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild the settings that `to_dict` gave.

        Raises:
            ConfigError: a name is unknown, or a value outside its range.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"settings are {values!r}; expected names and values.")
        known = {field.name for field in dataclasses.fields(cls)}
        unknown = [name for name in values if name not in known]
        if unknown:
            expected = ", ".join(sorted(known))
            raise ConfigError(f"unknown setting {unknown[0]!r}; expected some of {expected}.")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(_Config):
    """The shape of the encoder and of the decoder that mirrors it.

    Attributes:
        preset: `fast`, a small residual network; `quality`, a larger one; or `classic`, the
            convolutional network of the well-known tutorial.
        latent_dim: length of a code, 1 or more.
        downsampling: how the encoder of `classic` halves the image: strided convolution or max
            pooling.
        upsampling: how the decoder of `classic` doubles it: nearest or bilinear interpolation
            before a convolution, or a transposed convolution.
        code_activation: `linear`, or `relu` for codes that cannot be negative.
    """

    preset: str = "fast"
    latent_dim: int = 10
    downsampling: Downsampling = "stride"
    upsampling: Upsampling = "nearest"
    code_activation: CodeActivation = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_count("latent_dim", low=1)


@dataclass(frozen=True, kw_only=True)
class BottleneckConfig(_Config):
    """The part between encoder and decoder that shapes the code in training.

    Attributes:
        name: one of `BOTTLENECK_OPTIONS`.
        options: by name; those left out are as in `BOTTLENECK_OPTIONS`.
    """

    name: BottleneckName = "plain"
    options: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        known = BOTTLENECK_OPTIONS[self.name]
        checked = _checked_options(f"bottleneck {self.name}", self.options, known)
        for name in ("levels", "codebook"):
            if checked.get(name, 2) < 2:
                raise ConfigError(f"{name} is {checked[name]}; expected 2 or more.")
        if checked.get("decay", 0.0) >= 1:
            raise ConfigError(f"decay is {checked['decay']:g}; expected a number below 1.")
        if self.name == "tc" and not checked["beta"]:
            raise ConfigError("beta of the bottleneck tc is 0; expected a positive number.")
        object.__setattr__(self, "options", checked)

    def __str__(self) -> str:
        """Return `NAME:key=value,...`, as `parse` takes it."""
        return _named_text(self.name, self.options)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NAME` or `NAME:key=value,...`.

        Raises:
            ConfigError: the name or an option is unknown, or a value is no number in its range.
        """
        name, options = _parse_named(text, "bottleneck", "gaussian:beta=2")
        return cls(name=name, options=options)  # type: ignore[arg-type]  # checked when made


@dataclass(frozen=True, kw_only=True)
class Noise(_Config):
    """One of the corruptions that a `CorruptionConfig` applies in a row.

    Attributes:
        name: one of `CORRUPTION_OPTIONS`.
        options: by name; those left out are as in `CORRUPTION_OPTIONS`.
    """

    name: CorruptionName
    options: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        known = CORRUPTION_OPTIONS[self.name]
        checked = _checked_options(f"corruption {self.name}", self.options, known)
        for name, value in checked.items():
            if not 0 < value <= CORRUPTION_LIMITS[name]:
                raise ConfigError(
                    f"{name} of the corruption {self.name} is {_number(value)}; "
                    f"expected more than 0, at most {CORRUPTION_LIMITS[name]:g}."
                )
        object.__setattr__(self, "options", checked)

    def __str__(self) -> str:
        """Return `NAME:key=value,...`."""
        return _named_text(self.name, self.options)


@dataclass(frozen=True, kw_only=True)
class CorruptionConfig(_Config):
    """What is done to the images that the network sees, while the loss looks at the clean ones.

    Attributes:
        steps: the corruptions, one after the other; none for a network that sees clean images.
    """

    steps: tuple[Noise, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __str__(self) -> str:
        """Return `NAME:key=value,...+NAME:...`, as `parse` takes it; empty for none."""
        return "+".join(map(str, self.steps))

    @classmethod
    def parse(cls, *texts: str) -> Self:
        """Read `NAME`, `NAME:key=value,...` or several of these joined with `+`.

        Args:
            *texts: applied in this order; an empty one stands for no corruption.

        Raises:
            ConfigError: a name or an option is unknown, or a value is no number in its range.
        """
        steps = []
        for part in (part for text in texts if text.strip() for part in text.split("+")):
            name, options = _parse_named(part, "corruption", "gaussian:sigma=0.3")
            if name not in CORRUPTION_OPTIONS:
                raise ConfigError(
                    f"corruption is {name!r}; expected one of {', '.join(CORRUPTION_OPTIONS)}."
                )
            steps.append(Noise(name=name, options=options))
        return cls(steps=tuple(steps))


def _parse_named(text: str, kind: str, example: str) -> tuple[str, dict[str, float]]:
    """Read the name and the options of `NAME` or `NAME:key=value,...`."""
    name, colon, rest = text.strip().partition(":")
    options: dict[str, float] = {}
    for part in rest.split(",") if colon else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not key or not equals or math.isnan(number):
            raise ConfigError(
                f"{kind} {text!r}: {part!r} is not key=number; "
                f"expected NAME:key=number,... as in {example}."
            )
        if key in options:
            raise ConfigError(f"{kind} {text!r} gives {key} twice; give it once.")
        options[key] = number
    return name, options


def _named_text(name: str, options: Mapping[str, float]) -> str:
    text = ",".join(f"{key}={_number(value)}" for key, value in options.items())
    return f"{name}:{text}" if text else name


def _number(value: float) -> str:
    """Return the shortest text of a number that loses nothing."""
    short = f"{value:g}".replace("+", "")  # a + joins corruptions
    return short if float(short) == value else repr(value).replace("+", "")


def _checked_options(
    what: str, options: Mapping[str, float], known: Mapping[str, float]
) -> dict[str, float]:
    """Return a value for each known option; `what` has them, for messages."""
    if not isinstance(options, Mapping):
        raise ConfigError(f"options are {options!r}; expected names and numbers.")
    for name in options:
        if name not in known:
            expected = f"it has {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"the {what} has no option {name!r}; {expected}.")
    return {
        name: _option(name, options.get(name, default), whole=isinstance(default, int))
        for name, default in known.items()
    }


def _option(name: str, value: object, *, whole: bool) -> float:
    """Return the value of an option, checked."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    plain = float(value) if number else math.nan  # type: ignore[arg-type]
    if not 0 <= plain < 1e9 or (whole and plain != int(plain)):
        kind = "a whole number" if whole else "a number"
        raise ConfigError(f"{name} is {value!r}; expected {kind}, 0 or more.")
    return int(plain) if whole else plain


@dataclass(frozen=True, kw_only=True)
class PictureConfig(_Config):
    """How picture files become images of one size.

    Attributes:
        size: height and width, 8 to 1024.
        color: `gray`, `rgb`, or `auto` for gray if all pictures are.
        fit: `crop` cuts off what is too long, `pad` adds white, `stretch` changes proportions.
        follow_links: also go where symbolic links lead out of the folder.
    """

    size: int = 64
    color: Color = "auto"
    fit: Fit = "crop"
    follow_links: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_count("size", low=8, high=1024)
        if not isinstance(self.follow_links, bool):
            raise ConfigError(f"follow_links is {self.follow_links!r}; expected true or false.")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(_Config):
    """How a model is trained.

    Attributes:
        epochs: passes over the training images at most.
        batch_size: images per optimizer step.
        optimizer: `muon`, or a Keras optimizer by its lower-case name.
        learning_rate: the peak learning rate.
        schedule: `cosine` warms up over the first steps and decays to 1 % of the peak at the
            last epoch; `constant` keeps the peak throughout.
        patience: epochs without a better validation loss after which training stops.
        seed: seeds the weights, the split and the order of the images.
        precision: `float32`, or `mixed_bfloat16` (arithmetic in bfloat16, weights in float32).
        limit: at most this many images of the training split, and of the test split.
        corruption: what the network sees in place of the clean images.
        shards: parts of a batch that the cores work on side by side, 1 to 64; None for one per
            core. Another number adds up gradients in another order, so the last digits differ.
    """

    epochs: int = 10
    batch_size: int = 64
    optimizer: Optimizer = "adam"
    learning_rate: float = 3e-3
    schedule: Schedule = "cosine"
    patience: int = 10
    seed: int = 0
    precision: Precision = "float32"
    limit: int | None = None
    corruption: CorruptionConfig = CorruptionConfig()
    shards: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.corruption, str):  # as JSON has it
            object.__setattr__(self, "corruption", CorruptionConfig.parse(self.corruption))
        if not isinstance(self.corruption, CorruptionConfig):
            raise ConfigError(f"corruption is {self.corruption!r}; expected a text.")
        self._check_count("epochs", low=1)
        self._check_count("batch_size", low=1)
        self._check_count("patience", low=1)
        self._check_count("seed", low=0, high=2**32 - 1)
        if self.limit is not None:
            self._check_count("limit", low=1)
        if self.shards is not None:
            self._check_count("shards", low=1, high=64)
        self._check_positive("learning_rate")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that `json.dumps` takes; corruption as text."""
        return {**super().to_dict(), "corruption": str(self.corruption)}
