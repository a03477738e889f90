"""Commands that take images to codes and codes to images; see `zscape.cli.commands`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from zscape.cli.options import (
    FIGURE_ENDINGS,
    AsJson,
    Data,
    Density,
    Flag,
    Force,
    Image,
    N,
    OtherData,
    OutFile,
    OutFolder,
    RunFolder,
    Seed,
    check_out_file,
    check_out_folder,
    load_data,
    open_run,
    report_written,
    save_figure_to,
)
from zscape.cli.terminal import print_json, terminal_reporter
from zscape.settings import PathName


def reconstruct(
    run: RunFolder,
    data: Data,
    /,
    *,
    out: OutFolder,
    n: Annotated[int | None, Parameter(name="-n", help="Only the first N images.")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruct images: one PNG each, a sheet to look at, and all as arrays (.npz)."""
    check_out_folder(out, force=force)
    opened = open_run(run)
    from zscape.jobs.reconstruct import write_reconstructions

    written = write_reconstructions(opened, load_data(opened, data), out, n=n)
    if as_json:
        print_json(written)
    else:
        print(f"{written['n_images']:,} reconstructions, MSE {written['mse']:.5f}: {out}")


def encode(
    run: RunFolder,
    data: Data,
    /,
    *,
    out: OutFile,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Encode images to arrays (.npz), or any number of pictures to a table (.parquet)."""
    check_out_file(out, (".npz", ".parquet"), force=force)
    opened = open_run(run)
    from zscape.jobs.encode import write_code_table, write_codes

    if out.suffix.lower() == ".parquet":
        facts = write_code_table(opened, data, out, reporter=terminal_reporter())
    else:
        facts = write_codes(opened, load_data(opened, data), out)
    report_written(out, facts, as_json=as_json)


def decode(
    run: RunFolder,
    codes: Annotated[Path, Parameter(name="CODES", help="A .npz file with an array codes (N, d).")],
    /,
    *,
    out: OutFile,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Decode codes to a .npz file with the array images (N, H, W, C), float32 in [0, 1]."""
    check_out_file(out, (".npz",), force=force)
    opened = open_run(run)
    from zscape.jobs.decode import write_decoded

    report_written(out, write_decoded(opened, codes, out), as_json=as_json)


def generate(
    run: RunFolder,
    /,
    *,
    out: Annotated[
        Path,
        Parameter(
            name=["--out", "-o"],
            help="A folder, or a file: a sheet (.png, .pdf, .svg) or arrays (.npz).",
        ),
    ],
    n: N = 64,
    density: Density = None,
    label: str | None = None,
    seed: Seed = 0,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw new codes where those of real images lie, and decode them.

    Parameters
    ----------
    label
        Only images like those with this label or class name.
    """
    if out.suffix:
        check_out_file(out, (*FIGURE_ENDINGS, ".npz"), force=force)
    else:
        check_out_folder(out, force=force)
    opened = open_run(run)
    from zscape.jobs.generate import generate as draw
    from zscape.jobs.generate import write_generated
    from zscape.viz.sheets import plot_images

    images, codes = draw(opened, n, density=density, seed=seed, label=label)
    if out.suffix.lower() in FIGURE_ENDINGS:
        save_figure_to(plot_images(images), out, as_json=as_json)
    else:
        report_written(out, write_generated(images, codes, out), as_json=as_json)


def interpolate(
    run: RunFolder,
    first: Image,
    second: Image,
    /,
    *,
    steps: int = 10,
    path: PathName = "linear",
    out: Annotated[
        Path,
        Parameter(name=["--out", "-o"], help="The file to write: a picture, or arrays (.npz)."),
    ] = Path("interpolation.png"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Decode the path from one image's code to another's.

    Parameters
    ----------
    steps
        Images, both ends included.
    path
        How to go from code to code.
    """
    check_out_file(out, (*FIGURE_ENDINGS, ".npz"), force=force)
    opened = open_run(run)
    from zscape.files import write_arrays
    from zscape.jobs.interpolate import interpolate as decode_path
    from zscape.viz.sheets import plot_image_rows

    images, codes = decode_path(opened, first, second, steps=steps, path=path)
    if out.suffix.lower() == ".npz":
        write_arrays(out, {"images": images, "codes": codes})
        report_written(out, {"n_images": len(images)}, as_json=as_json)
    else:
        save_figure_to(plot_image_rows(images[None], [path]), out, as_json=as_json)


def traverse(
    run: RunFolder,
    image: Annotated[
        str | None,
        Parameter(
            name="IMAGE",
            help="A picture file, or the number of a test image; the mean code if left out.",
        ),
    ] = None,
    /,
    *,
    steps: int = 11,
    out: OutFile = Path("traversal.png"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Move an image along each latent direction, across the range where data lie.

    Parameters
    ----------
    steps
        Images along a direction.
    """
    check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = open_run(run)
    from zscape.jobs.interpolate import traverse as decode_directions
    from zscape.viz.sheets import plot_image_rows

    images, names = decode_directions(opened, image, steps=steps)
    save_figure_to(plot_image_rows(images, names), out, as_json=as_json)


def map_(
    run: RunFolder,
    data: OtherData = None,
    /,
    *,
    out: OutFile,
    n: N = 1000,
    thumbnails: Flag = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw the codes of test images, coloured by label (.png, .pdf or .svg).

    Parameters
    ----------
    thumbnails
        Draw small images at their codes.
    """
    check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = open_run(run)
    from zscape.jobs.draw import latent_map

    images = None if data is None else load_data(opened, data)
    save_figure_to(latent_map(opened, images, n=n, thumbnails=thumbnails), out, as_json=as_json)


def grid(
    run: RunFolder,
    /,
    *,
    out: OutFile,
    low: float = -5.0,
    high: float = 5.0,
    step: float = 1.0,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw decoded codes on a lattice (.png, .pdf or .svg); the run needs 2 latent dimensions.

    Parameters
    ----------
    low
        First value of both coordinates.
    high
        Last value of both coordinates.
    step
        Distance between neighbours.
    """
    check_out_file(out, FIGURE_ENDINGS, force=force)
    opened = open_run(run)
    from zscape.jobs.draw import grid as latent_grid

    save_figure_to(latent_grid(opened, low=low, high=high, step=step), out, as_json=as_json)


VERBS = (reconstruct, encode, decode, generate, interpolate, traverse, map_, grid)
