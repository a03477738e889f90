"""A run: everything about one training, in a folder a person can read and copy."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from zscape.errors import ConfigError, DataError, ModelError, RunError, backend_needed
from zscape.files import write_json
from zscape.registry import missing_plugins
from zscape.remote import as_path
from zscape.run_config import OLD_SCHEMA, SCHEMA_VERSION, RunConfig
from zscape.settings import PictureConfig

if TYPE_CHECKING:
    from zscape.data.images import Dataset, Images, ImageStore
    from zscape.data.load import Reading
    from zscape.data.sources import Split
    from zscape.model import Autoencoder

T = TypeVar("T")

_COLUMNS = ("epoch", "loss", "val_loss", "learning_rate", "seconds", "images_per_second")


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
        with backend_needed():
            from zscape.model_file import load_model

        path = self.path / "model.keras"
        if not path.exists():
            raise RunError(
                f"{self.path} has no model yet, for no epoch of its training is finished; train "
                "again with the same settings and `resume=True`."
            )
        try:
            model = load_model(path)
        except ModelError as error:
            missing = missing_plugins(self.config.plugins)
            if not missing:
                raise
            raise ModelError(
                f"{path} needs the plugin {missing[0]}, which is not loaded; if you trust it, load "
                "it with `load_plugin`."
            ) from error
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
        if self.known_dataset is not None:
            return self.known_dataset.readable()
        return self._load_dataset(self.config.source)

    def _load_dataset(self, source: str) -> Dataset:
        """Load the images of the run from where they are; raise as `dataset` does."""
        from zscape.data.load import load_dataset
        from zscape.run_images import known_pictures

        training = self.config.training
        try:
            dataset = load_dataset(
                source,
                seed=training.seed,
                limit=training.limit,
                pictures=self.config.pictures,
                reading=self.reading._replace(known=known_pictures(self.path)),
            )
        except DataError as error:
            raise DataError(
                f"the images that {self.path} was trained on cannot be read: {error} Put them "
                "back, or name where they are now with `data`."
            ) from error
        if dataset.fingerprint != self.config.fingerprint:
            raise RunError(
                f"{source} has other images than {self.path} was trained on; name where those "
                "are now with `data`, or train a new run."
            )
        return dataset

    @property
    def reading(self) -> Reading:
        """How the images of the run are read."""
        from zscape.data.load import Reading

        config, asked = self.config, self.config.reading
        return Reading(
            white=asked.white,
            kept=config.white,
            validation=asked.validation,
            test=asked.test,
            target=asked.target,
            is_old=config.schema == OLD_SCHEMA,
        )

    def load_images(self, data: str | Path | ImageStore | Images, split: Split = "test") -> Images:
        """Load other images as the model takes them, and as those of the training were read.

        Pictures get its shape, the value that was white in the training stays so if it holds all
        values, classes are matched by name, and gray images with light borders are inverted where
        those of the training have dark ones, or the other way round. The `notes` say so. `split` is
        as for `zscape.load_images`.
        """
        from zscape.data.alike import with_border, with_classes
        from zscape.data.load import load_images
        from zscape.nn.networks import check_shape

        config = self.config
        images = load_images(
            data,
            split,
            pictures=self.pictures,
            image_shape=config.image_shape,
            reading=self.reading._replace(validation=None, test=None, target=None),
        )
        check_shape("images", images.images, config.image_shape)
        return with_border(with_classes(images, config.class_names), self.border)

    def read_picture(self, path: str | Path) -> np.ndarray:
        """Read a picture file as the model takes it, (H, W, C) float32 in [0, 1]."""
        from zscape.data.alike import with_border
        from zscape.data.decode import Rendering, read_picture
        from zscape.data.images import Images

        config, pictures = self.config, self.pictures
        how = Rendering(pictures.fit, pictures.background)
        image = read_picture(path, config.image_shape, how, white=config.white)
        found = with_border(Images(image[None], None, str(path)), self.border)
        (only,) = np.asarray(found.images)
        return np.asarray(only)

    @property
    def border(self) -> str | None:
        """What borders of gray images must be: `dark`, `light`, or None if that does not matter."""
        return None if self.config.reading.polarity == "keep" else self.config.border

    def moved_to(self, data: str | Path) -> Run:
        """Return the run with its images at another place, which its folder keeps; see `load_run`.

        Raises:
            DataError: the images cannot be read.
            RunError: they are not those the run was trained on.
        """
        from zscape.data.sources import resolve

        source = resolve(data).name
        asked = replace(self.config.reading, target=self._moved_target(source))
        config = replace(self.config, source=source, reading=asked)
        dataset = Run(self.path, config)._load_dataset(source)
        file = self.path / "config.json"
        values = json.loads(file.read_text(encoding="utf-8"))
        values["data"]["source"] = source
        if asked.target is not None:
            values["reading"]["target"] = asked.target
        write_json(file, values)
        return Run(self.path, config, dataset)

    def _moved_target(self, source: str) -> str | None:
        """Return where the clean images are: as before, or moved together with the noisy ones."""
        target = self.config.reading.target
        if target is None or as_path(target).exists():
            return target
        protocol, separator, place = source.rpartition("://")
        way = os.path.relpath(target, self.config.source)
        moved = f"{protocol}{separator}{os.path.normpath(f'{place}/{way}')}"
        return moved if as_path(moved).exists() else target

    @property
    def pictures(self) -> PictureConfig:
        """How pictures become images for the model."""
        return self.config.pictures or PictureConfig(fit="stretch")

    @property
    def history(self) -> list[dict[str, float]]:
        """One row an epoch: epoch, loss, val_loss, learning_rate, seconds, images_per_second.

        Raises:
            RunError: the file is missing or damaged.
        """

        def rows_of(text: str) -> list[dict[str, float]]:
            table = csv.DictReader(text.splitlines())
            rows = [{name: float(value) for name, value in row.items()} for row in table]
            for row in rows:
                if not set(_COLUMNS) <= set(row) or not all(map(math.isfinite, row.values())):
                    expected = f"expected the columns {', '.join(_COLUMNS)} with finite numbers"
                    raise ValueError(expected)
            if not rows:
                raise ValueError("it has no rows")
            return rows

        remedy = "Train on with `resume=True`, which writes it, or copy the run again."
        why = ": no epoch is finished"
        return _read(self.path / "history.csv", rows_of, remedy=remedy, why_missing=why)

    @property
    def metrics(self) -> dict[str, Any]:
        """The final metrics, as `metrics.json` holds them; `read_evaluation` checks them too.

        Raises:
            RunError: the file is missing or damaged; `zscape evaluate` writes it.
        """
        remedy = f"Write it with: zscape evaluate {self.path}"
        values: dict[str, Any] = _read(self.path / "metrics.json", json.loads, remedy=remedy)
        return values


def load_run(path: str | Path, *, data: str | Path | None = None) -> Run:
    """Open a run folder.

    Args:
        path: the folder.
        data: where the images of the run are now, if they were moved or renamed. They are
            compared with those of the training, and the run keeps the new place.

    Raises:
        DataError: `data` cannot be read.
        RunError: the folder is missing, is not a run, or its settings are damaged.
    """
    path = as_path(path)
    expected = "expected a folder that zscape train made"
    if not path.is_dir():
        what = "is a file, not a folder" if path.exists() else "does not exist"
        raise RunError(f"run folder {path} {what}; {expected}.")
    if not (path / "config.json").is_file():
        raise RunError(f"{path} is not a run: it has no config.json; {expected}.")
    remedy = "Copy the run again or train a new one."
    values = _read(path / "config.json", json.loads, remedy=remedy)
    try:
        if values["schema"] not in (OLD_SCHEMA, SCHEMA_VERSION):
            raise RunError(
                f"{path} was written in format {values['schema']}, and this zscape reads format "
                f"{SCHEMA_VERSION}; use the version of zscape that wrote it."
            )
        run = Run(path, RunConfig.from_dict(values))
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise RunError(f"{path / 'config.json'} is damaged: {what}. {remedy}") from error
    return run if data is None else run.moved_to(data)


def _read(path: Path, parse: Callable[[str], T], *, remedy: str, why_missing: str = "") -> T:
    """Return what `parse` makes of a text file of a run."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing{why_missing}. {remedy}") from error
    except (OSError, ValueError, TypeError, RecursionError, csv.Error) as error:
        raise RunError(f"{path} is damaged: {error}. {remedy}") from error
