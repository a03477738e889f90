"""A run: everything about one training, in a folder a person can read and copy."""

from __future__ import annotations

import csv
import json
import math
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from zscape.errors import ConfigError, DataError, RunError
from zscape.files import TEMPORARY_PREFIX, remove_leftovers, write_json
from zscape.hardware import default_shards, describe
from zscape.settings import BottleneckConfig, NetworkConfig, PictureConfig, TrainConfig

if TYPE_CHECKING:
    import numpy as np

    from zscape.data.images import Dataset, Images
    from zscape.model import Autoencoder

SCHEMA_VERSION = 1
_PACKAGES = ("keras", "numpy", "scikit-learn", "scikit-image", "zscape")
_COLUMNS = ("epoch", "loss", "val_loss", "learning_rate", "seconds", "images_per_second")
_OWN_FILES = (  # beside config.json, which makes the folder a run
    "model.keras",
    "checkpoint/state.npz",
    "history.csv",
    "baseline.npz",
    "metrics.json",
    "generation.json",
    "figures/loss.png",
    "figures/reconstructions.png",
    "figures/latent.png",
    "figures/grid.png",
    "figures/samples.png",
    "figures/denoising.png",
    "report.html",
    "skipped.csv",
)


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
        pictures: how the pictures of a folder became images; None for other data.
    """

    source: str
    fingerprint: str
    image_shape: tuple[int, int, int]
    network: NetworkConfig
    bottleneck: BottleneckConfig
    training: TrainConfig
    pictures: PictureConfig | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without what describes the machine."""
        values: dict[str, Any] = {
            "data": {
                "source": self.source,
                "fingerprint": self.fingerprint,
                "image_shape": list(self.image_shape),
            },
            "network": self.network.to_dict(),
            "bottleneck": self.bottleneck.to_dict(),
            "training": self.training.to_dict(),
        }
        if self.pictures is not None:
            values["pictures"] = self.pictures.to_dict()
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunConfig:
        """Rebuild what `to_dict` gave.

        Raises:
            ConfigError: a setting is unknown or outside its range.
            KeyError, TypeError, ValueError: a part is missing or of another type.
        """
        data = values["data"]
        height, width, channels = data["image_shape"]
        if not all(isinstance(size, int) and size > 0 for size in (height, width, channels)):
            raise ValueError("image_shape must be three whole numbers above 0")
        if not isinstance(data["source"], str) or not isinstance(data["fingerprint"], str):
            raise TypeError("source and fingerprint must be text")
        return cls(
            source=data["source"],
            fingerprint=data["fingerprint"],
            image_shape=(height, width, channels),
            network=NetworkConfig.from_dict(values["network"]),
            bottleneck=BottleneckConfig.from_dict(values["bottleneck"]),
            training=TrainConfig.from_dict(values["training"]),
            pictures=PictureConfig.from_dict(values["pictures"]) if "pictures" in values else None,
        )


@dataclass(frozen=True)
class Run:
    """A run folder and its settings. Model and images are loaded when first asked for.

    Example:
        >>> run = load_run("runs/mnist-fast-10d")
        >>> codes = run.model.encode(run.dataset.test.images)
    """

    path: Path
    config: RunConfig
    known_dataset: Dataset | None = field(default=None, repr=False, compare=False)

    @cached_property
    def model(self) -> Autoencoder:
        """The best model by validation loss.

        Raises:
            RunError: there is no model yet, or it is that of another run.
            ModelError: its file is damaged or refused.
        """
        from zscape.model_file import load_model

        path = self.path / "model.keras"
        if not path.exists():
            raise RunError(
                f"{self.path} has no model yet, for no epoch of its training is finished; go on "
                "with the command that started it and --resume."
            )
        model = load_model(path)
        shape, latent_dim = self.config.image_shape, self.config.network.latent_dim
        if (model.image_shape, model.latent_dim) != (shape, latent_dim):
            raise RunError(
                f"{path} is of another run: it has images {model.image_shape} and latent_dim "
                f"{model.latent_dim}, and config.json says {shape} and {latent_dim}; copy the "
                "run again."
            )
        return model

    @cached_property
    def dataset(self) -> Dataset:
        """The images of the run, split as they were in training.

        Raises:
            DataError: they cannot be read any more.
            RunError: they are not the images the run was trained on.
        """
        from zscape.data.load import load_dataset

        if self.known_dataset is not None:
            return self.known_dataset.readable()
        training = self.config.training
        try:
            dataset = load_dataset(
                self.config.source,
                seed=training.seed,
                limit=training.limit,
                pictures=self.config.pictures,
            )
        except DataError as error:
            raise DataError(
                f"the images that {self.path} was trained on cannot be read: {error} "
                "Put them back, or name other images."
            ) from error
        if dataset.fingerprint != self.config.fingerprint:
            raise RunError(
                f"{self.config.source} has changed since {self.path} was trained on it; "
                "give the images of then, or train a new run."
            )
        return dataset

    def load_images(self, data: str | Path | np.ndarray | Images) -> Images:
        """Load other images as the model takes them: the pictures of a folder in its shape.

        Raises:
            DataError: they cannot be read.
        """
        from zscape.data.load import load_images

        pictures = self.config.pictures or PictureConfig(fit="stretch")
        return load_images(data, pictures=pictures, image_shape=self.config.image_shape)

    @property
    def history(self) -> list[dict[str, float]]:
        """One row an epoch: epoch, loss, val_loss, learning_rate, seconds, images_per_second.

        Raises:
            RunError: the file is missing or damaged.
        """
        path = self.path / "history.csv"
        remedy = "Go on with the training (--resume), which writes it, or copy the run again."
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [
                    {name: float(value) for name, value in row.items()}
                    for row in csv.DictReader(file)
                ]
        except FileNotFoundError as error:
            raise RunError(f"{path} is missing: no epoch is finished. {remedy}") from error
        except (OSError, ValueError, TypeError, csv.Error) as error:
            raise RunError(f"{path} is damaged: {error}. {remedy}") from error
        for row in rows:
            if not set(_COLUMNS) <= set(row) or not all(map(math.isfinite, row.values())):
                raise RunError(
                    f"{path} is damaged: expected the columns {', '.join(_COLUMNS)} with finite "
                    f"numbers. {remedy}"
                )
        if not rows:
            raise RunError(f"{path} is damaged: it has no rows. {remedy}")
        return rows

    @property
    def metrics(self) -> dict[str, Any]:
        """The final metrics, as `metrics.json` holds them; `read_evaluation` checks them too.

        Raises:
            RunError: the file is missing or damaged; `zscape evaluate` writes it.
        """
        path = self.path / "metrics.json"
        values: dict[str, Any] = _read_json(
            path, remedy=f"Write it with: zscape evaluate {self.path}"
        )
        return values


