"""Commands for a person's own pictures; see `zscape.cli.commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zscape.cli.options import AsJson, FollowLinks, Force, RunArgument, check_out_folder, open_run
from zscape.cli.terminal import print_json, say, say_skipped

app = typer.Typer()


@app.command()
def denoise(
    run: RunArgument,
    pictures: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGES...", help="Picture files, or folders of them, of any size."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder to write to.")],
    follow_links: FollowLinks = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Denoise picture files into files of the same name and format."""
    check_out_folder(out, force=force)
    opened = open_run(run)
    from zscape.workflow.denoising import write_denoised

    if not opened.config.training.corruption:
        say(f"note: {run} was trained without --corruption, so it has not learned to denoise.")
    n_written, skipped = write_denoised(opened, pictures, out, follow_links=follow_links)
    say_skipped(skipped)
    if as_json:
        print_json(
            {
                "folder": str(out),
                "n_pictures": n_written,
                "skipped": [{"path": item.path, "reason": item.reason} for item in skipped],
            }
        )
    else:
        print(f"{n_written:,} picture{'s' if n_written != 1 else ''}: {out}")
