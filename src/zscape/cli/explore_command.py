"""`zscape explore`; see `zscape.cli.commands`."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from zscape.cli.options import Force, RunArgument, check_out_file, open_run
from zscape.cli.terminal import say
from zscape.errors import ConfigError

app = typer.Typer()


@app.command()
def explore(
    run: RunArgument,
    port: Annotated[
        int | None, typer.Option(help="Port of the page.", show_default="a free one")
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open no browser.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write one page (.html) that opens from disk, and serve nothing."),
    ] = None,
    force: Force = False,
) -> None:
    """Walk through the latent space in a browser: drag, compare, draw your own image."""
    if html is not None:
        if port is not None or no_browser:
            raise ConfigError("--html writes a file; leave out --port and --no-browser.")
        check_out_file(html, (".html", ".htm"), force=force)
        _write(run, html)
        return
    from zscape.explorer.server import (
        address,
        build_app,
        check_ready,
        new_token,
        open_socket,
        serve,
    )

    check_ready()
    with open_socket(port) as listener:
        opened = open_run(run)
        from zscape.explorer.engine import build_payload

        token = new_token()
        app_of_run = build_app(build_payload(opened), token)
        url = address(listener, token)
        print(url, flush=True)
        say("Ctrl-C ends it.")
        if not no_browser:
            webbrowser.open(url)
        serve(app_of_run, [listener])


def _write(run: Path, html: Path) -> None:
    from zscape.explorer.page import front_end, one_file_page

    front_end("page.js")  # fails before the work
    opened = open_run(run)
    from zscape.explorer.engine import build_payload
    from zscape.files import write_text

    page = one_file_page(build_payload(opened))
    html.parent.mkdir(parents=True, exist_ok=True)
    write_text(html, page)
    print(f"{html}: {html.stat().st_size / 1e6:.1f} MB, opens in a browser without a network")
