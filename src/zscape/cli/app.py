"""The program: its commands, plugins, and messages in the words of the command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

from zscape import __version__
from zscape.cli import commands, latent_commands
from zscape.cli.terminal import BAD_INPUT, name_flags
from zscape.errors import ConfigError
from zscape.registry import load_plugin

app = App(
    name="zscape",
    help="Train autoencoders, look at their latent space and walk through it.",
    version=f"zscape {__version__}",
    version_flags=["--version"],
    default_parameter=Parameter(negative=()),
    result_action="return_value",
)
for verb in (*commands.VERBS, *latent_commands.VERBS):
    app.command(verb, name=verb.__name__.rstrip("_"))
app.register_install_completion_command()

_PLUGIN = "--plugin"


def run(words: Sequence[str]) -> None:
    """Run the command that the words of a command line ask for."""
    words = _without_plugins(words)
    if not words:
        app.help_print()
        sys.exit(BAD_INPUT)
    name_flags(_flags(words))
    try:
        app(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        chain = " ".join(("zscape", *(error.command_chain or ())))
        message = str(error).strip().rstrip(" ,.")
        if isinstance(error, UnusedCliTokensError):
            message = f"{' '.join(error.unused_tokens or ())!r} is more than this command takes"
        raise ConfigError(f"{message}; see: {chain} --help") from error


def _without_plugins(words: Sequence[str]) -> list[str]:
    """Load what `--plugin FILE` names, which every command takes, and return the other words."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "--":
            return [*kept, word, *rest]
        if name != _PLUGIN:
            kept.append(word)
            continue
        value = value if equals else next(rest, "")
        if not value:
            raise ConfigError("--plugin needs a Python file or the name of a module.")
        load_plugin(value)
    return kept


def _flags(words: Sequence[str]) -> dict[str, str]:
    """Return the flags of a command by the names that its arguments have in Python."""
    command, _, _ = app.parse_commands(words)
    if not command or command[0].startswith("-"):
        return {}
    found = {"load_plugin": _PLUGIN}
    for argument in app[command[0]].assemble_argument_collection():
        names = [name for name in argument.names if name not in argument.negatives]
        found[names[-1].lstrip("-").replace("-", "_")] = names[0]
    return found
