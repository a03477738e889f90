"""The odd ones among many images: scores, heat maps and a gallery."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.images import Images, as_float
from zscape.evaluation.anomaly import THRESHOLD, AnomalyScorer, Scores, measure, parts_of
from zscape.evaluation.html import KeyNumber, ReportFigure, Section, Table, render_report
from zscape.evaluation.seen import count_seen, seen_warning
from zscape.evaluation.truth import Found, compare, mixed_warning, truth_of
from zscape.files import write_csv, write_text
from zscape.jobs.crew import Pace, crew
from zscape.jobs.generate import run_density
from zscape.jobs.picture_files import picture_bytes, picture_folder, write_picture
from zscape.jobs.report import short_source
from zscape.latent.densities import Density
from zscape.remote import in_threads
from zscape.reporter import LOG, Reporter
from zscape.runs import Run

N_GALLERY = 30
_PER_FIGURE = 10
_N_SCALE = 512  # validation images that the colours of heat maps are scaled by
_MIN_SIDE = 112  # pixels of a heat map
_IN_TRUTH = {1: "yes", 0: "no", -1: "unknown"}
_SEEN = "those have lower scores and raise fewer false alarms than new ones"


@dataclass(frozen=True)
class _Scored:
    """Images with their scores, and what is known of them.

    Attributes:
        truth: 1 for anomalies, 0 for normal images, -1 where unknown (N,); None unless both are
            there.
        found: how many of either were called anomalies; None where no class is known as normal.
        warnings: what is doubtful, a sentence each.
        notes: what was done otherwise than usual, a sentence each.
    """

    images: Images
    scores: Scores
    scorer: AnomalyScorer
    truth: np.ndarray | None
    found: Found | None
    warnings: list[str]
    notes: list[str]

    @property
    def odd(self) -> np.ndarray:
        """Which images are called anomalies, (N,)."""
        return np.asarray(self.scores.combined > self.scorer.limit)


def anomaly_scorer(run: Run, *, threshold: float = THRESHOLD) -> AnomalyScorer:
    """Return what scores images against the validation images of a run."""
    _, density = _with_density(run)
    return AnomalyScorer(run.model, density, run.dataset.validation.images, threshold=threshold)


def _with_density(run: Run) -> tuple[Run, Density]:
    """Return a run and the density of its codes, which is fitted when there is none yet."""
    bottleneck = run.model.bottleneck
    name = bottleneck.default_density if bottleneck.spatial else "gmm"
    return run, run_density(run, name)


def write_anomalies(
    run: Run,
    data: str | Path | Images,
    out: Path,
    *,
    threshold: float | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    reporter: Reporter = LOG,
) -> dict[str, Any]:
    """Write scores to a `.csv` file, a gallery beside it (`.html`), and heat maps.

    The rows have `image` (a path, or the number from 0), `label` if there are any, `truth` if some
    images are known to be normal and others to be anomalies (1; empty where unknown), the three
    scores of `zscape.evaluation.anomaly.Scores`, and `anomaly`, 1 or 0. The heat map of row i is
    `<name>-heatmaps/<i>.png`: the error of every pixel, dark for none and bright for the 99.9 %
    quantile of validation images or more.

    The threshold is 0.99 when None. Where the validation images cannot promise it, the largest
    that they can is used; that is said in the `notes` of what is returned, or in its `warnings`
    if it was asked for.

    With `workers` so many processes score and draw; see `zscape.jobs.crew.crew`. The files stay
    the same.
    """
    scorer = anomaly_scorer(run, threshold=THRESHOLD if threshold is None else threshold)
    images = run.load_images(data)
    folder = out.with_name(f"{out.stem}-heatmaps")
    # The density is in the run folder by now.
    with crew(run, _with_density, workers=workers, cluster=cluster, reporter=reporter) as those:
        pace = Pace("scoring", len(images), workers, reporter)
        measured = those.map(_measured, parts_of(images.images), name=_part_name)
        scores = scorer.scores_of(pace.over(measured, lambda pair: len(pair[0])))
        scored = _scored(run, images, scores, scorer, asked=threshold is not None)
        picture_folder(folder, beside=".")
        draw = partial(_heat_maps, top=_top_error(run))
        pace = Pace("heat maps", len(images), workers, reporter)
        parts = pace.over(those.map(draw, parts_of(images.images), name=_part_name), len)
        n_written = 0
        for pictures in parts:
            numbered = [*enumerate(pictures, n_written)]
            in_threads(lambda one: write_picture(folder, *one), numbered, [folder])
            n_written += len(pictures)
    columns = _columns(scored)
    write_csv(out, list(columns), zip(*columns.values(), strict=True))
    page = out.with_suffix(".html")
    write_text(page, _gallery(run, scored))
    return {
        "n_images": len(scored.images),
        "n_anomalies": int(scored.odd.sum()),
        "threshold": scorer.promise.threshold,
        "limit": scorer.limit,
        "false_alarm_rate": scorer.false_alarm_rate,
        **(scored.found.to_dict() if scored.found and scored.found.auroc else {}),
        "gallery": str(page),
        "heat_maps": str(folder),
        "warnings": scored.warnings,
        "notes": scored.notes,
    }


def _part_name(part: np.ndarray) -> str:
    return f"a part of {len(part):,} images"


def _measured(made: tuple[Run, Density], part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    run, density = made
    return measure(run.model, density, part)


def _scored(
    run: Run, images: Images, scores: Scores, scorer: AnomalyScorer, *, asked: bool
) -> _Scored:
    """Return what is known of images; `asked` tells whether the threshold was asked for."""
    training = run.dataset.train
    truth = truth_of(images, training)
    found = None if truth is None else compare(scores, scorer.limit, truth)
    n_seen = count_seen(images.images, training.images)
    note = [scorer.promise.note] if scorer.promise.note else []
    warnings = [
        *(note if asked else ()),
        *dict.fromkeys(images.warnings),
        *mixed_warning(training),
        *seen_warning(n_seen, len(images), consequence=_SEEN),
        *(found.warnings(scorer.promise) if found else ()),
    ]
    both = found is not None and bool(found.auroc)
    notes = [] if asked else note
    return _Scored(images, scores, scorer, truth if both else None, found, warnings, notes)


def _columns(scored: _Scored) -> dict[str, Iterable[object]]:
    """Return the columns of the table, by name."""
    columns: dict[str, Iterable[object]] = {"image": _names(scored.images)}
    if scored.images.shown_labels is not None:
        columns["label"] = scored.images.shown_labels
    if scored.truth is not None:
        columns["truth"] = ["" if value < 0 else int(value) for value in scored.truth]
    for name in ("error", "density", "combined"):
        columns[name] = [f"{value:.6g}" for value in getattr(scored.scores, name)]
    columns["anomaly"] = scored.odd.astype(int).tolist()
    return columns


def _names(images: Images) -> list[str]:
    numbers = range(len(images))
    return [str(n) for n in (numbers if images.names is None else images.names)]


def _errors(run: Run, images: np.ndarray) -> np.ndarray:
    """Return the absolute error of every pixel, mean over channels, (N, H, W)."""
    inputs = as_float(images)
    errors: np.ndarray = np.abs(run.model.reconstruct(inputs) - inputs).mean(axis=-1)
    return errors


def _top_error(run: Run) -> float:
    """Return the error of a pixel that is brightest in heat maps."""
    known = _errors(run, np.asarray(run.dataset.validation.some(_N_SCALE).images))
    return max(float(np.quantile(known, 0.999)), 1e-3)


def _heat_maps(made: tuple[Run, Density], part: np.ndarray, *, top: float) -> list[bytes]:
    run, _ = made
    return [picture_bytes(_heat_map(error / top)) for error in _errors(run, part)]


def _heat_map(shares: np.ndarray) -> np.ndarray:
    """Return a picture of shares (H, W), 0 dark and 1 bright; small ones are enlarged."""
    import matplotlib as mpl

    colours = mpl.colormaps["magma"](np.clip(shares, 0, 1))[..., :3]
    scale = max(1, _MIN_SIDE // max(shares.shape))
    return np.kron(colours, np.ones((scale, scale, 1)))


def _gallery(run: Run, scored: _Scored) -> str:
    images, scorer = scored.images, scored.scorer
    worst = np.argsort(-scored.scores.combined, kind="stable")[:N_GALLERY]
    starts = range(0, len(worst), _PER_FIGURE)
    found = Section(
        title="The oddest images",
        headline=[
            KeyNumber("images", f"{len(images):,}"),
            KeyNumber("anomalies", f"{scored.odd.sum():,}"),
            KeyNumber(
                "expected false alarms",
                f"{100 * scorer.false_alarm_rate:.2f} %",
                f"threshold {scorer.promise.threshold:.4g}",
            ),
            *(_truth_numbers(scored.found) if scored.found and scored.found.auroc else ()),
        ],
        warnings=scored.warnings,
        notes=scored.notes,
        figures=[_figure(run, scored, worst, start) for start in starts],
    )
    table = Section("Scores", tables=[_table(scored, worst)])
    return render_report(f"Anomalies: {short_source(images.source)}", [found, table])


def _truth_numbers(found: Found) -> list[KeyNumber]:
    others = ", ".join(f"{name} {found.auroc[name]:.3f}" for name in ("error", "density"))
    return [
        KeyNumber("AUROC", f"{found.auroc['combined']:.3f}", others),
        KeyNumber(
            "anomalies found",
            f"{100 * found.hit_rate:.1f} %",
            f"{found.n_found:,} of {found.n_anomalous:,}",
        ),
        KeyNumber(
            "false alarms",
            f"{100 * found.false_alarm_rate:.2f} %",
            f"{found.n_false:,} of {found.n_normal:,} normal images",
        ),
    ]


def _figure(run: Run, scored: _Scored, worst: np.ndarray, start: int) -> ReportFigure:
    """Draw some of the oddest images, from place `start` on."""
    from zscape.viz.sheets import plot_reconstructions
    from zscape.viz.style import figure_png

    rows = worst[start : start + _PER_FIGURE]
    inputs = as_float(scored.images.images[rows])
    names = [f"{scored.scores.combined[i]:.2f}" for i in rows]
    figure = plot_reconstructions(inputs, run.model.reconstruct(inputs), names)
    caption = (
        f"Number {start + 1} to {start + len(rows)} of the oddest, with their combined "
        "scores: the image, its reconstruction and the error of every pixel."
    )
    return ReportFigure(caption, caption, figure_png(figure))


def _table(scored: _Scored, worst: np.ndarray) -> Table:
    names, scores, odd, truth = _names(scored.images), scored.scores, scored.odd, scored.truth
    rows = [
        [
            names[i],
            f"{scores.combined[i]:.3f}",
            f"{scores.error[i]:.5f}",
            f"{scores.density[i]:.2f}",
            "yes" if odd[i] else "no",
            *([] if truth is None else [_IN_TRUTH[int(truth[i])]]),
        ]
        for i in worst
    ]
    return Table(
        "By combined score",
        f"Above {scored.scorer.limit:.3f} an image is called an anomaly. Combined: mean of log "
        "error and density, in standard deviations from validation images; error: root mean "
        "squared error in units of the image's contrast; density: minus its logarithm, in nats.",
        ["Image", "Combined", "Error", "Density", "Anomaly"]
        + ([] if truth is None else ["In truth"]),
        rows,
    )
