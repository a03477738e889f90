"""The command line."""

from __future__ import annotations

import sys

from zscape.cli.terminal import errors_as_lines, print_any_text

__all__ = ["main"]


def main() -> None:
    """Run the command line; `zscape` and `python -m zscape` start here."""
    print_any_text()
    with errors_as_lines():
        # Imported here, so that Ctrl-C ends even the first moments without a traceback.
        from zscape.cli.app import run

        run(sys.argv[1:])
        # Here and not at the very end, where nothing could be done about a reader who has left.
        sys.stdout.flush()
        sys.exit(0)
