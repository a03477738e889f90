"""What reads files from outside, and how much of each is tried: one entry for each kind of file."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.malformed import bombs, seeds
from benchmarks.malformed.seeds import RUN, Files


@dataclass(frozen=True)
class Reader:
    """What reads a kind of file.

    Attributes:
        n_inputs: how many malformed ones it is given.
        files: makes valid files, by name.
        read: reads a file as a command would; returns what the user is told about it.
        bombs: makes files that claim or unpack to too much; they are read as they are.
    """

    n_inputs: int
    files: Callable[[], Files]
    read: Callable[[Path], list[str]]
    bombs: Callable[[], Files] = dict


# --- pictures ---


def read_folder(path: Path, ways: tuple[str, ...] = ("whole", "patches")) -> list[str]:
    """Load a folder with the picture twice, as images and as patches."""
    from zscape.data.load import load_images
    from zscape.settings import PictureConfig, Size

    shutil.copy(path, path.with_name(f"a copy{path.suffix}"))
    told = []
    for way in ways:
        patches = way == "patches"
        config = PictureConfig(size=Size(8, 8), patches=patches, fit="crop" if patches else "pad")
        found = load_images(path.parent, pictures=config)
        told += [item.reason for item in found.skipped] + list(found.notes)
    return told


def read_one(path: Path) -> list[str]:
    """Read the picture for a run, in each of the shapes that models take."""
    from zscape.data.decode import read_picture

    for n_channels in (1, 3, 4):
        image = read_picture(path, (28, 28, n_channels))
        if not (image.min() >= 0 and image.max() <= 1):
            raise AssertionError("values out of [0, 1]")
    return []


def read_picture_every_way(path: Path) -> list[str]:
    """Read a picture in a folder, then for a run."""
    told = read_folder(path)
    return told + read_one(path)


def read_huge_picture(path: Path) -> list[str]:
    """Read a picture in the way that its folder is called after."""
    way = path.parent.name
    return read_folder(path, (way,)) if way in ("whole", "patches") else read_one(path)


@functools.cache
def _run() -> Any:
    import zscape

    run = zscape.load_run(RUN)
    run.model  # noqa: B018  # it is loaded
    return run


def denoise_picture(path: Path) -> list[str]:
    """Denoise the picture into a folder."""
    from zscape.jobs.denoise import write_denoised

    written = write_denoised(_run(), [path], path.parent / "out")
    return [item.reason for item in written.skipped] + list(written.notes)


# --- arrays, tables and archives ---


def read_images(path: Path) -> list[str]:
    """Load the images of a file, as `encode` does."""
    from zscape.data.load import load_images
    from zscape.settings import PictureConfig, Size

    found = load_images(path, "all", pictures=PictureConfig(size=Size(8, 8)))
    for start in range(0, len(found), 500):
        np.asarray(found.images[start : start + 500])
    return [item.reason for item in found.skipped] + list(found.notes)


def read_labels(path: Path) -> list[str]:
    """Load a folder of four pictures with the table in it."""
    from zscape.data.load import load_images
    from zscape.settings import PictureConfig, Size

    for i in range(4):
        (path.parent / f"{i}.png").write_bytes(_gray())
    return list(load_images(path.parent, pictures=PictureConfig(size=Size(8, 8))).notes)


@functools.cache
def _gray() -> bytes:
    return seeds.encoded(np.zeros((9, 9), np.uint8), "PNG")


# --- files of runs ---


def _run_with(path: Path) -> Path:
    """Return a run folder with the file in place of its own."""
    folder = path.parent / "run"
    folder.mkdir()
    for name in ("config.json", "metrics.json", "generation.json", "history.csv"):
        shutil.copy(RUN / name, folder / name)
    shutil.copy(path, folder / path.name)
    return folder


def read_run(path: Path) -> list[str]:
    """Open a run with the file, and what is read of its folder."""
    from zscape.evaluation.results import read_evaluation, read_generation
    from zscape.run_images import known_pictures
    from zscape.runs import load_run

    run = load_run(_run_with(path))
    _ = run.config.to_dict(), run.reading, run.pictures, run.history, run.metrics
    read_evaluation(run).to_dict()
    read_generation(run).to_dict()
    known_pictures(run.path)
    return []


def read_model(path: Path) -> list[str]:
    """Load a model file and encode an image."""
    from zscape.model_file import load_model

    load_model(path).encode(np.zeros((1, 28, 28, 1), np.float32))
    return []


def read_checkpoint(path: Path) -> list[str]:
    """Go on with a training from a checkpoint."""
    from zscape.training.state import load_checkpoint

    state = load_checkpoint(path, _in_training())
    _ = state.epoch >= 2 or state.wait >= 2, state.best_val_loss > 0
    return []


@functools.cache
def _in_training() -> Any:
    import zscape
    from zscape.training.optimizer import build_optimizer

    config = _run().config
    model = zscape.build_autoencoder(config.image_shape, config.network, config.bottleneck, seed=0)
    model.compile(optimizer=build_optimizer(config.training, 3), loss="mean_squared_error")
    return model


def read_baseline(path: Path) -> list[str]:
    """Use the PCA of a run."""
    from zscape.latent.projection import PcaBaseline

    found = PcaBaseline.load(path)
    found.reconstruct(np.zeros((2, 28, 28, 1), np.float32))
    return []


def read_density(path: Path) -> list[str]:
    """Draw codes from the density of a run."""
    from zscape.latent.densities import load_density

    found = load_density("gmm", path)
    _run().model.decode(found.sample(2).reshape(-1, 2))
    return []


def read_codes(path: Path) -> list[str]:
    """Decode a file of codes."""
    from zscape.jobs.decode import write_decoded

    write_decoded(_run(), path, path.parent / "out.npz")
    return []


def read_options(path: Path) -> list[str]:
    """Take settings for a training from a file."""
    from zscape.jobs.plan import plan_training
    from zscape.settings import TrainOptions, check_names, read_settings

    options = read_settings(path)
    check_names(options, TrainOptions.names())
    plan_training({name: value for name, value in options.items() if value is not None})
    return []


def _every_picture() -> Files:
    return {
        f"{kind} {name}": content
        for kind in FORMATS
        for name, content in seeds.pictures(kind).items()
    }


FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
_N_OF = {"PNG": 700, "TIFF": 900, "AVIF": 250}

READERS: dict[str, Reader] = {
    **{
        f"{kind} pictures": Reader(
            _N_OF.get(kind, 400), functools.partial(seeds.pictures, kind), read_picture_every_way
        )
        for kind in FORMATS
    },
    "huge pictures": Reader(
        39, functools.partial(seeds.pictures, "PNG"), read_huge_picture, bombs.huge_pictures
    ),
    "denoised pictures": Reader(400, _every_picture, denoise_picture),
    ".npz arrays": Reader(600, seeds.npz_files, read_images, bombs.npz_bombs),
    ".npy arrays": Reader(400, seeds.npy_files, read_images, bombs.npy_bombs),
    "idx": Reader(250, seeds.idx_files, read_images),
    "idx.gz": Reader(250, seeds.gzip_files, read_images, bombs.gzip_bombs),
    "tables of pixels": Reader(600, seeds.pixel_tables, read_images, bombs.table_bombs),
    "tables of labels": Reader(500, seeds.label_tables, read_labels),
    "zip": Reader(600, seeds.zip_files, read_images, bombs.zip_bombs),
    "tar": Reader(500, seeds.tar_files, read_images, bombs.tar_bombs),
    "Parquet": Reader(600, seeds.parquet_files, read_images, bombs.parquet_bombs),
    "settings": Reader(400, seeds.settings_files, read_options),
    **{
        name: Reader(n, functools.partial(seeds.run_file, name), read_run)
        for name, n in (("config.json", 350), ("metrics.json", 200), ("generation.json", 150),
                        ("history.csv", 150))
    },
    "images.json": Reader(100, lambda: {"images.json": b'{"a/0.png": 117, "b.png": 9}'}, read_run),
    "model.keras": Reader(250, functools.partial(seeds.run_file, "model.keras"), read_model),
    "checkpoint": Reader(
        100, functools.partial(seeds.run_file, "checkpoint/state.npz"), read_checkpoint
    ),
    "baseline.npz": Reader(150, functools.partial(seeds.run_file, "baseline.npz"), read_baseline),
    "density": Reader(
        150, functools.partial(seeds.run_file, "density/gmm.a0a115aa224c3bb5.npz"), read_density
    ),
    "codes": Reader(250, seeds.codes_files, read_codes, bombs.npz_bombs),
}  # fmt: skip
