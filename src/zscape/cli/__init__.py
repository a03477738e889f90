"""The command line."""

from zscape.cli.commands import main

__all__ = ["main"]
