"""The program: its commands, plugins, and messages in the words of the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError, convert

from zscape import __version__
from zscape.cli import cluster_commands, commands, latent_commands, options, search_commands
from zscape.cli.terminal import BAD_INPUT, name_flags
from zscape.errors import ConfigError
from zscape.registry import load_plugin
from zscape.remote.path import as_path


def _converted(kind: Any, tokens: Any) -> Any:
    """Return what the words of a flag stand for; a fraction is not rounded to a whole number."""
    if int in (kind, *get_args(kind)) and not isinstance(tokens, dict):
        for token in tokens:
            if "." in token.value and not float(token.value).is_integer():
                raise ValueError(f"{token.value} is not a whole number")
    return _located(convert(kind, tokens))


def _located(value: Any) -> Any:
    """Return paths as what they stand for, here or elsewhere."""
    if isinstance(value, list | tuple):
        return type(value)(map(_located, value))
    return as_path(value) if isinstance(value, Path) else value


app = App(
    name="zscape",
    help="Train autoencoders, look at their latent space and walk through it.",
    version=f"zscape {__version__}",
    version_flags=["--version"],
    default_parameter=Parameter(negative=(), converter=_converted),
    result_action="return_value",
    help_epilogue=(
        "Every command also takes --plugin FILE, Python code that registers what is your own. "
        "Commands of a run also take --data DATA, where the run's own images are now if they were "
        "moved or renamed; they are compared with those of the training. With -v, or --verbose, "
        "the log of Ray is shown as well."
    ),
)
_VERBS = (*commands.VERBS, *search_commands.VERBS, *latent_commands.VERBS)
for verb in (*_VERBS, *cluster_commands.VERBS):
    app.command(verb, name=verb.__name__.rstrip("_"))
app.register_install_completion_command()
_OF_RUNS = {verb.__name__.rstrip("_") for verb in _VERBS} - {"train", "tune", "report"}

_PLUGIN, _DATA, _VERBOSE = "--plugin", "--data", ("-v", "--verbose")


def run(words: Sequence[str]) -> None:
    """Run the command that the words of a command line ask for."""
    words, common = _without_common(words)
    for plugin in common[_PLUGIN]:
        load_plugin(plugin)
    _take_moved(words, common[_DATA])
    if not words:
        app.help_print()
        sys.exit(BAD_INPUT)
    name_flags(_flags(words))
    try:
        app(words, exit_on_error=False, print_error=False)
        options.say_left_aside()
    except CycloptsError as error:
        chain = " ".join(("zscape", *(error.command_chain or ())))
        message = str(error).strip().rstrip(" ,.")
        if isinstance(error, UnusedCliTokensError):
            message = f"{' '.join(error.unused_tokens or ())!r} is more than this command takes"
        raise ConfigError(f"{message}; see: {chain} --help") from error


def _without_common(words: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the words of a command line without the flags that all commands take, and these."""
    kept: list[str] = []
    found: dict[str, list[str]] = {_PLUGIN: [], _DATA: []}
    what = {_PLUGIN: "a Python file or the name of a module", _DATA: "a folder or a file of images"}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "--":
            kept += [word, *rest]
        elif word in _VERBOSE:
            os.environ["ZSCAPE_VERBOSE"] = "1"
        elif name not in found:
            kept.append(word)
        else:
            value = value if equals else next(rest, "")
            if not value:
                raise ConfigError(f"{name} needs {what[name]}.")
            found[name].append(value)
    return kept, found


def _take_moved(words: Sequence[str], places: Sequence[str]) -> None:
    """Keep for the command where the images of its run are now."""
    options.take_moved(places[-1] if places else None)
    command = words[0] if words else ""
    if places and command not in _OF_RUNS:
        raise ConfigError(
            f"--data is for commands of a run, which zscape {command} is not; leave it out."
        )


def _flags(words: Sequence[str]) -> dict[str, str]:
    """Return the flags of a command by the names that its arguments have in Python.

    Those of `train` are known to all, for messages of a run say how to train another one.
    """
    command, _, _ = app.parse_commands(words)
    if not command or command[0].startswith("-"):
        return {}
    found: dict[str, str] = {}
    for verb in ("train", command[0]):
        for argument in app[verb].assemble_argument_collection():
            names = [name for name in argument.names if name not in argument.negatives]
            found[names[-1].lstrip("-").replace("-", "_")] = names[0]
    return {**found, "load_plugin": _PLUGIN, "data": _DATA}
