"""What the commands share: kinds of arguments, checks of outputs, and what is said at the end."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_type_hints

from cyclopts import Parameter
from docstring_parser import parse_from_object

from zscape.cli.terminal import load_frameworks, print_json, say, terminal_reporter
from zscape.errors import ConfigError, RunError
from zscape.files import check_can_be_written
from zscape.registry import names_in
from zscape.remote import is_remote
from zscape.settings import Bounds, Shown, TrainOptions, unwrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zscape.data.images import Images
    from zscape.data.sources import Split
    from zscape.runs import Run

FIGURE_ENDINGS = (".png", ".pdf", ".svg")
PYTHON_ONLY = ("plugins", "encoder", "decoder", "callbacks", "reporter")
REGISTERED = {
    "preset": "zscape.nn.presets",
    "bottleneck": "zscape.nn.bottlenecks",
    "corruption": "zscape.data.corruptions",
    "density": "zscape.latent.densities",
}

RunFolder = Annotated[Path, Parameter(name="RUN", help="A run folder, here or at s3://...")]
Data = Annotated[
    str,
    Parameter(
        name="DATA",
        help="mnist, pictures in a folder, .zip, .tar, .parquet, or a .npz, .npy, .csv, idx file, "
        "here or at s3://...",
    ),
]
OtherData = Annotated[
    str | None, Parameter(name="DATA", help="Other images; the run's own test split if left out.")
]
Image = Annotated[
    str, Parameter(name="IMAGE", help="A picture file, or the number of a test image.")
]
OutFile = Annotated[Path, Parameter(name=["--out", "-o"], help="The file to write.")]
OutFolder = Annotated[Path, Parameter(name=["--out", "-o"], help="The folder to write to.")]
N = Annotated[int, Parameter(name="-n", help="How many images.")]
Flag = Annotated[bool, Parameter(show_default=False)]
Force = Annotated[Flag, Parameter(help="Replace what is there already.")]
AsJson = Annotated[Flag, Parameter(name="--json", help="Print one JSON object.")]
FollowLinks = Annotated[Flag, Parameter(help="Also go where symbolic links lead out of a folder.")]
Density = Annotated[
    str | None,
    Parameter(
        help="What codes are drawn from: prior, or one that is fitted when first used. "
        "[default: gmm; prior where codes are discrete]"
    ),
]
Workers = Annotated[
    int | None, Parameter(help="Processes that share the work; needs zscape[cluster].")
]
Cluster = Annotated[
    str | None, Parameter(help="Address of a Ray cluster; without it a Ray of this machine.")
]
Seed = Annotated[int, Parameter(help="Seed of the draws.")]


def train_flags(name: str = "TrainFlags", without: Collection[str] = ()) -> type[Any]:
    """Return a dataclass with all that `zscape train` takes; None stands for what is not given.

    Args:
        name: of the class.
        without: names of settings that the command does not take.
    """
    hints, texts = get_type_hints(TrainOptions, include_extras=True), _help()
    fields = []
    for entry in dataclasses.fields(TrainOptions):
        if entry.name in (*PYTHON_ONLY, *without):
            continue
        kind, marks = unwrapped(hints[entry.name])
        words = [texts[entry.name], *_names(entry.name)]
        words += [f"[{mark}]" for mark in marks if isinstance(mark, Bounds)]
        shown = next((mark.default for mark in marks if isinstance(mark, Shown)), entry.default)
        if str(shown) not in ("", "None", "False"):
            words.append(f"[default: {shown}]")
        parameter = Parameter(help=" ".join(words), show_default=False)
        kind = _FLAG_TYPES.get(entry.name, kind)
        fields.append((entry.name, Annotated[kind | None, parameter], _unset()))
    made = dataclasses.make_dataclass(name, fields, kw_only=True, frozen=True)
    made.__module__ = __name__  # cyclopts takes the classes of `types` for simple ones
    return Parameter(name="*")(made)


def _unset() -> Any:
    return dataclasses.field(default=None)


_FLAG_TYPES: dict[str, Any] = {
    "corruption": list[str],
    "bottleneck": str,
    "out": Path,
    **dict.fromkeys(("size", "validation", "test", "target"), str),
}


def _help() -> dict[str, str]:
    """Return the text under each setting."""
    return {
        parameter.arg_name: parameter.description or ""
        for kind in reversed(TrainOptions.__mro__[:-1])
        for parameter in parse_from_object(kind).params
    }


def _names(setting: str) -> list[str]:
    if setting not in REGISTERED:
        return []
    names = ", ".join(names_in(REGISTERED[setting]))
    return [f"One of {names}{'' if setting == 'preset' else '; options as in NAME:key=value'}."]


moved_data: str | None = None  # where `--data` says that the images of the run are now


_opened: list[Run] = []  # those of this command, for `say_left_aside`


def take_moved(data: str | None) -> None:
    """Keep for a command where the images of its run are now."""
    global moved_data
    moved_data = data
    _opened.clear()


def open_run(path: Path, *, for_model: bool = True) -> Run:
    """Open a run, and load the frameworks if its model is wanted or its images are read."""
    from zscape.runs import load_run

    if moved_data is None:
        run = load_run(path)
        if for_model:
            load_frameworks()
    else:
        load_frameworks()
        run = load_run(path, data=moved_data)
        say(f"note: the images of {path} are now {run.config.source}; the run keeps this")
    _opened.append(run)
    return run


def say_left_aside() -> None:
    """Say which pictures came to those of a run since its training, if the command read them."""
    while _opened:
        run = _opened.pop()
        read = run.known_dataset or vars(run).get("dataset")
        if read is None:
            continue
        from zscape.data.picture_plan import LEFT_ASIDE

        for note in read.train.notes:
            if note.endswith(LEFT_ASIDE):
                say(f"note: {note}")


def load_data(run: Run, data: str, split: Split = "test", *, drawn: bool = False) -> Images:
    """Load images in the form that a run's model takes, and say what was left out.

    `drawn` says that names of classes will be drawn, for which a font may be missing.
    """
    from zscape.data.pictures import report_skipped

    images = run.load_images(data, split)
    report_skipped(images.skipped, terminal_reporter())
    notes = list(images.notes)
    if drawn:
        from zscape.viz.fonts import missing_glyphs_note

        notes.append(missing_glyphs_note(images.class_names or ()))
    for note in filter(None, notes):
        say(f"note: {note}")
    for warning in images.warnings:
        say(f"warning: {warning}")
    return images


@Parameter(name="*")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Output:
    """Where a command writes, and how it says so; no work is done before this is checked."""

    out: OutFile
    force: Force = False
    as_json: AsJson = False
    kind: ClassVar[str] = "file"

    def file(self, *endings: str, beside: str | None = None) -> Path:
        """Return the file to write, or the one beside it with the ending `beside`."""
        path = self.out if beside is None else self.out.with_suffix(beside)
        check_can_be_written(path)
        if path.suffix.lower() not in endings:
            raise ConfigError(f"{path} does not end in {_either(endings)}; name such a file.")
        if path.is_dir():
            raise RunError(f"{path} is a folder; name a file.")
        if path.exists() and not self.force:
            raise RunError(f"{path} exists; name another file, or replace it with --force.")
        return path

    def folder(self, path: Path | None = None) -> Path:
        """Return the folder to write to."""
        path = path or self.out
        check_can_be_written(path)
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file; name a folder.")
        if path.exists() and any(path.iterdir()) and not self.force:
            raise RunError(
                f"{path} is not empty; name another folder, or replace files with --force."
            )
        return path

    def figure(self, figure: Figure) -> None:
        """Write a figure to the file, and say so."""
        from zscape.files import write_atomically
        from zscape.viz.style import save_figure

        self.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.out, lambda temporary: save_figure(figure, temporary))
        self.written({})

    def written(self, facts: Mapping[str, Any], text: str | None = None) -> None:
        """Say what was written, and how much is in it; `text` in place of the usual words."""
        if self.as_json:
            print_json({self.kind: str(self.out), **facts})
            return
        if text is not None:
            print(text)
            return
        counts = ", ".join(
            f"{value:,} {name.removeprefix('n_').replace('_', ' ')}"
            for name, value in facts.items()
        )
        print(f"{counts}: {self.out}" if counts else f"{self.out}")


@Parameter(name="*")
@dataclasses.dataclass(frozen=True, kw_only=True)
class FolderOutput(Output):
    """As `Output`, for commands that write a folder."""

    out: OutFolder
    kind = "folder"


@Parameter(name="*")
@dataclasses.dataclass(frozen=True, kw_only=True)
class CodesOutput(Output):
    """As `Output`, for codes: a file, or a folder where the path has no ending or is one."""

    out: Annotated[
        Path, Parameter(name=["--out", "-o"], help="The file to write, or a folder of Parquet.")
    ]

    @property
    def is_folder(self) -> bool:
        """Whether a folder is to be written: one without an ending, or one of codes."""
        return not self.out.suffix or (
            not is_remote(self.out) and (self.out / "_facts.json").is_file()
        )

    @property
    def kind(self) -> str:  # type: ignore[override]
        """What is written, for JSON."""
        return "folder" if self.is_folder else "file"


def _either(words: tuple[str, ...]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last
