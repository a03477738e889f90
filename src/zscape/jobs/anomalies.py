"""The odd ones among many images: scores, heat maps and a gallery."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, as_float, chunks
from zscape.evaluation.anomaly import THRESHOLD, AnomalyScorer, Scores
from zscape.evaluation.html import KeyNumber, ReportFigure, Section, Table, render_report
from zscape.files import write_csv, write_text
from zscape.jobs.generate import run_density
from zscape.jobs.picture_files import picture_folder, write_pictures
from zscape.jobs.report import short_source
from zscape.runs import Run

N_GALLERY = 30
_PER_FIGURE = 10
_N_SCALE = 512  # validation images that the colours of heat maps are scaled by
_COPIES = 4  # of the images, in errors and colours
_MIN_SIDE = 112  # pixels of a heat map


def anomaly_scorer(run: Run, *, threshold: float = THRESHOLD) -> AnomalyScorer:
    """Return what scores images against the validation images of a run."""
    bottleneck = run.model.bottleneck
    density = run_density(run, bottleneck.default_density if bottleneck.spatial else "gmm")
    return AnomalyScorer(run.model, density, run.dataset.validation.images, threshold=threshold)


def write_anomalies(
    run: Run, data: str | Path | Images, out: Path, *, threshold: float = THRESHOLD
) -> dict[str, Any]:
    """Write scores to a `.csv` file, a gallery beside it (`.html`), and heat maps.

    The rows have `image` (a path, or the number from 0), `label` if there are any, the three
    scores of `zscape.evaluation.anomaly.Scores`, and `anomaly`, 1 or 0. The heat map of row i is
    `<name>-heatmaps/<i>.png`: the error of every pixel, dark for none and bright for the 99.9 %
    quantile of validation images or more.
    """
    scorer = anomaly_scorer(run, threshold=threshold)
    images = run.load_images(data)
    scores = scorer.score(images.images)
    odd = scores.combined > scorer.limit
    folder = out.with_name(f"{out.stem}-heatmaps")
    picture_folder(folder, beside=".")
    _write_heat_maps(run, images, folder)
    columns: dict[str, Iterable[object]] = {"image": _names(images)}
    if images.shown_labels is not None:
        columns["label"] = images.shown_labels
    for name in ("error", "density", "combined"):
        columns[name] = [f"{value:.6g}" for value in getattr(scores, name)]
    columns["anomaly"] = odd.astype(int).tolist()
    write_csv(out, list(columns), zip(*columns.values(), strict=True))
    page = out.with_suffix(".html")
    write_text(page, _gallery(run, images, scores, scorer, n_odd=int(odd.sum())))
    return {
        "n_images": len(images),
        "n_anomalies": int(odd.sum()),
        "limit": scorer.limit,
        "false_alarm_rate": scorer.false_alarm_rate,
        "gallery": str(page),
        "heat_maps": str(folder),
    }


def _names(images: Images) -> list[str]:
    numbers = range(len(images))
    return [str(n) for n in (numbers if images.names is None else images.names)]


def _errors(run: Run, images: np.ndarray) -> np.ndarray:
    """Return the absolute error of every pixel, mean over channels, (N, H, W)."""
    inputs = as_float(images)
    errors: np.ndarray = np.abs(run.model.reconstruct(inputs) - inputs).mean(axis=-1)
    return errors


def _write_heat_maps(run: Run, images: Images, folder: Path) -> None:
    known = _errors(run, run.dataset.validation.images[:_N_SCALE])
    top = max(float(np.quantile(known, 0.999)), 1e-3)
    for rows, part in chunks(images.images, copies=_COPIES):
        for i, error in enumerate(_errors(run, part), rows.start):
            write_pictures(folder, _heat_map(error / top)[None], first=i)


def _heat_map(shares: np.ndarray) -> np.ndarray:
    """Return a picture of shares (H, W), 0 dark and 1 bright; small ones are enlarged."""
    import matplotlib as mpl

    colours = mpl.colormaps["magma"](np.clip(shares, 0, 1))[..., :3]
    scale = max(1, _MIN_SIDE // max(shares.shape))
    return np.kron(colours, np.ones((scale, scale, 1)))


def _gallery(run: Run, images: Images, scores: Scores, scorer: AnomalyScorer, *, n_odd: int) -> str:
    worst = np.argsort(-scores.combined, kind="stable")[:N_GALLERY]
    starts = range(0, len(worst), _PER_FIGURE)
    found = Section(
        title="The oddest images",
        headline=[
            KeyNumber("images", f"{len(images):,}"),
            KeyNumber("anomalies", f"{n_odd:,}"),
            KeyNumber("expected false alarms", f"{100 * scorer.false_alarm_rate:.2f} %"),
        ],
        figures=[_figure(run, images, scores, worst, start) for start in starts],
    )
    table = Section("Scores", tables=[_table(images, scores, worst, scorer.limit)])
    return render_report(f"Anomalies: {short_source(images.source)}", [found, table])


def _figure(
    run: Run, images: Images, scores: Scores, worst: np.ndarray, start: int
) -> ReportFigure:
    """Draw some of the oddest images, from place `start` on."""
    from zscape.viz.sheets import plot_reconstructions
    from zscape.viz.style import figure_png

    rows = worst[start : start + _PER_FIGURE]
    inputs = as_float(images.images[rows])
    names = [f"{scores.combined[i]:.2f}" for i in rows]
    figure = plot_reconstructions(inputs, run.model.reconstruct(inputs), names)
    caption = (
        f"Number {start + 1} to {start + len(rows)} of the oddest, with their combined "
        "scores: the image, its reconstruction and the error of every pixel."
    )
    return ReportFigure(caption, caption, figure_png(figure))


def _table(images: Images, scores: Scores, worst: np.ndarray, limit: float) -> Table:
    names = _names(images)
    rows = [
        [
            names[i],
            f"{scores.combined[i]:.3f}",
            f"{scores.error[i]:.5f}",
            f"{scores.density[i]:.2f}",
            "yes" if scores.combined[i] > limit else "no",
        ]
        for i in worst
    ]
    return Table(
        "By combined score",
        f"Above {limit:.3f} an image is called an anomaly. Combined: mean of log error and "
        "density, in standard deviations from validation images; error: root mean squared error "
        "in units of the image's contrast; density: minus its logarithm, in nats.",
        ["Image", "Combined", "Error", "Density", "Anomaly"],
        rows,
    )
