"""Results as a person reads them, on stdout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zscape.cli.terminal import print_json, say

if TYPE_CHECKING:
    from pathlib import Path

    from zscape.evaluation.comparison import Evaluation
    from zscape.evaluation.denoising import DenoisingEvaluation, Outcome
    from zscape.evaluation.generation import ClassShares
    from zscape.evaluation.results import GenerationResults
    from zscape.jobs.cluster_check import Finding
    from zscape.jobs.tune_results import Tuned
    from zscape.runs import Run


def print_run(run: Run, history: Sequence[Mapping[str, float]], found: Evaluation | None) -> None:
    """Print the settings of a run, how far it has come, and its final metrics."""
    config = run.config
    for part, values in config.to_dict().items():
        print(part)
        for name, value in (dict(enumerate(values, 1)) if part == "plugins" else values).items():
            _line(name, value)
    print("progress")
    _line("epochs", f"{len(history)} of at most {config.training.epochs}")
    if history:
        best = min(history, key=lambda row: row["val_loss"])
        _line("best epoch", f"{int(best['epoch'])}, validation loss {best['val_loss']:.5f}")
        _line("seconds", f"{sum(row['seconds'] for row in history):,.0f}")
    if found is not None:
        print()
        print_evaluation(found)


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


def print_findings(findings: Iterable[Finding]) -> None:
    """Print what was found of each machine of a cluster, and what to do about it."""
    machine = ""
    for finding in findings:
        if finding.machine != machine:
            machine = finding.machine
            print(machine)
        remedy = f"; {finding.remedy}" if finding.remedy else ""
        print(f"  {finding.verdict:<8} {finding.what:<9} {finding.found}{remedy}")


def print_evaluation(found: Evaluation, *, as_json: bool = False) -> None:
    """Print the metrics of a model beside those of PCA to stdout, warnings and notes to stderr."""
    print_json(found.to_dict()) if as_json else _print_metrics(found)
    say_remarks(found.warnings, found.notes)


def _print_metrics(found: Evaluation) -> None:
    from zscape.evaluation.metrics import METRICS

    pca = found.pca or {}
    rows = [
        (metric.label_with_unit, metric.text(found.model[name]), metric.text(pca.get(name)))
        for name, metric in METRICS.items()
        if name in found.model  # a file from before there was this metric lacks it
    ]
    ratio = METRICS["compression_ratio"]
    value = ratio.text(found.compression_ratio)
    rows.append((ratio.label, value, value if found.pca else ratio.text(None)))
    _print_table((f"{found.n_images:,} images ({found.data})", "model", "PCA"), rows)
    if found.denoising is not None:
        print()
        _print_denoising(found.denoising)


def say_remarks(warnings: Iterable[str], notes: Iterable[str]) -> None:
    """Print warnings and notes to stderr, a line each."""
    for warning in warnings:
        say(f"warning: {warning}")
    for note in notes:
        say(f"note: {note}")


def print_generation(found: GenerationResults, *, as_json: bool = False) -> None:
    """Print how real the images of a run are to stdout, warnings and notes to stderr."""
    print_json(found.to_dict()) if as_json else _print_generated(found)
    say_remarks(found.warnings, found.notes)


def _print_generated(found: GenerationResults) -> None:
    from zscape.evaluation.results import generation_rows

    title = f"{found.n_samples:,} images from {found.density} and {found.n_test:,} test images"
    _print_table((title, ""), generation_rows(found))
    if found.classes is not None:
        _print_classes(found.classes)


def print_search(found: Tuned) -> None:
    """Print the best trials of a search, what matters, and the command that trains the best."""
    from zscape.jobs.tune_results import ranking

    _print_table(*ranking(found))
    if found.importances:
        shares = (
            f"{name.replace('_', ' ')} {100 * v:.0f} %" for name, v in found.importances.items()
        )
        print(f"what matters: {', '.join(shares)}")
    print(f"report: {found.path / 'report.html'}")
    print(f"train the best again: {found.command(found.best)}")


def anomalies_text(done: Mapping[str, Any], out: Path) -> str:
    """Return what `write_anomalies` found, in some lines."""
    rate = f"{100 * done['false_alarm_rate']:.2f} %"
    lines = [
        f"{done['n_anomalies']:,} of {done['n_images']:,} images are anomalies: {out}",
        f"of normal images {rate} are expected to be called so; gallery: {done['gallery']}",
    ]
    if "auroc" in done:
        scores = (f"{name} {done['auroc'][name]:.4f}" for name in ("combined", "error", "density"))
        lines += [
            f"AUROC: {', '.join(scores)}",
            f"found: {100 * done['hit_rate']:.1f} % of {done['n_anomalous']:,} anomalies; false "
            f"alarms: {100 * done['false_alarm_rate_seen']:.2f} % of {done['n_normal']:,} normal "
            "images",
        ]
    return "\n".join(lines)


def _print_classes(shares: ClassShares) -> None:
    rows = [
        (name, *(f"{100 * share:.1f}" for share in values))
        for name, values in (("generated", shares.generated), ("data", shares.data))
    ]
    _print_table(("class, % of images", *map(str, shares.classes)), rows)
    missing = ", ".join(map(str, shares.missing)) or "none"
    print(f"missing (below a quarter of the data's share): {missing}")


def _print_denoising(denoising: DenoisingEvaluation) -> None:
    from zscape.evaluation.metrics import METRICS

    def cell(outcome: Outcome) -> str:
        psnr, ssim = METRICS["psnr"], METRICS["ssim"]
        return f"{psnr.text(outcome['psnr'])} {psnr.unit}  {ssim.text(outcome['ssim'])}"

    levels = denoising.levels
    lines = [re.sub("[+:,]", "\n", level.corruption) for level in levels]
    _print_table(
        (f"PSNR and SSIM,\n{denoising.n_images:,} images", *lines),
        [(name, *(cell(level.methods[name]) for level in levels)) for name in levels[0].methods],
        no_wrap=True,
    )


def _print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, no_wrap: bool = False
) -> None:
    """Print a table; all columns but the first are flush right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left", no_wrap=no_wrap)
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False, width=None).print(table)


def _line(name: object, value: object) -> None:
    if value is None or value in ({}, ""):
        value = "none"
    elif isinstance(value, dict):
        value = ", ".join(f"{key} {number:g}" for key, number in value.items())
    elif isinstance(value, list):
        value = " x ".join(str(size) for size in value)
    print(f"  {str(name).replace('_', ' '):<16} {value}")
