"""The odd ones among many images: scores, heat maps and a gallery."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, as_float, chunks
from zscape.evaluation.anomaly import THRESHOLD, AnomalyScorer, Scores
from zscape.evaluation.report import KeyFigure, ReportFigure, Section, Table, render_report
from zscape.files import write_text
from zscape.jobs.decode import remove_pictures
from zscape.jobs.generate import run_density
from zscape.jobs.report import short_source
from zscape.runs import Run

N_GALLERY = 30
_PER_FIGURE = 10
_N_SCALE = 512  # validation images that the colours of heat maps are scaled by
_COPIES = 4  # of the images, in errors and colours
_MIN_SIDE = 112  # pixels of a heat map


def anomaly_scorer(run: Run, *, threshold: float = THRESHOLD) -> AnomalyScorer:
    """Return what scores images against the validation images of a run.

    Raises:
        ConfigError: the threshold is not a share, or too high for so few validation images.
        RunError: the images of the run are gone.
    """
    density = run_density(run, "gmm")
    return AnomalyScorer(run.model, density, run.dataset.validation.images, threshold=threshold)


def write_anomalies(
    run: Run, data: str | Path | Images, out: Path, *, threshold: float = THRESHOLD
) -> dict[str, Any]:
    """Write scores to a `.csv` file, a gallery beside it (`.html`), and heat maps.

    The rows have `image` (a path, or the number from 0), `label` if there are any, the three
    scores of `zscape.evaluation.anomaly.Scores`, and `anomaly`, 1 or 0. The heat map of row i is
    `<name>-heatmaps/<i>.png`: the error of every pixel, dark for none and bright for the 99.9 %
    quantile of validation images or more.

    Raises:
        ConfigError: see `anomaly_scorer`.
        DataError: the images cannot be read or have another shape.
        RunError: the images of the run are gone.
        OSError: a file cannot be written.
    """
    scorer = anomaly_scorer(run, threshold=threshold)
    images = run.load_images(data)
    scores = scorer.score(images.images)
    odd = scores.combined > scorer.limit
    folder = out.with_name(f"{out.stem}-heatmaps")
    folder.mkdir(parents=True, exist_ok=True)
    remove_pictures(folder, beside=".")
    _write_heat_maps(run, images, folder)
    write_text(out, _table(images, scores, odd))
    page = out.with_suffix(".html")
    write_text(page, _gallery(run, images, scores, scorer, odd))
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


def _table(images: Images, scores: Scores, odd: np.ndarray) -> str:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    labels = images.shown_labels
    rows.writerow(
        ["image", *(["label"] if labels is not None else []), "error", "density", "combined",
         "anomaly"]
    )  # fmt: skip
    for i, name in enumerate(_names(images)):
        values = (f"{x[i]:.6g}" for x in (scores.error, scores.density, scores.combined))
        rows.writerow([name, *([labels[i]] if labels is not None else []), *values, int(odd[i])])
    return text.getvalue()


def _write_heat_maps(run: Run, images: Images, folder: Path) -> None:
    import matplotlib as mpl
    from PIL import Image

    known = as_float(run.dataset.validation.images[:_N_SCALE])
    errors = np.abs(run.model.reconstruct(known) - known).mean(axis=-1)  # (N, H, W)
    top = max(float(np.quantile(errors, 0.999)), 1e-3)
    colours = mpl.colormaps["magma"]
    for rows, part in chunks(images.images, copies=_COPIES):
        inputs = as_float(part)
        errors = np.abs(run.model.reconstruct(inputs) - inputs).mean(axis=-1)
        for i, error in enumerate(errors, rows.start):
            pixels = np.uint8(255 * colours(np.clip(error / top, 0, 1))[..., :3])
            scale = max(1, _MIN_SIDE // max(error.shape))
            content = io.BytesIO()
            Image.fromarray(np.kron(pixels, np.ones((scale, scale, 1), np.uint8))).save(
                content, "png"
            )
            (folder / f"{i:05d}.png").write_bytes(content.getvalue())


def _gallery(
    run: Run, images: Images, scores: Scores, scorer: AnomalyScorer, odd: np.ndarray
) -> str:
    from zscape.viz.images import plot_reconstructions
    from zscape.viz.style import figure_png

    worst = np.argsort(-scores.combined, kind="stable")[:N_GALLERY]
    names = _names(images)
    figures = []
    for start in range(0, len(worst), _PER_FIGURE):
        rows = worst[start : start + _PER_FIGURE]
        inputs = as_float(images.images[rows])
        figure = plot_reconstructions(
            inputs, run.model.reconstruct(inputs), [f"{scores.combined[i]:.2f}" for i in rows]
        )
        caption = (
            f"Number {start + 1} to {start + len(rows)} of the oddest, with their combined "
            "scores: the image, its reconstruction and the error of every pixel."
        )
        figures.append(ReportFigure(caption, caption, figure_png(figure)))
    table = Table(
        "By combined score",
        f"Above {scorer.limit:.3f} an image is called an anomaly. Combined: mean of log error and "
        "density, in standard deviations from validation images; error: root mean squared error "
        "in units of the image's contrast; density: minus its logarithm, in nats.",
        ["Image", "Combined", "Error", "Density", "Anomaly"],
        [
            [
                names[i],
                f"{scores.combined[i]:.3f}",
                f"{scores.error[i]:.5f}",
                f"{scores.density[i]:.2f}",
                "yes" if odd[i] else "no",
            ]
            for i in worst
        ],
    )
    section = Section(
        title="The oddest images",
        headline=[
            KeyFigure("images", f"{len(images):,}"),
            KeyFigure("anomalies", f"{int(odd.sum()):,}"),
            KeyFigure("expected false alarms", f"{100 * scorer.false_alarm_rate:.2f} %"),
        ],
        figures=figures,
    )
    title = f"Anomalies: {short_source(images.source)}"
    return render_report(title, [section, Section("Scores", tables=[table])])
