"""The report of one or more runs as one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zscape.errors import RunError
from zscape.evaluation.comparison import code_words
from zscape.evaluation.denoising import DenoisingEvaluation, Outcome
from zscape.evaluation.health import LatentHealth
from zscape.evaluation.html import (
    KeyNumber,
    MetricRow,
    ReportFigure,
    Section,
    Table,
    format_value,
    render_report,
)
from zscape.evaluation.metrics import METRICS
from zscape.evaluation.results import (
    GenerationResults,
    RunEvaluation,
    Training,
    generation_rows,
    read_evaluation,
    read_generation,
)
from zscape.files import sha256_of, write_text
from zscape.runs import Run
from zscape.settings import NetworkConfig

_SAMPLES = {"samples": "Generated images, and below each the training image nearest to it."}


def write_report(runs: Sequence[Run], path: Path) -> None:
    """Write one self-contained page about one or more finished runs.

    Raises:
        RunError: a run has no metrics or figures yet.
    """
    sources = dict.fromkeys(short_source(run.config.source) for run in runs)
    title = f"Autoencoder on {', '.join(sources)}"
    write_text(path, render_report(title, [_section(run) for run in runs]))


def short_source(source: str) -> str:
    """Return the name of a data set, or a file's name without its folders."""
    return Path(source).name or source


def _section(run: Run) -> Section:
    found = read_evaluation(run)
    latent_dim = run.config.network.latent_dim
    variables = code_words(found.code_shape or (latent_dim,))
    generation = _generation(run)
    tables = [] if found.denoising is None else [_denoising_table(found.denoising)]
    tables += [] if generation is None else [_generation_table(generation)]
    warnings = (*found.warnings, *(generation.warnings if generation else ()))
    unseen = "" if found.n_seen else ", not seen in training"
    return Section(
        title=f"{variables}: {run.path.name}",
        headline=_headline(found, run, variables),
        table=_table(found),
        table_note=(
            f"{found.n_images:,} images ({found.data}){unseen}. "
            "MSE is the mean over pixels and channels of [0, 1] images."
        ),
        tables=tables,
        warnings=[text.replace("`", "") for text in warnings],
        figures=_figures(run, more=_SAMPLES if generation else {}),
        settings=_settings(run, found.training),
        notes=[f"Latent health: {_health(found.latent, latent_dim)}", *found.notes],
    )


def _headline(found: RunEvaluation, run: Run, variables: str) -> list[KeyNumber]:
    image = " x ".join(map(str, run.config.image_shape))
    compression = METRICS["compression_ratio"]
    return [
        KeyNumber("test MSE", _shown("mse", found.model), f"PCA {_shown('mse', found.pca or {})}"),
        *(KeyNumber(METRICS[name].label, _shown(name, found.model)) for name in ("psnr", "ssim")),
        KeyNumber(
            compression.label, compression.text(found.compression_ratio), f"{image} to {variables}"
        ),
    ]


def _shown(name: str, values: Mapping[str, Any]) -> str:
    """Return one metric of several as a person reads it, with its unit."""
    metric = METRICS[name]
    return f"{format_value(values.get(name), metric.form)} {metric.unit}".rstrip()


def _table(found: RunEvaluation) -> list[MetricRow]:
    """Return a row for each metric that the file holds."""
    pca = found.pca or {}
    return [
        MetricRow(
            metric.label, found.model[name], pca.get(name), metric.unit, metric.better, metric.form
        )
        for name, metric in METRICS.items()
        if name in found.model
    ]


def _health(latent: LatentHealth, latent_dim: int) -> str:
    if latent.n_codes == latent.n_not_finite:
        return "No code is finite."
    return (
        f"{latent_dim - len(latent.dead) - len(latent.collapsed)} of {latent_dim} latent "
        f"variables in use, {latent.n_effective:.1f} effective dimensions; 99 % of the codes "
        f"lie between {min(latent.low):.3g} and {max(latent.high):.3g}."
    )


def _denoising_table(denoising: DenoisingEvaluation) -> Table:
    levels = denoising.levels

    def cell(outcome: Outcome) -> str:
        return ", ".join(_shown(name, outcome) for name in ("psnr", "ssim"))

    return Table(
        "Denoising",
        f"PSNR in dB and SSIM, means over {denoising.n_images:,} test images, by what was "
        "done to them; both are better when higher. The parameters of each classical method "
        "were chosen on validation images, for each level of noise.",
        ["Method", *(level.corruption for level in levels)],
        [[name, *(cell(level.methods[name]) for level in levels)] for name in levels[0].methods],
    )


def _generation(run: Run) -> GenerationResults | None:
    """Return what was measured of generated images, if that was with the run's model of now."""
    if not (run.path / "generation.json").exists():
        return None
    found = read_generation(run)
    return found if found.model_sha256 == sha256_of(run.path / "model.keras") else None


def _generation_table(found: GenerationResults) -> Table:
    return Table(
        "Generated images",
        f"{found.n_samples:,} images from the density {found.density}, beside {found.n_test:,} "
        f"test images, compared by the features of {found.features}.",
        ["Metric", "Value"],
        list(generation_rows(found)),
    )


def _figures(run: Run, more: Mapping[str, str]) -> list[ReportFigure]:
    captions = {
        "denoising": "From top to bottom: clean, noisy, the best classical method, the model.",
        "reconstructions": "Test images, their reconstructions and the absolute error.",
        "latent": "Codes of test images, coloured by label if there are any.",
        "grid": "Decoded codes: a fixed lattice, and one placed where the codes really lie.",
        "loss": "The loss by epoch; the best epoch on validation is the one kept.",
        **more,
    }
    files = {run.path / "figures" / f"{name}.png": text for name, text in captions.items()}
    figures = [
        ReportFigure(text, text, path.read_bytes()) for path, text in files.items() if path.exists()
    ]
    if not figures:
        raise RunError(f"{run.path} has no figures yet; make them with: zscape evaluate {run.path}")
    return figures


def _settings(run: Run, done: Training) -> dict[str, str]:
    config, asked, network = run.config, run.config.training, vars(run.config.network)
    defaults = vars(NetworkConfig(preset=network["preset"], latent_dim=network["latent_dim"]))
    chosen = [
        f"{name.replace('_', ' ')} {network[name]}"
        for name in network
        if network[name] != defaults[name]
    ]
    return {
        "data": short_source(config.source),
        "images": f"{done.n_train:,} train, {done.n_validation:,} validation, {done.n_test:,} test",
        "network": ", ".join([network["preset"], f"{done.n_parameters:,} parameters", *chosen]),
        "bottleneck": str(config.bottleneck),
        "training": (
            f"{asked.optimizer} at {asked.learning_rate:g}, {asked.schedule} schedule, batches of "
            f"{asked.batch_size}, {asked.precision}, seed {asked.seed}"
        ),
        "corruption": str(asked.corruption) or "none",
        **({"clean images": short_source(target)} if (target := config.reading.target) else {}),
        "epochs": (
            f"{done.epochs} of {asked.epochs}, best {done.best_epoch}, {done.seconds:.0f} s"
        ),
    }
