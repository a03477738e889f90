"""The command line: parse, call, print. Messages go to stderr, results to stdout."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zscape import __version__
from zscape.cli.show import print_evaluation, print_run
from zscape.cli.terminal import (
    load_frameworks,
    print_json,
    progress_console,
    say,
)
from zscape.config import (
    BOTTLENECK_OPTIONS,
    BottleneckConfig,
    CodeActivation,
    DensityName,
    Downsampling,
    NetworkConfig,
    Optimizer,
    PathName,
    Precision,
    Preset,
    Schedule,
    TrainConfig,
    Upsampling,
)
from zscape.errors import ConfigError, RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zscape.runs import Run

FIGURE_ENDINGS = (".png", ".pdf", ".svg")

app = typer.Typer(
    help="Train autoencoders, look at their latent space and walk through it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
DataArgument = Annotated[
    str, typer.Argument(metavar="DATA", help="mnist, or a .npz, .npy, idx or idx.gz file.")
]
OptionalData = Annotated[
    str | None,
    typer.Argument(metavar="[DATA]", help="Other images; the run's own test split if left out."),
]
ImageArgument = Annotated[
    str, typer.Argument(metavar="IMAGE", help="A picture file, or the number of a test image.")
]
OutFile = Annotated[Path, typer.Option("-o", "--out", help="The file to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"zscape {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Train autoencoders, look at their latent space and walk through it."""


