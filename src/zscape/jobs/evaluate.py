"""Measuring a run, and writing what was found into its folder."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path

from zscape.data.images import MAX_VALUES, Images, ImageStore
from zscape.errors import DataError, RunError
from zscape.evaluation.comparison import Evaluation, evaluate_model
from zscape.evaluation.denoising import evaluate_denoising, evaluate_pairs
from zscape.evaluation.results import RunEvaluation, Training
from zscape.files import write_atomically, write_csv, write_json
from zscape.jobs.draw import run_figures, write_figures
from zscape.jobs.report import short_source, write_report
from zscape.latent.projection import PcaBaseline
from zscape.run_folder import locked
from zscape.runs import Run

_NO_TRAINING = (
    "Without the training images there are no neighbours to classify by, and whether these images "
    "were seen in training could not be checked: {error}"
)
_TARGETS = (
    "The model and PCA were given noisy images, and their outputs are compared with the clean ones."
)
_NO_TARGETS = "These images have no clean ones: outputs are compared with the images themselves."
_NO_PARAMETERS = "Without the validation images no parameters of classical methods can be chosen."


def evaluate(run: Run, data: str | Path | ImageStore | Images | None = None) -> Evaluation:
    """Measure a run's best model, beside PCA with as many components.

    A run that was trained with a corruption is also measured at several levels of it, beside
    classical methods of denoising; one of noisy and clean pairs with the noise that these have.

    Args:
        run: the run.
        data: the images to measure on; the run's own test split when None. A named data set
            stands for its test split, a file for every image in it.

    Raises:
        DataError: the images cannot be read or have another shape.
        ModelError: the model file is damaged or refused.
        RunError: the baseline is that of another run.
    """
    images, name = _images(run, data)
    notes = []
    if images.skipped:
        notes.append(f"{len(images.skipped):,} files of the folder were left out.")
    if (most := affordable(images)) < len(images):
        notes.append(f"Measured on {most:,} of {len(images):,} images, drawn at random.")
        images = images.some(most)
    if run.config.reading.target is not None:
        notes.append(_NO_TARGETS if images.targets is None else _TARGETS)
    try:
        neighbours: Images | None = run.dataset.train
    except (DataError, RunError) as error:
        neighbours = None
        notes.append(_NO_TRAINING.format(error=error))
    evaluation = evaluate_model(
        run.model,
        images,
        data=name,
        baseline=_baseline(run, neighbours),
        neighbours=neighbours,
        notes=tuple(notes),
    )
    corruption = run.config.training.corruption
    if not corruption and images.targets is None:
        return evaluation
    validation = None if neighbours is None else run.dataset.validation
    if images.targets is not None:
        denoising = evaluate_pairs(run.model, images, validation=validation)
    else:
        clean = None if validation is None else validation.images
        denoising = evaluate_denoising(run.model, images.images, corruption, validation=clean)
    more = () if neighbours is not None else (_NO_PARAMETERS,)
    return dataclasses.replace(
        evaluation,
        denoising=denoising,
        warnings=(*evaluation.warnings, *denoising.warnings()),
        notes=evaluation.notes + more,
    )


def refresh(run: Run) -> Evaluation:
    """Measure a run on its test split again and rewrite its metrics, figures and report."""
    with locked(run.path):
        return write_results(run)


def write_results(run: Run) -> Evaluation:
    """Write `metrics.json`, the figures and `report.html` of a trained run, whose lock is held."""
    evaluation = evaluate(run)
    if skipped := run.dataset.train.skipped:
        rows = ((item.path, item.reason) for item in skipped)
        write_csv(run.path / "skipped.csv", ("path", "reason"), rows)
    kept = RunEvaluation(**vars(evaluation), training=_training(run))
    write_json(run.path / "metrics.json", kept.to_dict())
    write_figures(run, run_figures(run, evaluation))
    write_report([run], run.path / "report.html")
    return evaluation


def _images(run: Run, data: str | Path | ImageStore | Images | None) -> tuple[Images, str]:
    """Return the images to measure on, and what they are for the reader."""
    if data is None:
        return run.dataset.test, f"{short_source(run.config.source)}, test split"
    images = run.load_images(data)
    name = short_source(images.source)
    return images, f"{name}, {images.part} split" if images.part else name


def affordable(images: Images) -> int:
    """Return how many of the images may be in memory at a time."""
    return max(1, MAX_VALUES * len(images) // images.images.size)


def _training(run: Run) -> Training:
    history = run.history
    best = min(history, key=lambda row: row["val_loss"])
    return Training(
        epochs=len(history),
        best_epoch=int(best["epoch"]),
        best_val_loss=best["val_loss"],
        seconds=round(sum(row["seconds"] for row in history), 1),
        n_train=len(run.dataset.train),
        n_validation=len(run.dataset.validation),
        n_test=len(run.dataset.test),
        n_parameters=run.model.count_params(),
    )


def _baseline(run: Run, train: Images | None) -> PcaBaseline | None:
    """Return PCA fitted to the training images: from the run folder, or fitted and kept there."""
    path = run.path / "baseline.npz"
    # The same images are split anew by each seed.
    name = f"{run.config.fingerprint} {run.config.training.seed}"
    if path.exists():
        baseline = PcaBaseline.load(path)
        if wrong := _of_another_run(baseline, run, name):
            raise RunError(f"{path} is of another run: {wrong}; delete it to have it made again.")
        return baseline
    if train is None:
        return None
    baseline = PcaBaseline(run.model.n_code_values).fit(train.some(affordable(train)).clean)
    write_atomically(path, partial(baseline.save, images=name))
    return baseline


def _of_another_run(baseline: PcaBaseline, run: Run, name: str) -> str:
    """Return what tells a baseline from that of this run, or nothing."""
    shape, n_values = run.config.image_shape, run.model.n_code_values
    if baseline.image_shape_ != shape:
        return f"it is for images {baseline.image_shape_}, and those of this run are {shape}"
    # A file of before does not say how many were asked for, of which fewer may be used.
    if baseline.n_components > n_values or (baseline.images_ and baseline.n_components < n_values):
        return f"it has {baseline.n_components} components, and codes of this run {n_values} values"
    return "it was fitted to other images" if baseline.images_ not in ("", name) else ""
