"""Commands that take images to codes and codes to images; see `zscape.cli.commands`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from zscape.cli.options import (
    FIGURE_ENDINGS,
    AsJson,
    Cluster,
    CodesOutput,
    Data,
    Density,
    Flag,
    FolderOutput,
    Force,
    Image,
    N,
    OtherData,
    OutFile,
    Output,
    RunFolder,
    Seed,
    Workers,
    load_data,
    open_run,
)
from zscape.cli.terminal import say, terminal_reporter
from zscape.errors import ConfigError
from zscape.settings import PathName


def reconstruct(
    run: RunFolder,
    data: Data,
    /,
    *,
    n: Annotated[int | None, Parameter(name="-n", help="Only N images, drawn over all.")] = None,
    to: FolderOutput,
) -> None:
    """Reconstruct images: one PNG each, a sheet to look at, and all as arrays (.npz)."""
    out = to.folder()
    opened = open_run(run)
    from zscape.jobs.reconstruct import write_reconstructions

    done = write_reconstructions(opened, load_data(opened, data, drawn=True), out, n=n)
    to.written(done, f"{done['n_images']:,} reconstructions, MSE {done['mse']:.5f}: {out}")


def encode(
    run: RunFolder,
    data: Data,
    /,
    *,
    workers: Workers = None,
    cluster: Cluster = None,
    to: CodesOutput,
) -> None:
    """Encode images to arrays (.npz), or any number of them to a table (.parquet, .csv, .tsv).

    A folder gets several Parquet files, which are read as one table. A .tsv file, and the
    -metadata.tsv beside it, are for https://projector.tensorflow.org.
    """
    out = to.out if to.is_folder else to.file(".npz", ".parquet", ".csv", ".tsv")
    from zscape.jobs import code_tables
    from zscape.jobs import encode as jobs

    ending, metadata = "" if to.is_folder else out.suffix.lower(), jobs.metadata_path(out)
    if ending == ".tsv":
        dataclasses.replace(to, out=metadata).file(".tsv")
    opened = open_run(run)
    if ending == ".npz":
        if workers is not None or cluster is not None:
            raise ConfigError(
                "`workers` write tables and folders of codes, and a .npz file is made in the "
                "memory of one process; name a .parquet, .csv or .tsv file, or a folder."
            )
        from zscape.jobs.coded import split_to_encode

        images = load_data(opened, data, split_to_encode(data))
        to.written(jobs.write_codes(opened, images, out))
        return
    writers: dict[str, Callable[..., dict[str, int]]] = {
        "": partial(code_tables.write_code_folder, force=to.force),
        ".parquet": code_tables.write_code_table,
        ".csv": jobs.write_code_csv,
        ".tsv": jobs.write_code_tsv,
    }
    write = partial(writers[ending], workers=workers, cluster=cluster)
    try:
        facts: dict[str, Any] = dict(write(opened, data, out, reporter=terminal_reporter()))
    except KeyboardInterrupt:
        if ending in ("", ".parquet"):
            say("interrupted; the same command goes on from here.")
        raise
    if ending != ".tsv":
        to.written(facts)
        return
    left_out = f" ({facts['n_left_out']:,} left out)" if "n_left_out" in facts else ""
    text = f"{facts['n_codes']:,} codes{left_out}: {out}, and what they are of: {metadata}"
    to.written({**facts, "metadata": str(metadata)}, text)


def decode(
    run: RunFolder,
    codes: Annotated[Path, Parameter(name="CODES", help="A .npz file with an array codes (N, d).")],
    /,
    *,
    to: Output,
) -> None:
    """Decode codes to a .npz file with the array images (N, H, W, C), float32 in [0, 1]."""
    out = to.file(".npz")
    opened = open_run(run)
    from zscape.jobs.decode import write_decoded

    to.written(write_decoded(opened, codes, out))


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
    to = Output(out=out, force=force, as_json=as_json)
    _ = to.file(*FIGURE_ENDINGS, ".npz") if out.suffix else to.folder()
    opened = open_run(run)
    from zscape.jobs.generate import generate as draw
    from zscape.jobs.generate import write_generated
    from zscape.viz.sheets import plot_images

    images, codes = draw(opened, n, density=density, seed=seed, label=label)
    if out.suffix.lower() in FIGURE_ENDINGS:
        to.figure(plot_images(images))
    else:
        to.written(write_generated(images, codes, out))


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
    to = Output(out=out, force=force, as_json=as_json)
    to.file(*FIGURE_ENDINGS, ".npz")
    opened = open_run(run)
    from zscape.files import write_arrays
    from zscape.jobs.interpolate import interpolate as decode_path
    from zscape.jobs.interpolate import originals
    from zscape.viz.sheets import plot_interpolation

    images, codes = decode_path(opened, first, second, steps=steps, path=path)
    if out.suffix.lower() == ".npz":
        write_arrays(out, {"images": images, "codes": codes})
        to.written({"n_images": len(images)})
    else:
        to.figure(plot_interpolation(images, originals(opened, first, second), path))


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
    to = Output(out=out, force=force, as_json=as_json)
    to.file(*FIGURE_ENDINGS)
    opened = open_run(run)
    from zscape.jobs.interpolate import traverse_with_values
    from zscape.viz.sheets import plot_traversal

    to.figure(plot_traversal(*traverse_with_values(opened, image, steps=steps)))


def map_(
    run: RunFolder, data: OtherData = None, /, *, n: N = 1000, thumbnails: Flag = False, to: Output
) -> None:
    """Draw the codes of test images, coloured by label (.png, .pdf or .svg).

    Parameters
    ----------
    thumbnails
        Draw small images at their codes.
    """
    to.file(*FIGURE_ENDINGS)
    opened = open_run(run)
    from zscape.jobs.draw import latent_map
    from zscape.viz.fonts import missing_glyphs_note

    images = opened.dataset.test if data is None else load_data(opened, data)
    if note := missing_glyphs_note(images.class_names or ()):
        say(f"note: {note}")
    to.figure(latent_map(opened, images, n=n, thumbnails=thumbnails))


def grid(
    run: RunFolder,
    /,
    *,
    low: float = -5.0,
    high: float = 5.0,
    step: float = 1.0,
    to: Output,
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
    to.file(*FIGURE_ENDINGS)
    opened = open_run(run)
    from zscape.jobs.draw import grid as latent_grid

    to.figure(latent_grid(opened, low=low, high=high, step=step))


VERBS = (reconstruct, encode, decode, generate, interpolate, traverse, map_, grid)