@app.command()
def train(
    data: DataArgument,
    out: Annotated[
        Path | None, typer.Option(help="Run folder.", show_default="runs/DATA-PRESET-DIMd")
    ] = None,
    preset: Annotated[
        Preset | None,
        typer.Option(help="Network.", show_default="fast; classic with options of its own"),
    ] = None,
    latent_dim: Annotated[int, typer.Option(help="Length of a code.")] = NetworkConfig.latent_dim,
    bottleneck: Annotated[
        str,
        typer.Option(
            metavar="NAME[:key=value,...]",
            help=f"What shapes the code: {', '.join(BOTTLENECK_OPTIONS)}.",
        ),
    ] = BottleneckConfig.name,
    downsampling: Annotated[
        Downsampling, typer.Option(help="How the encoder of classic halves an image.")
    ] = NetworkConfig.downsampling,
    upsampling: Annotated[
        Upsampling, typer.Option(help="How the decoder of classic doubles an image.")
    ] = NetworkConfig.upsampling,
    code_activation: Annotated[
        CodeActivation, typer.Option(help="Activation of the code.")
    ] = NetworkConfig.code_activation,
    epochs: Annotated[
        int | None, typer.Option(help="Epochs at most.", show_default="by preset and images")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = TrainConfig.batch_size,
    optimizer: Annotated[
        Optimizer | None, typer.Option(help="Optimizer.", show_default="by preset")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate.", show_default="by preset")
    ] = None,
    schedule: Annotated[
        Schedule, typer.Option(help="Learning rate over the run.")
    ] = TrainConfig.schedule,
    patience: Annotated[
        int, typer.Option(help="Stop after this many epochs without a better validation loss.")
    ] = TrainConfig.patience,
    seed: Annotated[int, typer.Option(help="Seed of weights, split and order.")] = TrainConfig.seed,
    precision: Annotated[
        Precision | None, typer.Option(help="Arithmetic.", show_default="by preset")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Use at most this many training and test images.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run.")
    ] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write TensorBoard logs.")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Train an autoencoder; leave a run folder with model, figures and report."""
    if resume and force:
        raise ConfigError(
            "--resume goes on with a run and --force replaces it; give one of the two."
        )
    between = BottleneckConfig.parse(bottleneck)
    load_frameworks()
    from zscape.workflow.training import Interrupted, default_folder, default_preset
    from zscape.workflow.training import train as train_run

    preset = preset or default_preset(downsampling, upsampling)
    network = NetworkConfig(preset=preset, latent_dim=latent_dim)
    folder = out or default_folder(data, network, between)
    try:
        run = train_run(
            data,
            out=folder,
            preset=preset,
            latent_dim=latent_dim,
            bottleneck=between,
            downsampling=downsampling,
            upsampling=upsampling,
            code_activation=code_activation,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            schedule=schedule,
            patience=patience,
            seed=seed,
            precision=precision,
            limit=limit,
            resume=resume,
            force=force,
            tensorboard=tensorboard,
            console=progress_console(),
        )
    except Interrupted:
        say(f"interrupted; go on with: {_resume_command(sys.argv[1:], folder)}")
        raise
    except KeyboardInterrupt:
        say("interrupted before training began; nothing was written.")
        raise
    if as_json:
        print_json({"run": str(run.path), **run.metrics})
    else:
        print_evaluation(run.metrics)
        print(f"report: {run.path / 'report.html'}")


@app.command()
def evaluate(run: RunArgument, data: OptionalData = None, as_json: AsJson = False) -> None:
    """Measure a run beside PCA; without DATA, on its test split, with new figures and report."""
    opened = _open(run)
    from zscape.workflow.results import evaluate as evaluate_run
    from zscape.workflow.results import refresh

    evaluation = refresh(opened) if data is None else evaluate_run(opened, data)
    (print_json if as_json else print_evaluation)(evaluation.to_dict())


@app.command()
def reconstruct(
    run: RunArgument,
    data: DataArgument,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder to write to.")],
    n: Annotated[int | None, typer.Option("-n", help="Only the first N images.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruct images: one PNG each, a sheet to look at, and all as arrays (.npz)."""
    _check_out_folder(out, force=force)
    opened = _open(run)
    from zscape.workflow.files import write_reconstructions

    written = write_reconstructions(opened, data, out, n=n)
    if as_json:
        print_json(written)
    else:
        print(f"{written['n_images']:,} reconstructions, MSE {written['mse']:.5f}: {out}")


@app.command()
def encode(
    run: RunArgument,
    data: DataArgument,
    out: OutFile,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Encode images to a .npz file with the arrays codes and, if there are any, labels."""
    _check_out_file(out, (".npz",), force=force)
    opened = _open(run)
    from zscape.workflow.files import write_codes

    _report_written(out, write_codes(opened, data, out), as_json=as_json)


@app.command()
def decode(
    run: RunArgument,
    codes: Annotated[Path, typer.Argument(help="A .npz file with an array codes (N, d).")],
    out: OutFile,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Decode codes to a .npz file with the array images (N, H, W, C), float32 in [0, 1]."""
    _check_out_file(out, (".npz",), force=force)
    opened = _open(run)
    from zscape.workflow.files import write_decoded

    _report_written(out, write_decoded(opened, codes, out), as_json=as_json)


@app.command()
def generate(
    run: RunArgument,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="A folder, or a file: a sheet (.png, .pdf, .svg) or arrays (.npz)."
        ),
    ],
    n: Annotated[int, typer.Option("-n", help="How many images.")] = 64,
    density: Annotated[
        DensityName, typer.Option(help="What codes are drawn from; fitted when first used.")
    ] = "gmm",
    label: Annotated[
        int | None, typer.Option(help="Only images like those with this label.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw new codes where those of real images lie, and decode them."""
    if out.suffix:
        _check_out_file(out, (*FIGURE_ENDINGS, ".npz"), force=force)
    else:
        _check_out_folder(out, force=force)
    opened = _open(run)
    from zscape.workflow.generation import generate as draw
    from zscape.workflow.generation import sheet, write_generated

    images, codes = draw(opened, n, density=density, seed=seed, label=label)
    if out.suffix.lower() in FIGURE_ENDINGS:
        _save_figure(sheet(images), out, as_json=as_json)
    else:
        _report_written(out, write_generated(images, codes, out), as_json=as_json)


@app.command()
def interpolate(
    run: RunArgument,
    first: ImageArgument,
    second: ImageArgument,
    steps: Annotated[int, typer.Option(help="Images, both ends included.")] = 10,
    path: Annotated[PathName, typer.Option(help="The way from code to code.")] = "linear",
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The file to write: a picture, or arrays (.npz).")
    ] = Path("interpolation.png"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Decode the way from one image's code to another's."""
    _check_out_file(out, (*FIGURE_ENDINGS, ".npz"), force=force)
    opened = _open(run)
    from zscape.workflow.files import write_arrays
    from zscape.workflow.generation import interpolate as decode_way
    from zscape.workflow.generation import rows

    images, codes = decode_way(opened, first, second, steps=steps, path=path)
    if out.suffix.lower() == ".npz":
        write_arrays(out, {"images": images, "codes": codes})
        _report_written(out, {"n_images": len(images)}, as_json=as_json)
    else:
        _save_figure(rows(images[None], [path]), out, as_json=as_json)


@app.command()
def traverse(
    run: RunArgument,
    image: Annotated[
        str | None,
        typer.Argument(
            metavar="[IMAGE]",
            help="A picture file, or the number of a test image; the mean code if left out.",
        ),
    ] = None,
    steps: Annotated[int, typer.Option(help="Images along a direction.")] = 11,
    out: Annotated[Path, typer.Option("-o", "--out", help="The picture to write.")] = Path(
        "traversal.png"
    ),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Move an image along each latent direction, across the range where data lie."""
    _check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = _open(run)
    from zscape.workflow.generation import rows
    from zscape.workflow.generation import traverse as decode_directions

    _save_figure(rows(*decode_directions(opened, image, steps=steps)), out, as_json=as_json)


@app.command("map")
def map_codes(
    run: RunArgument,
    out: OutFile,
    data: OptionalData = None,
    n: Annotated[int, typer.Option("-n", help="How many images.")] = 1000,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw the codes of test images, coloured by label (.png, .pdf or .svg)."""
    _check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = _open(run)
    from zscape.workflow.pictures import latent_map

    _save_figure(latent_map(opened, data, n=n), out, as_json=as_json)


@app.command()
def grid(
    run: RunArgument,
    out: OutFile,
    low: Annotated[float, typer.Option(help="First value of both coordinates.")] = -5.0,
    high: Annotated[float, typer.Option(help="Last value of both coordinates.")] = 5.0,
    step: Annotated[float, typer.Option(help="Distance between neighbours.")] = 1.0,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw decoded codes on a lattice (.png, .pdf or .svg); the run needs 2 latent variables."""
    _check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = _open(run)
    from zscape.workflow.pictures import grid as latent_grid

    _save_figure(latent_grid(opened, low=low, high=high, step=step), out, as_json=as_json)


@app.command()
def info(run: RunArgument, as_json: AsJson = False) -> None:
    """Say what a run is: data, settings, training and final figures."""
    from zscape.runs import load_run
    from zscape.workflow.metrics import stored_metrics

    opened = load_run(run)
    history = opened.history if (run / "history.csv").exists() else []
    metrics = stored_metrics(opened) if (run / "metrics.json").exists() else None
    if as_json:
        print_json(
            {"run": str(run), **opened.config.to_dict(), "history": history, "metrics": metrics}
        )
        return
    print_run(opened, history, metrics)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    out: OutFile,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write one self-contained page (.html) about one or more runs."""
    from zscape.runs import load_run
    from zscape.workflow.page import write_report

    _check_out_file(out, (".html", ".htm"), force=force)
    opened = [load_run(run) for run in runs]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_report(opened, out)
    _report_written(out, {"n_runs": len(opened)}, as_json=as_json)


def _open(path: Path) -> Run:
    from zscape.runs import load_run

    run = load_run(path)
    load_frameworks()
    return run


def _check_out_file(path: Path, endings: tuple[str, ...], *, force: bool) -> None:
    """Refuse a file that cannot or must not be written, before any work is done."""
    if path.suffix.lower() not in endings:
        raise ConfigError(f"{path} does not end in {_either(endings)}; name such a file.")
    if path.is_dir():
        raise RunError(f"{path} is a folder; name a file.")
    if path.exists() and not force:
        raise RunError(f"{path} exists; name another file, or replace it with --force.")


def _either(words: tuple[str, ...]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _check_out_folder(path: Path, *, force: bool) -> None:
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; name a folder.")
    if path.exists() and any(path.iterdir()) and not force:
        raise RunError(f"{path} is not empty; name another folder, or replace files with --force.")


def _save_figure(figure: Figure, out: Path, *, as_json: bool) -> None:
    from zscape.files import write_atomically
    from zscape.viz.style import save_figure

    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, lambda temporary: save_figure(figure, temporary))
    _report_written(out, {}, as_json=as_json)


def _report_written(out: Path, facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(out), **facts})
    else:
        counts = ", ".join(
            f"{value:,} {name.removeprefix('n_').replace('_', ' ')}"
            for name, value in facts.items()
        )
        print(f"{counts}: {out}" if counts else f"{out}")


def _resume_command(arguments: list[str], folder: Path) -> str:
    """Return the command that goes on with `zscape train ARGUMENTS...`, interrupted in `folder`."""
    words = [word for word in arguments if word not in ("--force", "--resume")]
    more = ["--resume"]
    if not any(word == "--out" or word.startswith("--out=") for word in words):
        more += ["--out", str(folder)]
    # After a bare -- everything is taken for an argument.
    end = words.index("--") if "--" in words else len(words)
    return shlex.join(["zscape", *words[:end], *more, *words[end:]])
