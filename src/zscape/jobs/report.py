"""The report of one or more runs as one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zscape.errors import RunError
from zscape.evaluation.evaluate import code_words
from zscape.evaluation.report import (
    KeyFigure,
    MetricRow,
    ReportFigure,
    Section,
    Table,
    format_value,
    render_report,
)
from zscape.evaluation.stored import stored_metrics
from zscape.files import write_text
from zscape.runs import Run

# name, unit, which direction is better
_METRICS: tuple[tuple[str, str, str, Any], ...] = (
    ("mse", "MSE", "", "lower"),
    ("psnr", "PSNR", "dB", "higher"),
    ("ssim", "SSIM", "", "higher"),
    ("knn_accuracy", "5-nearest-neighbour accuracy on codes", "", "higher"),
    ("linear_probe_accuracy", "Linear probe accuracy on codes", "", "higher"),
    ("cluster_agreement", "Agreement of clusters with labels, adjusted Rand", "", "higher"),
    ("active_units", "Active latent variables", "", None),
    ("total_correlation_nats", "Total correlation of the code", "nats", None),
)


def write_report(runs: Sequence[Run], path: Path) -> None:
    """Write one self-contained page about one or more finished runs.

    Raises:
        RunError: a run has no figures yet.
        OSError: the page cannot be written.
    """
    sources = dict.fromkeys(short_source(run.config.source) for run in runs)
    title = f"Autoencoder on {', '.join(sources)}"
    write_text(path, render_report(title, [_section(run) for run in runs]))


def short_source(source: str) -> str:
    """Return the name of a data set, or a file's name without its folders."""
    return Path(source).name or source


def _section(run: Run) -> Section:
    metrics = stored_metrics(run)
    model, pca, latent = metrics["model"], metrics["pca"] or {}, metrics["latent"]
    latent_dim = run.config.network.latent_dim
    variables = code_words(metrics.get("code_shape", (latent_dim,)))
    values = " x ".join(str(size) for size in run.config.image_shape)
    health = (
        f"{latent_dim - len(latent['dead']) - len(latent['collapsed'])} of {latent_dim} latent "
        f"variables in use, {latent['n_effective']:.1f} effective dimensions; 99 % of the codes "
        f"lie between {min(latent['low']):.3g} and {max(latent['high']):.3g}."
        if latent["n_codes"] > latent["n_not_finite"]
        else "No code is finite."
    )
    headline = [
        KeyFigure("test MSE", format_value(model["mse"]), f"PCA {format_value(pca.get('mse'))}"),
        KeyFigure("PSNR", f"{format_value(model['psnr'])} dB"),
        KeyFigure("SSIM", format_value(model["ssim"])),
        KeyFigure(
            "compression",
            f"{metrics['compression_ratio']:.1f}x",
            f"{values} to {variables}",
        ),
    ]
    table = [
        MetricRow(name, model[key], pca.get(key), unit, better)
        for key, name, unit, better in _METRICS
        if key in model
    ]
    return Section(
        title=f"{variables}: {run.path.name}",
        headline=headline,
        table=table,
        table_note=(
            f"{metrics['n_images']:,} images ({metrics['data']}), not seen in training. "
            "MSE is the mean over pixels and channels of [0, 1] images."
        ),
        tables=_tables(metrics),
        warnings=metrics["warnings"],
        figures=_figures(run),
        settings=_settings(run, metrics),
        notes=[f"Latent health: {health}", *metrics["notes"]],
    )


def _tables(metrics: dict[str, Any]) -> list[Table]:
    denoising = metrics["denoising"]
    if denoising is None:
        return []
    levels = denoising["levels"]
    rows = [
        [name, *(_denoising_cell(level["methods"][name]) for level in levels)]
        for name in levels[0]["methods"]
    ]
    return [
        Table(
            "Denoising",
            f"PSNR in dB and SSIM, means over {denoising['n_images']:,} test images, by what was "
            "done to them; both are better when higher. The parameters of each classical method "
            "were chosen on validation images, for each level of noise.",
            ["Method", *(level["corruption"] for level in levels)],
            rows,
        )
    ]


def _denoising_cell(figures: dict[str, Any]) -> str:
    return f"{figures['psnr']:.2f} dB, {format_value(figures['ssim'])}"


def _figures(run: Run) -> list[ReportFigure]:
    captions = {
        "denoising": "From top to bottom: clean, noisy, the best classical method, the model.",
        "reconstructions": "Test images, their reconstructions and the absolute error.",
        "latent": "Codes of test images, coloured by label.",
        "grid": "Decoded codes: a fixed lattice, and one placed where the codes really lie.",
        "loss": "The loss by epoch; the best epoch on validation is the one kept.",
    }
    figures = []
    for name, caption in captions.items():
        path = run.path / "figures" / f"{name}.png"
        if path.exists():
            figures.append(ReportFigure(caption, caption, path.read_bytes()))
    if not figures:
        raise RunError(f"{run.path} has no figures yet; make them with: zscape evaluate {run.path}")
    return figures


def _settings(run: Run, metrics: dict[str, Any]) -> dict[str, str]:
    config, training = run.config, metrics["training"]
    network = config.network
    sampling = (
        f"{network.downsampling} down, {network.upsampling} up, "
        if network.preset == "classic"
        else ""
    )
    return {
        "data": short_source(config.source),
        "images": (
            f"{training['n_train']:,} train, {training['n_validation']:,} validation, "
            f"{training['n_test']:,} test"
        ),
        "network": (
            f"{network.preset}, {training['n_parameters']:,} parameters, {sampling}"
            f"{network.code_activation} code"
        ),
        "bottleneck": str(config.bottleneck),
        "training": (
            f"{config.training.optimizer} at {config.training.learning_rate:g}, "
            f"{config.training.schedule} schedule, batches of {config.training.batch_size}, "
            f"{config.training.precision}, seed {config.training.seed}"
        ),
        "corruption": str(config.training.corruption) or "none",
        "epochs": (
            f"{training['epochs']} of {config.training.epochs}, best {training['best_epoch']}, "
            f"{training['seconds']:.0f} s"
        ),
    }
