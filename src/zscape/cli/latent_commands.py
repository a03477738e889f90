"""Commands that take images to codes and codes to images; see `zscape.cli.commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zscape.cli.options import (
    FIGURE_ENDINGS,
    AsJson,
    DataArgument,
    Force,
    ImageArgument,
    OptionalData,
    OutFile,
    RunArgument,
    check_out_file,
    check_out_folder,
    load_data,
    open_run,
    report_written,
    save_figure_to,
)
from zscape.cli.terminal import print_json, say
from zscape.settings import DensityName, PathName

app = typer.Typer()


@app.command()
def reconstruct(
    run: RunArgument,
    data: DataArgument,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder to write to.")],
    n: Annotated[int | None, typer.Option("-n", help="Only the first N images.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruct images: one PNG each, a sheet to look at, and all as arrays (.npz)."""
    check_out_folder(out, force=force)
    opened = open_run(run)
    from zscape.jobs.decode import write_reconstructions

    written = write_reconstructions(opened, load_data(opened, data), out, n=n)
    if as_json:
        print_json(written)
    else:
        print(f"{written['n_images']:,} reconstructions, MSE {written['mse']:.5f}: {out}")


@app.command()
def encode(
    run: RunArgument,
    data: DataArgument,
    out: OutFile,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Encode images to arrays (.npz), or any number of pictures to a table (.parquet)."""
    check_out_file(out, (".npz", ".parquet"), force=force)
    opened = open_run(run)
    if out.suffix.lower() == ".parquet":
        from zscape.jobs.encode import write_code_table

        report_written(out, write_code_table(opened, data, out, say=say), as_json=as_json)
        return
    from zscape.jobs.decode import write_codes

    report_written(out, write_codes(opened, load_data(opened, data), out), as_json=as_json)


@app.command()
def decode(
    run: RunArgument,
    codes: Annotated[Path, typer.Argument(help="A .npz file with an array codes (N, d).")],
    out: OutFile,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Decode codes to a .npz file with the array images (N, H, W, C), float32 in [0, 1]."""
    check_out_file(out, (".npz",), force=force)
    opened = open_run(run)
    from zscape.jobs.decode import write_decoded

    report_written(out, write_decoded(opened, codes, out), as_json=as_json)


@app.command()
def generate(
    run: RunArgument,
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="A folder, or a file: a sheet (.png, .pdf, .svg) or arrays (.npz)."
        ),
    ],
    n: Annotated[int, typer.Option("-n", help="How many images.")] = 64,
    density: Annotated[
        DensityName | None,
        typer.Option(
            help="What codes are drawn from; fitted when first used.",
            show_default="gmm; prior where codes are discrete",
        ),
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Only images like those with this label or class name.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw new codes where those of real images lie, and decode them."""
    if out.suffix:
        check_out_file(out, (*FIGURE_ENDINGS, ".npz"), force=force)
    else:
        check_out_folder(out, force=force)
    opened = open_run(run)
    from zscape.jobs.generate import generate as draw
    from zscape.jobs.generate import sheet, write_generated

    images, codes = draw(opened, n, density=density, seed=seed, label=label)
    if out.suffix.lower() in FIGURE_ENDINGS:
        save_figure_to(sheet(images), out, as_json=as_json)
    else:
        report_written(out, write_generated(images, codes, out), as_json=as_json)


@app.command()
def interpolate(
    run: RunArgument,
    first: ImageArgument,
    second: ImageArgument,
    steps: Annotated[int, typer.Option(help="Images, both ends included.")] = 10,
    path: Annotated[PathName, typer.Option(help="The way from code to code.")] = "linear",
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The file to write: a picture, or arrays (.npz).")
    ] = Path("interpolation.png"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Decode the way from one image's code to another's."""
    check_out_file(out, (*FIGURE_ENDINGS, ".npz"), force=force)
    opened = open_run(run)
    from zscape.files import write_arrays
    from zscape.jobs.generate import interpolate as decode_way
    from zscape.jobs.generate import rows

    images, codes = decode_way(opened, first, second, steps=steps, path=path)
    if out.suffix.lower() == ".npz":
        write_arrays(out, {"images": images, "codes": codes})
        report_written(out, {"n_images": len(images)}, as_json=as_json)
    else:
        save_figure_to(rows(images[None], [path]), out, as_json=as_json)


@app.command()
def traverse(
    run: RunArgument,
    image: Annotated[
        str | None,
        typer.Argument(
            metavar="[IMAGE]",
            help="A picture file, or the number of a test image; the mean code if left out.",
        ),
    ] = None,
    steps: Annotated[int, typer.Option(help="Images along a direction.")] = 11,
    out: Annotated[Path, typer.Option("-o", "--out", help="The picture to write.")] = Path(
        "traversal.png"
    ),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Move an image along each latent direction, across the range where data lie."""
    check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = open_run(run)
    from zscape.jobs.generate import rows
    from zscape.jobs.generate import traverse as decode_directions

    save_figure_to(rows(*decode_directions(opened, image, steps=steps)), out, as_json=as_json)


@app.command("map")
def map_codes(
    run: RunArgument,
    out: OutFile,
    data: OptionalData = None,
    n: Annotated[int, typer.Option("-n", help="How many images.")] = 1000,
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails", help="Draw small images at their codes.")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw the codes of test images, coloured by label (.png, .pdf or .svg)."""
    check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = open_run(run)
    from zscape.jobs.draw import latent_map

    images = None if data is None else load_data(opened, data)
    save_figure_to(latent_map(opened, images, n=n, thumbnails=thumbnails), out, as_json=as_json)


@app.command()
def grid(
    run: RunArgument,
    out: OutFile,
    low: Annotated[float, typer.Option(help="First value of both coordinates.")] = -5.0,
    high: Annotated[float, typer.Option(help="Last value of both coordinates.")] = 5.0,
    step: Annotated[float, typer.Option(help="Distance between neighbours.")] = 1.0,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw decoded codes on a lattice (.png, .pdf or .svg); the run needs 2 latent variables."""
    check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = open_run(run)
    from zscape.jobs.draw import grid as latent_grid

    save_figure_to(latent_grid(opened, low=low, high=high, step=step), out, as_json=as_json)