def load_run(path: str | Path) -> Run:
    """Open a run folder.

    Raises:
        RunError: the folder is missing, is not a run, or its settings are damaged.
    """
    path = Path(path)
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise RunError(f"run folder {path} {what}; expected a folder that zscape train made.")
    if not (path / "config.json").is_file():
        raise RunError(
            f"{path} is not a run: it has no config.json; expected a folder that zscape train made."
        )
    remedy = "Copy the run again or train a new one."
    values = _read_json(path / "config.json", remedy=remedy)
    try:
        if values["schema"] != SCHEMA_VERSION:
            raise RunError(
                f"{path} was written in format {values['schema']}, and this zscape reads format "
                f"{SCHEMA_VERSION}; use the version of zscape that wrote it."
            )
        return Run(path, RunConfig.from_dict(values))
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise RunError(f"{path / 'config.json'} is damaged: {what}. {remedy}") from error


@contextmanager
def open_for_training(
    path: Path, config: RunConfig, dataset: Dataset, *, force: bool, resume: bool
) -> Iterator[Run]:
    """Make the folder of a new run, or open the run to resume, and hold its lock.

    Args:
        path: the run folder.
        config: the settings asked for.
        dataset: the images, already loaded.
        force: replace a run that is there already. Other folders are never replaced.
        resume: take up a run that is there already; it must have the same settings.

    Raises:
        RunError: the folder is in the way or in use, or holds a run with other settings.
        OSError: it cannot be written to.
    """
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; choose a folder with --out.")
    # A lock, or a file that a kill left half-written, does not make a folder somebody's own.
    names = [entry.name for entry in path.iterdir()] if path.exists() else []
    present = [name for name in names if not name.startswith((".lock", TEMPORARY_PREFIX))]
    is_run = "config.json" in present
    if present and not is_run:
        raise RunError(f"{path} exists and is not a run; choose another folder with --out.")
    if is_run and not resume and not force:
        raise RunError(
            f"{path} holds a run already; choose another --out, go on with --resume, "
            "or replace it with --force."
        )
    path.mkdir(parents=True, exist_ok=True)
    with locked(path):
        for folder in (path, path / "checkpoint", path / "figures"):
            remove_leftovers(folder)
        if is_run and resume:
            before = _with_shards(load_run(path).config, None)
            config = _with_shards(config, before.training.shards)
            _check_same(before, config)
        else:
            config = _with_shards(config, None)
            for name in _OWN_FILES:
                (path / name).unlink(missing_ok=True)
            for name in ("tensorboard", "density"):
                shutil.rmtree(path / name, ignore_errors=True)
            _write_config(path, config)
        yield Run(path, config, dataset)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a run folder; the system frees it when the process ends in any way.

    Raises:
        RunError: another process holds it.
        OSError: the folder cannot be written to.
    """
    lock = FileLock(path / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(
            f"{path} is in use by another zscape process; wait for it or choose another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _with_shards(config: RunConfig, stored: int | None) -> RunConfig:
    """Return settings with a number of shards: as asked, as stored, or what is best here."""
    training = config.training
    shards = training.shards or stored or default_shards()
    return replace(config, training=replace(training, shards=shards))


def _write_config(path: Path, config: RunConfig) -> None:
    made = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in _PACKAGES},
        "hardware": describe(),
    }
    values = {"schema": SCHEMA_VERSION, **config.to_dict(), "made": made}
    write_json(path / "config.json", values)


def _check_same(stored: RunConfig, asked: RunConfig) -> None:
    """Refuse to resume with settings that differ from those the run was started with."""
    before, now = stored.to_dict(), asked.to_dict()
    for part in ("network", "bottleneck", "training", "pictures", "data"):
        for name, value in before.get(part, {}).items() if part in now else ():
            if name == "fingerprint" and now[part][name] != value:
                raise RunError(
                    f"the images in {asked.source} are not those the run was started with; give "
                    "the images of then, or start a new run with another --out."
                )
            if now[part][name] != value:
                raise RunError(
                    f"{name} was {value!r} when the run was started and is {now[part][name]!r} "
                    "now; resume with the settings of then, or start a new run with another --out."
                )


def _read_json(path: Path, *, remedy: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing. {remedy}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}. {remedy}") from error
