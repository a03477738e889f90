"""Every command line in the documentation is one that `zscape` takes; none is run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.docs.conftest import PAGES
from zscape.cli.app import app

BLOCK = re.compile(r"^```bash\n(?P<code>.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`(?:[.\w/]*/)?zscape ([^`]+)`")
ANYWHERE = {"--help", "--plugin", "--data", "--version", "--install-completion"}


def commands() -> list[str]:
    """Return the command lines in blocks, without `zscape` and comments."""
    lines = [
        line
        for page in PAGES
        for block in BLOCK.finditer(page.read_text())
        for line in block["code"].splitlines()
    ]
    return sorted({line.removeprefix("zscape ") for line in lines if line.startswith("zscape ")})


def spans() -> list[str]:
    """Return what is named in running text, which may be part of a command line only."""
    found = {m[1] for page in PAGES for m in SPAN.finditer(page.read_text().replace("\n", " "))}
    return sorted(span for span in found if span[0].islower())


def without_common(words: list[str]) -> list[str]:
    """Leave out the flags that are not an argument of a single command, with their values."""
    for flag in ("--plugin", "--data"):
        while flag in words:
            at = words.index(flag)
            words = [*words[:at], *words[at + 2 :]]
    return words


@pytest.mark.parametrize("command", commands())
def test_a_command_line_is_accepted(command: str) -> None:
    words = without_common(shlex.split(command, comments=True))
    if words[-1] in ANYWHERE:
        words.pop()
        assert not words or words[0] in app
        return
    verb, bound, _ = app.parse_args(words, exit_on_error=False, print_error=False)
    assert verb is app[words[0]].default_command
    assert bound.arguments


@pytest.mark.parametrize("span", spans())
def test_verb_and_flags_in_running_text_exist(span: str) -> None:
    verb, *words = shlex.split(span)
    assert verb in app
    known = {
        name for argument in app[verb].assemble_argument_collection() for name in argument.names
    }
    flags = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    assert flags <= known | ANYWHERE


def test_every_command_is_in_the_readme(pytestconfig: pytest.Config) -> None:
    text = (Path(pytestconfig.rootpath) / "README.md").read_text()
    verbs = {name for name in app if not name.startswith("-")}
    assert {verb for verb in verbs if f"zscape {verb} " not in text} == set()
