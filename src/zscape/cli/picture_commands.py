"""Commands for a person's own pictures; see `zscape.cli.commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zscape.cli.options import (
    AsJson,
    DataArgument,
    FollowLinks,
    Force,
    OutFile,
    RunArgument,
    check_out_file,
    check_out_folder,
    load_data,
    open_run,
)
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
    from zscape.jobs.denoise import write_denoised

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


@app.command()
def anomalies(
    run: RunArgument,
    data: DataArgument,
    out: OutFile,
    threshold: Annotated[
        float, typer.Option(help="The share of normal images that shall pass.")
    ] = 0.99,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Score how odd images are (.csv), with a gallery (.html) and heat maps beside it."""
    check_out_file(out, (".csv",), force=force)
    check_out_file(out.with_suffix(".html"), (".html",), force=force)
    check_out_folder(out.with_name(f"{out.stem}-heatmaps"), force=force)
    opened = open_run(run)
    from zscape.jobs.anomalies import write_anomalies

    written = write_anomalies(opened, load_data(opened, data), out, threshold=threshold)
    if as_json:
        print_json({"file": str(out), **written})
    else:
        rate = f"{100 * written['false_alarm_rate']:.2f} %"
        print(f"{written['n_anomalies']:,} of {written['n_images']:,} images are anomalies: {out}")
        print(
            f"of normal images {rate} are expected to be called so; gallery: {written['gallery']}"
        )
