"""What the commands share: kinds of arguments, checks of outputs, and what is said at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zscape.cli.terminal import load_frameworks, print_json, say_skipped
from zscape.errors import ConfigError, RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zscape.data.images import Images
    from zscape.runs import Run

FIGURE_ENDINGS = (".png", ".pdf", ".svg")

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]
DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA", help="mnist, a folder of pictures, or a .npz, .npy, idx or idx.gz file."
    ),
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
FollowLinks = Annotated[
    bool,
    typer.Option("--follow-links", help="Also go where symbolic links lead out of a folder."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def open_run(path: Path) -> Run:
    """Load the frameworks and open a run that has a model."""
    from zscape.runs import load_run

    run = load_run(path)
    load_frameworks()
    return run


def load_data(run: Run, data: str) -> Images:
    """Load images in the form that a run's model takes, and say what was left out."""
    images = run.load_images(data)
    say_skipped(images.skipped)
    return images


def check_out_file(path: Path, endings: tuple[str, ...], *, force: bool) -> None:
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


def check_out_folder(path: Path, *, force: bool) -> None:
    """Refuse a folder that must not be written to, before any work is done."""
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; name a folder.")
    if path.exists() and any(path.iterdir()) and not force:
        raise RunError(f"{path} is not empty; name another folder, or replace files with --force.")


def save_figure_to(figure: Figure, out: Path, *, as_json: bool) -> None:
    """Write a figure to a file, and say so."""
    from zscape.files import write_atomically
    from zscape.viz.style import save_figure

    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, lambda temporary: save_figure(figure, temporary))
    report_written(out, {}, as_json=as_json)


def report_written(out: Path, facts: dict[str, Any], *, as_json: bool) -> None:
    """Say which file or folder was written, and how much is in it."""
    if as_json:
        print_json({"file": str(out), **facts})
    else:
        counts = ", ".join(
            f"{value:,} {name.removeprefix('n_').replace('_', ' ')}"
            for name, value in facts.items()
        )
        print(f"{counts}: {out}" if counts else f"{out}")
