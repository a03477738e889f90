"""The settings of a run and what was found in its images, as `config.json` holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zscape.settings import (
    BottleneckConfig,
    NetworkConfig,
    PictureConfig,
    ReadingConfig,
    TrainConfig,
)

SCHEMA_VERSION = 2
OLD_SCHEMA = 1  # read as it was written: see `zscape.data.load.Reading.is_old`
_PARTS: dict[str, Any] = {
    "network": NetworkConfig,
    "bottleneck": BottleneckConfig,
    "training": TrainConfig,
    "reading": ReadingConfig,
    "pictures": PictureConfig,
}
_LATER_PARTS = ("reading", "pictures")  # which some files lack
_FACTS = ("white", "border", "scale", "class_names")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything needed to repeat a run; `config.json` holds it.

    Attributes:
        source: the data as they were named: a known name, or an absolute path.
        fingerprint: that of the `Dataset`, so that changed images are noticed.
        image_shape: (H, W, C) of one image.
        network: encoder and decoder.
        bottleneck: the part between them.
        training: how it is trained.
        reading: what values of images mean, and which images are for what.
        pictures: how the pictures of a folder became images; None for other data.
        plugins: Python files or modules that register what the settings name.
        white: the value that was white in the images of the training.
        border: `dark` or `light` if the borders of most gray training images are.
        scale: how many pixels of an image stand for one of a picture's side; None for arrays.
        class_names: what the labels of the training images stand for.
        schema: the format of the file.
    """

    source: str
    fingerprint: str
    image_shape: tuple[int, int, int]
    network: NetworkConfig
    bottleneck: BottleneckConfig
    training: TrainConfig
    reading: ReadingConfig = ReadingConfig()  # noqa: RUF009  # it is frozen
    pictures: PictureConfig | None = None
    plugins: tuple[str, ...] = ()
    white: float | None = None
    border: str | None = None
    scale: float | None = None
    class_names: tuple[str, ...] | None = None
    schema: int = SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without what describes the machine."""
        data: dict[str, Any] = {"source": self.source, "fingerprint": self.fingerprint}
        data["image_shape"] = list(self.image_shape)
        for name in _FACTS:
            if (fact := getattr(self, name)) is not None:
                data[name] = list(fact) if isinstance(fact, tuple) else fact
        values: dict[str, Any] = {"data": data}
        for name in _PARTS:
            if (part := getattr(self, name)) is not None:
                values[name] = part.to_dict()
        return {**values, "plugins": list(self.plugins)} if self.plugins else values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """Rebuild what `to_dict` gave; ConfigError, KeyError, TypeError or ValueError if wrong."""
        data = values["data"]
        height, width, channels = data["image_shape"]
        if not all(isinstance(size, int) and size > 0 for size in (height, width, channels)):
            raise ValueError("image_shape must be three whole numbers above 0")
        if not isinstance(data["source"], str) or not isinstance(data["fingerprint"], str):
            raise TypeError("source and fingerprint must be text")
        names = data.get("class_names")
        return cls(
            source=data["source"],
            fingerprint=data["fingerprint"],
            image_shape=(height, width, channels),
            plugins=tuple(map(str, values.get("plugins", ()))),
            white=None if data.get("white") is None else float(data["white"]),
            border=data.get("border"),
            scale=None if data.get("scale") is None else float(data["scale"]),
            class_names=None if names is None else tuple(map(str, names)),
            schema=int(values.get("schema", SCHEMA_VERSION)),
            **{
                name: kind.from_dict(values[name])
                for name, kind in _PARTS.items()
                if name in values or name not in _LATER_PARTS
            },
        )
