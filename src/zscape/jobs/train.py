"""Training from a data set to a run folder with model, figures and a report."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, cast

import numpy as np
from filelock import FileLock

from zscape.data.alike import N_BORDERS, border
from zscape.data.corruptions import CORRUPTIONS
from zscape.data.images import Dataset, Images, epoch_order
from zscape.data.load import load_dataset
from zscape.data.pictures import Skipped, report_skipped
from zscape.data.sources import resolve
from zscape.data.white import white_of_model
from zscape.errors import ConfigError, DataError, RunError, ZscapeError
from zscape.files import check_can_be_written
from zscape.jobs.evaluate import write_results
from zscape.jobs.plan import Plan, default_folder, picture_settings, plan_training, reading_of
from zscape.model import Autoencoder, build_autoencoder
from zscape.nn.bottlenecks import BOTTLENECKS
from zscape.nn.presets import PRESETS
from zscape.registry import Choice, load_plugin
from zscape.remote import as_path, cache_root, is_remote
from zscape.reporter import Reporter, default_reporter, report_remarks
from zscape.run_config import RunConfig
from zscape.run_folder import open_for_training
from zscape.run_images import known_pictures
from zscape.runs import Run, load_run
from zscape.settings import (
    PictureConfig,
    PlaceConfig,
    ReadingConfig,
    TrainOptions,
    check_names,
)
from zscape.training.fit import fit_autoencoder
from zscape.training.place import Place, place_of
from zscape.training.processes import agree, joined, part, spread

Data = str | Path | np.ndarray | Images
P = ParamSpec("P")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C after the run folder was made; what was done until then is kept in it.

    Attributes:
        path: the run folder.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path


def _typed(
    options: Callable[P, TrainOptions],
) -> Callable[[Callable[..., Run]], Callable[Concatenate[Data, P], Run]]:
    """Give a function the keyword arguments that a dataclass has, for editors and checkers."""
    return lambda function: cast(Callable[Concatenate[Data, P], Run], function)


@_typed(TrainOptions)
def train(data: Data, **options: Any) -> Run:
    """Train an autoencoder and leave a run folder with model, figures and report.

    The loss is the mean squared error over pixels and channels of images in [0, 1], and what the
    bottleneck adds to it. The best epoch is chosen on a validation split, the set's own or one held
    out of the training images; the test split is read once, at the end, for the final metrics.

    Args:
        data: a named data set (`mnist`), a folder of pictures or a file of them (`.zip`, `.tar`,
            `.parquet`), a file of arrays (`.npz`, `.npy`, idx, `.csv`), or an array of images
            (N, H, W) or (N, H, W, C). Folders and files may lie elsewhere, as in
            `s3://bucket/pictures`; so may the run, `out`.
        **options: the fields of `NetworkConfig`, `TrainConfig`, `ReadingConfig` and `PictureConfig`
            in `zscape.settings`, and those of `TrainOptions` there. What is left out is chosen by
            the recipe of the preset, or has its default.

    Returns:
        The run, with its best model.

    Raises:
        ConfigError: a setting is unknown, outside its range, or not for this hardware.
        DataError: the images cannot be read or are too few.
        RunError: the folder is in the way, in use, or damaged.
        TrainingError: the loss became NaN or infinite.
        OSError: a file cannot be written.
        Interrupted: Ctrl-C; `resume=True` goes on with the run.

    Example:
        >>> run = train("mnist", latent_dim=2, out="runs/two")
        >>> run.metrics["model"]
    """
    check_names(options, TrainOptions.names())
    options = {name: value for name, value in options.items() if value is not None}
    if options.get("resume") and options.get("force"):
        raise ConfigError("`resume` and `force` exclude each other; give one of the two.")
    _check_out(options)
    where = PlaceConfig.picked(options)
    if where.workers is None:
        return train_as_one_of(data, options, place_of(where))
    from zscape.jobs.train_together import train_together

    _plan(options)  # fails before others are asked
    return train_together(data, options, where)


def train_as_one_of(
    data: Data,
    options: Mapping[str, Any],
    place: Place | None,
    *,
    opened: Callable[[Path], object] = lambda folder: None,
    parted: Callable[[], object] = lambda: None,
) -> Run:
    """Train in this process, alone or as one of several that call this alike.

    Args:
        data: see `train`.
        options: likewise; those of `PlaceConfig` are passed over, but for the checkpoints.
        place: of this process among the others; None if it is alone.
        opened: called in the first process with the run folder, when it is there.
        parted: called in each when the model is trained, and the first one measures it alone.
    """
    with ExitStack() as together:
        together.enter_context(joined(place))
        # All settings are checked before the images are read, which can take long.
        plan = _plan(options)
        is_first = place is None or place.is_first
        reporter = options.get("reporter") or (default_reporter() if is_first else Reporter())
        dataset = together.enter_context(_load(data, plan, options, place, reporter))
        known = _skipped(dataset)
        _report_skipped(known, reporter, strict=options.get("strict", False))
        _report_notes(dataset, reporter)
        config = _completed(plan, dataset, picture_settings(data, options), options)
        folder = as_path(options.get("out") or default_folder(config))
        # Before a folder is made or emptied: what it starts from may be missing, or in there.
        with spread():
            model = _untrained(config, options, folder)
        with _opened(folder, config, dataset, options, place) as run:
            if is_first:
                opened(folder.absolute())
            try:
                with spread():
                    _fit(run, model, dataset, options, reporter)
                part(place)
                parted()
                if is_first:
                    late = [item for item in run.dataset.train.skipped if item not in known]
                    _report_skipped(late, reporter)
                    n_test = len(run.dataset.test)
                    reporter.say(f"measuring on {n_test:,} test images, drawing figures")
                    write_results(run)
            except KeyboardInterrupt as stop:
                raise Interrupted(folder) from stop
    return run


def _check_out(options: Mapping[str, Any]) -> None:
    """Refuse a place elsewhere that cannot hold the run, before the images are read."""
    out = options.get("out")
    if out is not None and is_remote(out):
        check_can_be_written(as_path(out))
        if options.get("tensorboard"):
            raise ConfigError(
                f"`tensorboard` writes on this machine only, and `out` is {as_path(out)}; leave "
                "one of the two out."
            )


def _plan(options: Mapping[str, Any]) -> Plan:
    for plugin in options.get("plugins", ()):
        load_plugin(plugin)
    return plan_training(options)


@contextmanager
def _load(
    data: Data,
    plan: Plan,
    options: Mapping[str, Any],
    place: Place | None,
    reporter: Reporter,
) -> Iterator[Dataset]:
    """Read the images, which of several processes on a machine the first one decodes."""
    resume, out = options.get("resume", False), options.get("out")
    progress = partial(reporter.progress, "decoding pictures")
    with ExitStack() as stack:
        if place is not None:
            cache_root().mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(cache_root() / ".workers"))
        dataset = load_dataset(
            data,
            seed=plan.training.seed,
            limit=plan.training.limit,
            pictures=picture_settings(data, options),
            reading=reading_of(options, known_pictures(as_path(out)) if resume and out else None),
            progress=progress,
            wait=place is not None,
        )
        stack.close()
        with dataset:
            if options.get("strict") and dataset.decoding is not None:
                dataset.decoding.finish(progress)
            yield dataset


@contextmanager
def _opened(
    folder: Path,
    config: RunConfig,
    dataset: Dataset,
    options: Mapping[str, Any],
    place: Place | None,
) -> Iterator[Run]:
    """Open the run folder; of several processes the first does it for all."""
    is_first = place is None or place.is_first
    with ExitStack() as stack:
        try:
            if is_first:
                opening = open_for_training(
                    folder,
                    config,
                    dataset,
                    force=options.get("force", False),
                    resume=options.get("resume", False),
                    more_epochs="epochs" in options,
                )
                run = stack.enter_context(opening)
        except ZscapeError as error:
            agree(place, dataset.fingerprint, error)
            raise
        agree(place, dataset.fingerprint)
        if not is_first:
            if not folder.is_dir():
                raise RunError(
                    f"{socket.gethostname()} has no folder {folder}, which the first process made; "
                    "choose an `out` that all machines share, such as s3://bucket/runs/two."
                )
            run = Run(folder, load_run(folder).config, dataset)
        yield run


def _completed(
    plan: Plan, dataset: Dataset, pictures: PictureConfig | None, options: Mapping[str, Any]
) -> RunConfig:
    registered = (
        PRESETS.plugin(Choice.parse(plan.network.preset).name),
        BOTTLENECKS.plugin(plan.bottleneck.name),
        *(CORRUPTIONS.plugin(step.name) for step in plan.training.corruption.steps),
    )
    train = dataset.train
    if pictures is not None and dataset.decoding is not None:
        pictures = dataclasses.replace(pictures, background=dataset.decoding.how.background)
    named = {name: options[name] for name in ("white", "polarity") if name in options}
    for name in ("validation", "test", "target"):
        if name in options:
            named[name] = resolve(options[name]).name
    # Of pictures that are being decoded those that come first.
    first = epoch_order(len(train), plan.training.seed, 0)[:N_BORDERS]
    return RunConfig(
        source=dataset.name,
        fingerprint=dataset.fingerprint,
        image_shape=train.image_shape,
        network=plan.network,
        bottleneck=plan.bottleneck,
        training=plan.training_for(len(train)),
        reading=ReadingConfig(**named),
        pictures=pictures,
        white=train.white,
        border=border(train.images, first),
        scale=train.scale,
        class_names=train.class_names,
        plugins=tuple(dict.fromkeys(plugin for plugin in registered if plugin)),
    )


def _untrained(config: RunConfig, options: Mapping[str, Any], folder: Path) -> Autoencoder:
    """Return the model that a training starts from, with the weights of `init_from` if it does."""
    model = build_autoencoder(
        config.image_shape,
        config.network,
        config.bottleneck,
        seed=config.training.seed,
        precision=config.training.precision,
        white=white_of_model(config.white),
        encoder=options.get("encoder"),
        decoder=options.get("decoder"),
    )
    goes_on = options.get("resume") and (folder / "checkpoint" / "state.npz").exists()
    if config.training.init_from and not goes_on:
        copy_weights(load_run(config.training.init_from), model)
    return model


def _fit(
    run: Run,
    model: Autoencoder,
    dataset: Dataset,
    options: Mapping[str, Any],
    reporter: Reporter,
) -> None:
    config = run.config
    model.n_shards = config.training.shards or model.n_shards
    callbacks = [*options.get("callbacks", ())]
    if options.get("tensorboard"):
        import keras

        callbacks.append(keras.callbacks.TensorBoard(log_dir=str(run.path / "tensorboard")))
    fit_autoencoder(
        model,
        dataset,
        config.training,
        run.path,
        resume=options.get("resume", False),
        is_warm=bool(config.training.init_from),
        checkpoint_seconds=60 * PlaceConfig.picked(options).checkpoint_minutes,
        callbacks=callbacks,
        reporter=reporter,
    )


def _skipped(dataset: Dataset) -> Sequence[Skipped]:
    """Return what is left out of a folder, as far as it is known."""
    if dataset.decoding is None or not dataset.decoding.is_whole:
        return dataset.train.skipped
    return dataset.readable().train.skipped


def _report_notes(dataset: Dataset, reporter: Reporter) -> None:
    """Say once how the images were read, and what may be wrong with them."""
    from zscape.viz.fonts import missing_glyphs_note

    parts = (dataset.train, dataset.validation, dataset.test)
    notes = [note for part in parts for note in part.notes]
    notes.append(missing_glyphs_note(dataset.train.class_names or ()))
    report_remarks(reporter, notes, [text for part in parts for text in part.warnings])


def copy_weights(run: Run, model: Autoencoder) -> None:
    """Start a model from the weights of a run's best model, which must have the same network."""
    theirs = run.model
    shapes = [[tuple(w.shape) for w in each.weights] for each in (theirs, model)]
    if shapes[0] != shapes[1] or theirs.image_shape != model.image_shape:
        raise ConfigError(
            f"`init_from` {run.path} has another network: it takes images {theirs.image_shape} to "
            f"codes {theirs.code_shape}, and this one {model.image_shape} to {model.code_shape}; "
            f"train with the settings in {run.path / 'config.json'}."
        )
    model.set_weights(theirs.get_weights())


def _report_skipped(
    skipped: Sequence[Skipped], reporter: Reporter, *, strict: bool = False
) -> None:
    """Say what was left out of a folder, or refuse to leave anything out."""
    if skipped and strict:
        more = f" and {len(skipped) - 1:,} more" if len(skipped) > 1 else ""
        raise DataError(
            f"{skipped[0].path}: {skipped[0].reason}{more}; mend or remove such files, or leave "
            "them out by leaving out `strict`."
        )
    report_skipped(skipped, reporter, "; see skipped.csv")
