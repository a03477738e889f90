"""The command line: parse, call, print. Messages go to stderr, results to stdout."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from zscape import __version__
from zscape.cli import explore_command, latent_commands, picture_commands
from zscape.cli.options import (
    AsJson,
    DataArgument,
    FollowLinks,
    Force,
    OptionalData,
    OutFile,
    RunArgument,
    check_out_file,
    load_data,
    open_run,
    report_written,
)
from zscape.cli.show import print_evaluation, print_generation, print_machine, print_run
from zscape.cli.terminal import (
    load_frameworks,
    print_json,
    progress_console,
    say,
)
from zscape.errors import ConfigError
from zscape.settings import (
    BOTTLENECK_OPTIONS,
    CORRUPTION_OPTIONS,
    BottleneckConfig,
    CodeActivation,
    Color,
    CorruptionConfig,
    DensityName,
    Downsampling,
    Fit,
    NetworkConfig,
    Optimizer,
    Precision,
    Preset,
    Schedule,
    TrainConfig,
    Upsampling,
)

app = typer.Typer(
    help="Train autoencoders, look at their latent space and walk through it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    shards: Annotated[
        int | None,
        typer.Option(
            help="Parts of a batch that cores work on side by side.", show_default="one per core"
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Use at most this many training and test images.")
    ] = None,
    corruption: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:key=value,...]",
            help=f"Learn to undo this: {', '.join(CORRUPTION_OPTIONS)}. Several in turn: repeat "
            "it, or join them with +.",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Height and width made of a folder's pictures.", show_default="64"),
    ] = None,
    color: Annotated[
        Color | None, typer.Option(help="Of a folder's pictures.", show_default="auto")
    ] = None,
    fit: Annotated[
        Fit | None,
        typer.Option(help="What is done to other proportions.", show_default="crop"),
    ] = None,
    follow_links: FollowLinks = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a folder with files that cannot be read.")
    ] = False,
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
    noise = CorruptionConfig.parse(*(corruption or ()))
    load_frameworks()
    from zscape.jobs.train import Interrupted, default_folder, default_preset
    from zscape.jobs.train import train as train_run

    preset = preset or default_preset(downsampling, upsampling)
    network = NetworkConfig(preset=preset, latent_dim=latent_dim)
    folder = out or default_folder(data, network, between, noise)
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
            shards=shards,
            limit=limit,
            corruption=noise,
            size=size,
            color=color,
            fit=fit,
            follow_links=follow_links,
            strict=strict,
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
        from zscape.evaluation.results import read_evaluation

        print_evaluation(read_evaluation(run))
        print(f"report: {run.path / 'report.html'}")


@app.command()
def evaluate(
    run: RunArgument,
    data: OptionalData = None,
    generation: Annotated[
        bool, typer.Option("--generation", help="Measure what the run generates instead.")
    ] = False,
    density: Annotated[
        DensityName | None,
        typer.Option(
            help="What codes are drawn from.", show_default="gmm; prior where codes are discrete"
        ),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            help="A network (.keras, .onnx) to compare images by.",
            show_default="a classifier of digits",
        ),
    ] = None,
    n: Annotated[
        int | None, typer.Option("-n", help="How many images to generate.", show_default="10000")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the draws.", show_default="0")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a run beside PCA; without DATA, on its test split, with new figures and report."""
    asked = {"density": density, "features": features, "n": n, "seed": seed}
    settings = {name: value for name, value in asked.items() if value is not None}
    if generation:
        if data is not None:
            raise ConfigError(
                f"--generation compares with the run's own test split; leave {data} out."
            )
        opened = open_run(run)
        from zscape.jobs.evaluate_generation import refresh_generation

        found = refresh_generation(opened, **settings)
        print_json(found.to_dict()) if as_json else print_generation(found)
        return
    if settings:
        option = "-n" if next(iter(settings)) == "n" else f"--{next(iter(settings))}"
        raise ConfigError(f"{option} is for --generation; give both, or leave it out.")
    opened = open_run(run)
    from zscape.jobs.evaluate import evaluate as evaluate_run
    from zscape.jobs.evaluate import refresh

    evaluation = refresh(opened) if data is None else evaluate_run(opened, load_data(opened, data))
    print_json(evaluation.to_dict()) if as_json else print_evaluation(evaluation)


@app.command()
def info(
    run: Annotated[Path | None, typer.Argument(metavar="RUN", help="A run folder.")] = None,
    machine: Annotated[
        bool, typer.Option("--machine", help="Describe this machine instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Describe a run (data, settings, training, results), or this machine."""
    if (run is None) != machine:
        raise ConfigError("give either RUN, a run folder such as runs/two, or --machine.")
    if run is None:
        load_frameworks()
        from zscape.hardware import describe

        facts = describe(measured=True)
        (print_json if as_json else print_machine)(facts)
        return
    from zscape.evaluation.results import read_evaluation
    from zscape.runs import load_run

    opened = load_run(run)
    history = opened.history if (run / "history.csv").exists() else []
    found = read_evaluation(opened) if (run / "metrics.json").exists() else None
    if as_json:
        metrics = None if found is None else found.to_dict()
        print_json(
            {"run": str(run), **opened.config.to_dict(), "history": history, "metrics": metrics}
        )
        return
    print_run(opened, history, found)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
    out: OutFile,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write one self-contained page (.html) about one or more runs."""
    from zscape.jobs.report import write_report
    from zscape.runs import load_run

    check_out_file(out, (".html", ".htm"), force=force)
    opened = [load_run(run) for run in runs]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_report(opened, out)
    report_written(out, {"n_runs": len(opened)}, as_json=as_json)


app.add_typer(latent_commands.app)
app.add_typer(explore_command.app)
app.add_typer(picture_commands.app)


def _resume_command(arguments: list[str], folder: Path) -> str:
    """Return the command that goes on with `zscape train ARGUMENTS...`, interrupted in `folder`."""
    words = [word for word in arguments if word not in ("--force", "--resume")]
    more = ["--resume"]
    if not any(word == "--out" or word.startswith("--out=") for word in words):
        more += ["--out", str(folder)]
    # After a bare -- everything is taken for an argument.
    end = words.index("--") if "--" in words else len(words)
    return shlex.join(["zscape", *words[:end], *more, *words[end:]])
