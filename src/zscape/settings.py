"""Settings: one declaration of each, from which everything else is made.

Every setting is a field of a frozen dataclass with its type, bounds, default and help. The command
line, `zscape.train`, `config.json`, files of settings and the documentation are made from these
fields. Bottlenecks, presets and corruptions bring options of their own; see `zscape.registry`.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

from zscape.errors import ConfigError
from zscape.registry import Choice, check_number

Downsampling = Literal["stride", "maxpool"]
Upsampling = Literal["nearest", "bilinear", "transposed"]
CodeActivation = Literal["linear", "relu"]
Optimizer = Literal["muon", "adam", "adamw", "nadam", "rmsprop", "sgd"]
Schedule = Literal["cosine", "constant"]
Precision = Literal["float32", "mixed_bfloat16"]
Color = Literal["auto", "gray", "rgb"]
Fit = Literal["crop", "pad", "stretch"]
Background = Literal["auto", "white", "black"]
Polarity = Literal["auto", "keep"]
PathName = Literal["linear", "spherical", "density"]


@dataclass(frozen=True)
class Bounds:
    """The least and the most that a number may be."""

    low: int
    high: int | None = None

    def __str__(self) -> str:
        """Return them in words."""
        return f"{self.low} or more" if self.high is None else f"from {self.low} to {self.high}"


@dataclass(frozen=True)
class Shown:
    """What help shows as the default of a setting that is chosen when it is left out."""

    default: str


Count = Annotated[int, Bounds(1)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Checked when made; plain JSON in and out."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), hint))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary that `json.dumps` takes."""
        return {
            name: str(value) if isinstance(value, CorruptionConfig | Size) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild the settings that `to_dict` gave."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"settings are {values!r}; expected names and values.")
        check_names(values, cls.names())
        return cls(**values)

    @classmethod
    def picked(cls, options: Mapping[str, Any]) -> Self:
        """Return settings made of those options that are theirs."""
        return cls(**{name: options[name] for name in cls.names() if name in options})

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the settings."""
        return tuple(entry.name for entry in dataclasses.fields(cls))


def check_names(asked: Iterable[str], known: Iterable[str]) -> None:
    """Refuse names of settings that there are not."""
    known = sorted(known)
    for name in asked:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"unknown setting {name!r}; {hint}expected some of {', '.join(known)}."
            )


def unwrapped(hint: Any) -> tuple[Any, list[Any]]:
    """Return the bare type that an annotation stands for, and the marks on it; None is a mark."""
    marks: list[Any] = []
    while get_origin(hint) is Annotated or type(None) in get_args(hint):
        first, *more = sorted(get_args(hint), key=lambda part: part is type(None))
        hint, marks = first, [*marks, *more]
    return hint, marks


def _checked(name: str, value: Any, hint: Any) -> Any:
    """Return the value of a setting in its own type, if it is one that the setting takes."""
    kind, marks = unwrapped(hint)
    if value is None and type(None) in marks:
        return None
    if Size in marks:
        return Size.parse(value)
    if get_origin(kind) is Literal:
        if not isinstance(value, str) or value not in get_args(kind):
            raise ConfigError(f"{name} is {value!r}; expected one of {', '.join(get_args(kind))}.")
    elif kind is int:
        bounds = next(mark for mark in marks if isinstance(mark, Bounds))
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not whole or not bounds.low <= value <= (bounds.high or math.inf):
            raise ConfigError(f"{name} is {value!r}; expected a whole number, {bounds}.")
        return int(value)  # JSON does not take NumPy's integers
    elif kind is float:
        try:
            return check_number(name, value, high=1e30, above=True)  # float32 ends at 3e38
        except ConfigError as error:
            raise ConfigError(f"{name} is {value!r}; expected a positive number.") from error
    elif kind is CorruptionConfig:
        return CorruptionConfig.parse(value)
    elif not isinstance(value, kind):
        expected = {bool: "true or false", str: "a text"}[kind]
        raise ConfigError(f"{name} is {value!r}; expected {expected}.")
    return value


@dataclass(frozen=True)
class BottleneckConfig(Choice):
    """The part between encoder and decoder that shapes the code in training."""

    name: str = "plain"


@dataclass(frozen=True)
class CorruptionConfig:
    """What is done to the images that the network sees, while the loss looks at the clean ones.

    Attributes:
        steps: the corruptions, one after the other; none for a network that sees clean images.
    """

    steps: tuple[Choice, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.steps)

    def __str__(self) -> str:
        """Return `NAME:key=value,...+NAME:...`, as `parse` takes it; empty for none."""
        return "+".join(map(str, self.steps))

    @classmethod
    def parse(cls, value: str | Iterable[str] | CorruptionConfig | None) -> CorruptionConfig:
        """Read `NAME:key=value,...`, several of these joined with `+`, or a list of them."""
        if isinstance(value, CorruptionConfig):
            return value
        texts = [value] if isinstance(value, str) else value or ()
        if not isinstance(texts, Iterable) or not all(isinstance(text, str) for text in texts):
            raise ConfigError(f"corruption is {value!r}; expected a text such as gaussian.")
        parts = [part for text in texts if text.strip() for part in text.split("+")]
        return cls(tuple(Choice.parse(part) for part in parts))


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(Settings):
    """The shape of the encoder and of the decoder that mirrors it."""

    preset: Annotated[str, Shown("fast; classic with options of its own")] = "fast"
    """Encoder and decoder."""

    latent_dim: Count = 10
    """Length of a code."""

    downsampling: Downsampling = "stride"
    """How the encoder of classic halves an image."""

    upsampling: Upsampling = "nearest"
    """How the decoder of classic doubles an image."""

    code_activation: CodeActivation = "linear"
    """Activation of the code; with relu no code is negative."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Settings):
    """How a model is trained."""

    epochs: Annotated[Count, Shown("by preset and number of images")] = 10
    """Epochs at most."""

    batch_size: Count = 64
    """Images per step."""

    optimizer: Annotated[Optimizer, Shown("by preset")] = "adam"
    """Optimizer."""

    learning_rate: Annotated[float, Shown("by preset")] = 3e-3
    """Peak learning rate."""

    schedule: Schedule = "cosine"
    """Learning rate over the run: warm-up and decay to 1 % of the peak, or constant."""

    patience: Count = 10
    """Stop after this many epochs without a better validation loss."""

    seed: Annotated[int, Bounds(0, 2**32 - 1)] = 0
    """Seed of the weights, the split and the order of the images."""

    precision: Annotated[Precision, Shown("by preset")] = "float32"
    """Arithmetic of the hidden layers; weights are float32."""

    limit: Count | None = None
    """Use at most this many images to train and validate on, and as many to test on."""

    corruption: CorruptionConfig = CorruptionConfig()
    """Learn to undo this corruption; several in turn: repeat it, or join them with +."""

    init_from: str | None = None
    """Run folder of a model whose weights to start from; it must have the same network."""

    shards: Annotated[Annotated[int, Bounds(1, 64)] | None, Shown("one per core")] = None
    """Parts of a batch that the cores work on side by side; a run goes on with its own number."""


@dataclass(frozen=True)
class Size:
    """Height and width of images in pixels, 8 to 1024 each."""

    height: int
    width: int

    def __str__(self) -> str:
        """Return `64`, or `48x192`, as `parse` takes it."""
        square = self.height == self.width
        return str(self.height) if square else f"{self.height}x{self.width}"

    @classmethod
    def parse(cls, value: object) -> Size:
        """Read one number for both, `HxW`, or (H, W)."""
        if isinstance(value, Size):
            return value
        sides: Any = value.lower().split("x") if isinstance(value, str) else value
        sides = [sides] if isinstance(sides, Integral) else sides
        try:
            found = [int(side) for side in sides if not isinstance(side, bool | float)]
        except (TypeError, ValueError):
            found = []
        if len(found) not in (1, 2) or not all(8 <= side <= 1024 for side in found):
            raise ConfigError(
                f"size is {value!r}; expected one number from 8 to 1024, or HxW such as 48x192."
            )
        return cls(found[0], found[-1])


@dataclass(frozen=True, kw_only=True)
class ReadingConfig(Settings):
    """What the values of images mean, and which images are for what."""

    white: Annotated[float | None, Shown("by the values of all images")] = None
    """Value that is white, as 4095 for 12 bits."""

    polarity: Polarity = "auto"
    """Later images that are dark on light where these are light on dark: invert them, or keep."""

    validation: str | None = None
    """Images to validate on: a folder or a file. [default: the set's own, or a tenth]"""

    test: str | None = None
    """Images to test on: a folder or a file. [default: the set's own, or a tenth]"""

    target: str | None = None
    """Clean images for the noisy ones: a folder with pictures of their names, or an array file."""


@dataclass(frozen=True, kw_only=True)
class PictureConfig(Settings):
    """How picture files become images of one size."""

    size: Annotated[Any, Size, Shown("64")] = Size(64, 64)  # whatever `Size.parse` takes
    """Height and width of the images made of picture files: one number for both, or HxW."""

    color: Color = "auto"
    """Colours of the images made of picture files; auto: gray if all pictures are."""

    fit: Fit = "crop"
    """Pictures of other proportions: cut off what is too long, add background, or stretch."""

    background: Background = "auto"
    """What is behind transparent pictures; auto: white, or black if most show nothing on white."""

    patches: bool = False
    """Learn from patches of the pictures at their own scale, as for denoising."""

    follow_links: bool = False
    """Also go where symbolic links lead out of a folder."""


@dataclass(frozen=True, kw_only=True)
class PlaceConfig(Settings):
    """Where a model is trained; what comes out does not depend on it beyond rounding."""

    workers: Annotated[int, Bounds(1, 4096)] | None = None
    """Processes that share every batch, by Ray; needs zscape[cluster]."""

    min_workers: Annotated[int, Bounds(1, 4096)] | None = None
    """Go on with this many where others are lost and not replaced. [default: the workers]"""

    gpus_per_worker: Annotated[int, Bounds(0, 64)] = 0
    """GPUs for each worker."""

    cluster: str | None = None
    """Address of a Ray cluster, or auto. [default: a Ray of this machine, for the training]"""

    process: str | None = None
    """I/N: this is process I of N, from 0, that are started without Ray; with the coordinator."""

    coordinator: str | None = None
    """HOST:PORT of process 0, where a free port is."""

    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints within an epoch; there is one after each epoch as well."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions(PlaceConfig, PictureConfig, ReadingConfig, TrainConfig, NetworkConfig):
    """Everything that can be asked of a training: its settings, and how it is run."""

    corruption: str | Sequence[str] | CorruptionConfig = ""  # type: ignore[assignment]  # as given

    validation: Any = None

    test: Any = None

    target: Any = None

    bottleneck: str | Choice = "plain"
    """What shapes the code between encoder and decoder."""

    out: str | Path | None = None
    """Run folder; runs/DATA-PRESET-DIMd when left out."""

    plugins: Sequence[str | Path] = ()
    """Python files, or installed modules, that register presets, bottlenecks or corruptions."""

    strict: bool = False
    """Refuse a folder with files that cannot be read as pictures."""

    resume: bool = False
    """Go on with an interrupted run of the same settings."""

    force: bool = False
    """Replace a run that is there already."""

    tensorboard: bool = False
    """Also write logs for TensorBoard, to the folder tensorboard of the run."""

    encoder: Any = None
    """A network of your own from images (N, H, W, C) to features (N, d); with `decoder`."""

    decoder: Any = None
    """A network of your own from codes (N, d) to images (N, H, W, C) in [0, 1]."""

    callbacks: Sequence[Any] = ()
    """More Keras callbacks for `fit`."""

    reporter: Any = None
    """What is told how it goes; bars in a notebook, else Python's `logging`, when None."""


SECTIONS: dict[str, type[Settings]] = {
    "network": NetworkConfig,
    "training": TrainConfig,
    "reading": ReadingConfig,
    "pictures": PictureConfig,
}


def read_settings(path: Path) -> dict[str, Any]:
    """Read settings from a TOML or JSON file, such as the `config.json` of a run.

    Settings stand by their names, or under the headings `network`, `training`, `reading`,
    `pictures` and `bottleneck` as in `config.json`. What else that file has (the images, the
    machine) is passed over.

    Returns:
        Settings by name, for `zscape.train`.

    Raises:
        ConfigError: the file cannot be read, or has another form.
    """
    expected = "expected a .toml or .json file with settings, such as the config.json of a run"
    if path.suffix not in (".toml", ".json"):
        raise ConfigError(f"{path} does not end in .toml or .json; {expected}.")
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except FileNotFoundError as error:
        raise ConfigError(f"{path} does not exist; {expected}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); {expected}.") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no names and values; {expected}.")
    found = {}
    for name, value in values.items():
        if name in ("schema", "data", "made", "plugins"):
            continue
        if name in SECTIONS and isinstance(value, dict):
            found.update(value)
        elif name == "bottleneck" and isinstance(value, dict):
            found[name] = BottleneckConfig.from_dict(value)
        else:
            found[name] = value
    return found
