"""Temporary: what the registries of bottlenecks, presets and corruptions will give."""

from dataclasses import dataclass
from typing import Any

from zscape.errors import ConfigError
from zscape.registry import Choice, _like

BOTTLENECK_OPTIONS: dict[str, dict[str, float]] = {
    "plain": {},
    "gaussian": {"beta": 1.0, "warmup": 0, "free_bits": 0.0},
    "tc": {"beta": 6.0, "warmup": 0},
    "mmd": {"weight": 100.0},
    "regularized": {"code": 0.1, "decoder": 0.001, "spectral": 0.0},
    "vq": {"codebook": 512, "commitment": 0.25, "decay": 0.99},
    "fsq": {"levels": 8},
    "sphere": {"noise": 0.1},
}
CORRUPTION_OPTIONS: dict[str, dict[str, float]] = {
    "gaussian": {"sigma": 0.3},
    "salt_pepper": {"amount": 0.2},
    "mask": {"size": 8, "count": 3},
    "blur": {"sigma": 1.5},
    "poisson": {"peak": 30.0},
    "speckle": {"sigma": 0.2},
}
CORRUPTION_LIMITS = {"sigma": 100.0, "amount": 1.0, "size": 10_000, "count": 1000, "peak": 1e9}
Noise = Choice
CorruptionName = str
BottleneckName = str


@dataclass(frozen=True)
class Recipe:
    images_seen: int
    optimizer: str
    learning_rate: float
    precision: str = "float32"

    def n_epochs(self, n_images: int) -> int:
        return min(max(1, round(self.images_seen / n_images)), 100)


RECIPES = {
    "fast": Recipe(110_000, "muon", 1e-2),
    "quality": Recipe(324_000, "muon", 1e-2),
    "classic": Recipe(540_000, "adam", 3e-3),
}


class _Reg:
    def __init__(self, kind: str, options: dict[str, dict[str, Any]]) -> None:
        self.kind, self._o = kind, options

    def plugin(self, name):
        return None

    def names(self):
        return tuple(sorted(self._o))

    def options(self, name):
        if name not in self._o:
            raise ConfigError(
                f"{self.kind} is {name!r}; expected one of {', '.join(self.names())}."
            )
        return self._o[name]

    def complete(self, c):
        c = Choice.parse(c)
        known = self.options(c.name)
        for n in c.options:
            if n not in known:
                raise ConfigError(
                    f"the {self.kind} {c.name} has no option {n!r}; it has {', '.join(known)}."
                )
        return Choice(c.name, {n: _like(n, c.options.get(n, d), d) for n, d in known.items()})

    def __getitem__(self, name):
        self.options(name)

        class P:
            recipe = RECIPES.get(name)

        return P


PRESETS = _Reg(
    "preset",
    {"fast": {}, "quality": {}, "classic": {"downsampling": "stride", "upsampling": "nearest"}},
)
BOTTLENECKS = _Reg("bottleneck", BOTTLENECK_OPTIONS)
from zscape.registry import Registry

CORRUPTIONS = _Reg("corruption", CORRUPTION_OPTIONS)
