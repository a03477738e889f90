"""Measuring a run, and writing what was found into its folder."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

from zscape.data.images import MAX_VALUES, Images, ImageStore
from zscape.data.sources import resolve
from zscape.errors import DataError, RunError
from zscape.evaluation.denoising import evaluate_denoising
from zscape.evaluation.evaluate import Evaluation, evaluate_model
from zscape.files import write_atomically, write_bytes, write_json
from zscape.jobs.draw import run_figures
from zscape.jobs.report import short_source, write_report
from zscape.latent.projection import PcaBaseline
from zscape.run_folder import locked
from zscape.runs import Run


def evaluate(run: Run, data: str | Path | ImageStore | Images | None = None) -> Evaluation:
    """Measure a run's best model, beside PCA with as many components.

    A run that was trained with a corruption is also measured at several levels of it, beside
    classical methods of denoising.

    Args:
        run: the run.
        data: the images to measure on; the run's own test split when None. A named data set
            stands for its test split, a file for every image in it.

    Raises:
        DataError: the images cannot be read or have another shape.
        ModelError: the model file is damaged or refused.
    """
    if data is None:
        images, name = run.dataset.test, f"{short_source(run.config.source)}, test split"
    else:
        images = run.load_images(data)
        name = short_source(images.source)
        if resolve(data).has_splits:
            name += ", test split"
    neighbours: Images | None = None
    notes: tuple[str, ...] = ()
    if images.skipped:
        notes = (f"{len(images.skipped):,} files of the folder were left out.",)
    if (most := max(1, MAX_VALUES * len(images) // images.images.size)) < len(images):
        notes = (*notes, f"Measured on the first {most:,} of {len(images):,} images.")
        images = images.take(slice(most))
    try:
        neighbours = run.dataset.train
    except (DataError, RunError) as error:
        notes = (
            *notes,
            f"Without the training images there are no neighbours to classify by: {error}",
        )
    baseline = _baseline(run, neighbours)
    evaluation = evaluate_model(
        run.model, images, data=name, baseline=baseline, neighbours=neighbours, notes=notes
    )
    if not run.config.training.corruption:
        return evaluation
    if neighbours is None:
        more = "Without the validation images no parameters of classical methods can be chosen."
        evaluation = dataclasses.replace(evaluation, notes=(*evaluation.notes, more))
    denoising = evaluate_denoising(
        run.model,
        images.images,
        run.config.training.corruption,
        validation=None if neighbours is None else run.dataset.validation.images,
    )
    return dataclasses.replace(evaluation, denoising=denoising)


def refresh(run: Run) -> Evaluation:
    """Measure a run on its test split again and rewrite its figures and its report.

    Raises:
        RunError: the run is in use, or its history is damaged.
        DataError: its images cannot be read.
        ModelError: the model file is damaged or refused.
        OSError: a file cannot be written.
    """
    with locked(run.path):
        return write_results(run)


def write_results(run: Run) -> Evaluation:
    """Write `metrics.json`, the figures and `report.html` of a trained run, whose lock is held."""
    from zscape.viz.style import figure_png

    evaluation = evaluate(run)
    _write_skipped(run)
    write_json(run.path / "metrics.json", {**evaluation.to_dict(), "training": _training(run)})
    (run.path / "figures").mkdir(exist_ok=True)
    for name, figure in run_figures(run, evaluation).items():
        write_bytes(run.path / "figures" / f"{name}.png", figure_png(figure))
    write_report([run], run.path / "report.html")
    return evaluation


def _write_skipped(run: Run) -> None:
    """List the files of the folder that were left out, if there were any, in `skipped.csv`."""
    skipped = run.dataset.train.skipped
    if not skipped:
        return
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(("path", "reason"))
    rows.writerows((item.path, item.reason) for item in skipped)
    write_bytes(run.path / "skipped.csv", text.getvalue().encode(errors="replace"))


def _training(run: Run) -> dict[str, Any]:
    history = run.history
    best = min(history, key=lambda row: row["val_loss"])
    return {
        "epochs": len(history),
        "best_epoch": int(best["epoch"]),
        "best_val_loss": best["val_loss"],
        "seconds": round(sum(row["seconds"] for row in history), 1),
        "n_train": len(run.dataset.train),
        "n_validation": len(run.dataset.validation),
        "n_test": len(run.dataset.test),
        "n_parameters": run.model.count_params(),
    }


def _baseline(run: Run, train: Images | None) -> PcaBaseline | None:
    """Return PCA fitted to the training images: from the run folder, or fitted and kept there."""
    path = run.path / "baseline.npz"
    if path.exists():
        baseline = PcaBaseline.load(path)
        if baseline.image_shape_ != run.config.image_shape:
            raise RunError(
                f"{path} is of another run: it is for images {baseline.image_shape_}, and those "
                f"of this run are {run.config.image_shape}; delete it to have it made again."
            )
        return baseline
    if train is None:
        return None
    # Evenly over all, for those of one class may lie together.
    most = max(1, MAX_VALUES * len(train) // train.images.size)
    some = train.images[:: -(-len(train) // most)] if most < len(train) else train.images
    baseline = PcaBaseline(run.model.n_code_values).fit(some)
    write_atomically(path, baseline.save)
    return baseline
