"""Results as a person reads them, on stdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zscape.cli.terminal import say

if TYPE_CHECKING:
    from zscape.runs import Run

_NEIGHBOUR_FIGURES = ("precision", "recall", "density", "coverage")


def print_run(
    run: Run, history: Sequence[Mapping[str, float]], metrics: Mapping[str, Any] | None
) -> None:
    """Print the settings of a run, how far it has come, and its final figures."""
    config = run.config
    for part, values in config.to_dict().items():
        print(part)
        for name, value in values.items():
            _line(name, value)
    print("progress")
    _line("epochs", f"{len(history)} of at most {config.training.epochs}")
    if history:
        best = min(history, key=lambda row: row["val_loss"])
        _line("best epoch", f"{int(best['epoch'])}, validation loss {best['val_loss']:.5f}")
        _line("seconds", f"{sum(row['seconds'] for row in history):,.0f}")
    if metrics is not None:
        print()
        print_evaluation(metrics)


def print_machine(facts: Mapping[str, Any]) -> None:
    """Print what `zscape.hardware.describe` found, and what zscape does with it."""
    print("machine")
    _line("processor", facts["processor"])
    _line("cores", facts["cores"])
    _line("vector units", facts["vector_units"])
    _line("bfloat16", "yes" if facts["bfloat16"] else "no")
    _line("GPU", "yes" if facts["gpu"] else "no")
    print("what zscape does with it")
    _line("backend", facts["backend"])
    if "shards" in facts:
        _line("oneDNN", "on" if facts["onednn"] else "off")
        _line("threads per op", facts["threads_per_operation"])
        _line("shards per batch", facts["shards"])
    more = ", mixed_bfloat16 with --precision" if facts["bfloat16"] else ""
    _line("precision", f"float32{more}")
    print("measured: a large matrix product, which no training can exceed")
    for dtype, gflops in facts["peak_gflops"].items():
        _line(dtype, f"{gflops:,.0f} GFLOP/s")


def print_evaluation(figures: Mapping[str, Any]) -> None:
    """Print the figures of a model beside those of PCA to stdout, warnings to stderr."""
    from rich.console import Console
    from rich.table import Table

    model, pca = figures["model"], figures["pca"] or {}
    names = {
        "mse": ("MSE", "{:.5f}"),
        "psnr": ("PSNR, dB", "{:.2f}"),
        "ssim": ("SSIM", "{:.4f}"),
        "knn_accuracy": ("k-NN accuracy", "{:.4f}"),
        "linear_probe_accuracy": ("linear probe accuracy", "{:.4f}"),
        "cluster_agreement": ("cluster agreement (ARI)", "{:.4f}"),
        "active_units": ("active units", "{:.0f}"),
        "total_correlation_nats": ("total correlation, nats", "{:.3f}"),
    }
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"{figures['n_images']:,} images ({figures['data']})")
    table.add_column("model", justify="right")
    table.add_column("PCA", justify="right")
    for key, (name, form) in names.items():
        if key not in model:
            continue  # a file from before there was this figure
        cells = (values.get(key) for values in (model, pca))
        table.add_row(name, *("-" if cell is None else form.format(cell) for cell in cells))
    ratio = f"{figures['compression_ratio']:.1f}x"
    table.add_row("compression", ratio, ratio if pca else "-")
    Console(highlight=False, markup=False, width=None).print(table)
    if figures.get("denoising"):
        _print_denoising(figures["denoising"])
    for warning in figures["warnings"]:
        say(f"warning: {warning}")
    for note in figures["notes"]:
        say(f"note: {note}")


def print_generation(found: Mapping[str, Any]) -> None:
    """Print how real the images of a run are to stdout, notes to stderr."""
    from rich.console import Console
    from rich.table import Table

    figures, nearest = found["figures"], found["nearest_training"]
    distance = f"{found['features']} FD"
    rows = (
        (f"{distance}, generated images", figures["sample_fd"], "{:.4g}"),
        (f"{distance}, reconstructions", figures["reconstruction_fd"], "{:.4g}"),
        (f"{distance}, between two images", figures["interpolation_fd"], "{:.4g}"),
        (f"{distance}, training images (floor)", figures["floor_fd"], "{:.4g}"),
        *((name, figures[name], "{:.3f}") for name in _NEIGHBOUR_FIGURES),
        ("nearest training image, generated", nearest["samples"], "{:.4f}"),
        ("nearest training image, test", nearest["test"], "{:.4f}"),
    )
    console = Console(highlight=False, markup=False, width=None)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(
        f"{found['n_samples']:,} images from {found['density']} and {found['n_test']:,} test images"
    )
    table.add_column("", justify="right")
    for name, value, form in rows:
        table.add_row(name, "-" if value is None else form.format(value))
    console.print(table)
    classes = found["classes"]
    if classes is not None:
        shares = Table(box=None, pad_edge=False, header_style="bold")
        shares.add_column("class, % of images")
        for name in classes["classes"]:
            shares.add_column(str(name), justify="right")
        for kind in ("generated", "data"):
            shares.add_row(kind, *(f"{100 * share:.1f}" for share in classes[kind]))
        console.print(shares)
        missing = ", ".join(map(str, classes["missing"])) or "none"
        console.print(f"missing (below a quarter of the data's share): {missing}")
    for note in found["notes"]:
        say(f"note: {note}")


def _print_denoising(denoising: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    levels = denoising["levels"]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(f"PSNR and SSIM,\n{denoising['n_images']:,} images", no_wrap=True)
    for level in levels:
        lines = level["corruption"].replace("+", "\n").replace(":", "\n").replace(",", "\n")
        table.add_column(lines, justify="right", no_wrap=True)
    for name in levels[0]["methods"]:
        cells = [level["methods"][name] for level in levels]
        texts = ("-" if cell["ssim"] is None else f"{cell['ssim']:.3f}" for cell in cells)
        table.add_row(
            name,
            *(f"{cell['psnr']:.2f} dB  {text}" for cell, text in zip(cells, texts, strict=True)),
        )
    print()
    Console(highlight=False, markup=False, width=None).print(table)


def _line(name: str, value: object) -> None:
    if value is None or value in ({}, ""):
        value = "none"
    elif isinstance(value, dict):
        value = ", ".join(f"{key} {number:g}" for key, number in value.items())
    elif isinstance(value, list):
        value = " x ".join(str(size) for size in value)
    print(f"  {name.replace('_', ' '):<16} {value}")
