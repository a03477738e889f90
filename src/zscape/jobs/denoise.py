"""Denoising pictures of any size and kind."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zscape.data.alike import border
from zscape.data.checks import check_values
from zscape.data.decode import white_of_file
from zscape.data.images import as_float
from zscape.data.pictures import (
    DEEP_MODES,
    FORMATS,
    Part,
    Skipped,
    UnreadablePictureError,
    bounded,
    load_upright,
    quiet_pillow,
)
from zscape.data.sources.folder import picture_files
from zscape.data.white import White, find_white
from zscape.errors import PARSE_ERRORS, ConfigError, DataError, reason_of
from zscape.files import write_bytes
from zscape.jobs.crew import Pace, crew, itself
from zscape.jobs.tiles import reconstruct_tiled
from zscape.model import Autoencoder
from zscape.reporter import LOG, Reporter
from zscape.runs import Run

if TYPE_CHECKING:
    from PIL import Image

_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")
_USUAL_SCALES = (0.7, 1.4)  # of the training, for pictures at their own scale
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}


def denoise(run: Run, image: np.ndarray) -> np.ndarray:
    """Return what a run's model makes of one image, of any size and of 1, 3 or 4 channels.

    An image larger than the model's input is cut into tiles that overlap by half or more, and
    each pixel is the mean of the tiles over it, weighted by how central it is in each: no seam
    can show. A smaller one is continued by its mirror image. If model and image differ in colour,
    a model of one channel works on each channel by itself, and a gray image is shown to a model
    of colours as a gray one in colour. A gray one with light borders is inverted for the model if
    those of the training had dark ones, or the other way round.

    Args:
        run: trained with a corruption, see `zscape.train`.
        image: (H, W, K), floats in [0, 1] or integers as `as_float` takes them.

    Returns:
        (H, W, K), float32 in [0, 1].

    Raises:
        DataError: the channels of image and model do not fit, or it is not an image.
    """
    model = run.model
    image = np.asarray(image)
    if image.ndim != 3 or 0 in image.shape:
        raise DataError(f"the image has shape {image.shape}; expected (H, W, C).")
    check_values(image, white=model.white)
    values = as_float(image, model.white)
    if is_inverted(run, values):
        return 1 - _reconstructed(model, 1 - values)
    return _reconstructed(model, values)


def is_inverted(run: Run, image: np.ndarray) -> bool:
    """Tell whether a gray image (H, W, 1) is dark on light and the training was not, or so."""
    wanted = None if run.config.reading.polarity == "keep" else run.config.border
    found = border(image[None])
    return None not in (found, wanted) and found != wanted


def _reconstructed(model: Autoencoder, values: np.ndarray) -> np.ndarray:
    """Reconstruct an image (H, W, K) of any size by a model of perhaps other channels."""
    n, wanted = values.shape[2], model.image_shape[2]
    if n == wanted:
        return reconstruct_tiled(model, values)
    if wanted == 1:
        channels = (values[..., k : k + 1] for k in range(n))
        return np.concatenate([reconstruct_tiled(model, each) for each in channels], axis=2)
    if n in (1, 3) and wanted in (3, 4):
        opaque = (0, 0), (0, 0), (0, wanted - 3)
        shown = np.pad(np.repeat(values, 3 // n, axis=2), opaque, constant_values=1)
        colours = reconstruct_tiled(model, shown)[..., :3]
        return colours.mean(axis=2, keepdims=True) if n == 1 else colours
    if n == 4 and wanted == 3:  # transparency stays
        colours = reconstruct_tiled(model, values[..., :3])
        return np.concatenate([colours, values[..., 3:]], axis=2)
    raise DataError(f"the image has {n} channels; this model takes {wanted}.")


@dataclass(frozen=True)
class Written:
    """What `write_denoised` did.

    Attributes:
        n_pictures: files that were written.
        n_pages: pages of these; a TIFF file may have several.
        skipped: what in the folders could not be read.
        notes: what else the user is to be told, a sentence each.
        warnings: what may be wrong with the result, a sentence each.
    """

    n_pictures: int
    n_pages: int
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


class _Denoised(NamedTuple):
    """A picture file that was denoised, or why it was not."""

    content: bytes
    reason: str | None = None  # why it cannot be read, in a few words
    n_pages: int = 1
    is_animated: bool = False
    was_inverted: bool = False


def write_denoised(
    run: Run,
    sources: Sequence[Path],
    out: Path,
    *,
    follow_links: bool = False,
    workers: int | None = None,
    cluster: str | None = None,
    reporter: Reporter = LOG,
) -> Written:
    """Denoise picture files, and those in folders, into files of the same name and format.

    What is in a folder keeps its place below it, and a TIFF file all its pages. 16-bit gray stays
    16-bit, transparency stays as it is; pictures with a palette become coloured ones, and
    animations their first frame.

    With `workers` so many processes denoise; see `zscape.jobs.crew.crew`. The files stay the same.
    """
    pairs, skipped = _pairs(sources, out, follow_links=follow_links)
    named = {source for source in sources if not source.is_dir()}
    n_written = n_pages = 0
    animated: list[Path] = []
    inverted: list[Path] = []
    with crew(run, itself, workers=workers, cluster=cluster, reporter=reporter) as those:
        results = those.map(_denoised_file, [source.absolute() for source, _ in pairs])
        told = Pace("denoising", len(pairs), workers, reporter).over(results, lambda _: 1)
        for (source, target), done in zip(pairs, told, strict=True):
            if done.reason is not None:
                if source in named:
                    raise UnreadablePictureError(source, done.reason)
                skipped.append(Skipped(str(source), done.reason))
                continue
            if done.is_animated:
                animated.append(source)
            if done.was_inverted:
                inverted.append(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, done.content)
            n_written += 1
            n_pages += done.n_pages
    if not n_written:
        raise DataError(f"{', '.join(map(str, sources))}: there is no picture that can be read.")
    notes = []
    if animated:
        several = f" ({len(animated):,} animations)" if len(animated) > 1 else ""
        notes.append(f"{animated[0]} is an animation, of which the first frame is kept{several}")
    if inverted:
        several = f" and {len(inverted) - 1:,} more" if len(inverted) > 1 else ""
        notes.append(
            f"the images of the training had {run.config.border} borders: {inverted[0]}{several} "
            "went through the model inverted"
        )
    return Written(n_written, n_pages, tuple(skipped), tuple(notes), tuple(_warnings(run)))


def _denoised_file(run: Run, source: Path) -> _Denoised:
    """Denoise a picture file into the content of another."""
    with quiet_pillow():
        try:
            kind, n_frames = _kind(source)
            is_paged = kind == "TIFF" and n_frames > 1
            content, was_inverted = (_all_pages if is_paged else _one)(run, source)
        except UnreadablePictureError as error:
            return _Denoised(b"", error.reason)
    is_animated = n_frames > 1 and kind in _ANIMATED
    return _Denoised(content, None, n_frames if is_paged else 1, is_animated, was_inverted)


def _warnings(run: Run) -> list[str]:
    """Return a warning if the model has learned from pictures of another scale."""
    scale, (low, high) = run.config.scale, _USUAL_SCALES
    if scale is None or low <= scale <= high:
        return []
    how = "shrunk" if scale < 1 else "enlarged"
    return [
        f"the model was trained on pictures {how} to {scale:.2g} of their width and height, and is "
        "applied to pictures at full scale, which it may make worse; train one at full scale: "
        "zscape train DATA --patches"
    ]


def _pairs(
    sources: Iterable[Path], out: Path, *, follow_links: bool
) -> tuple[list[tuple[Path, Path]], list[Skipped]]:
    """Return each picture and the file to write, and what was left out."""
    pairs: list[tuple[Path, Path]] = []
    skipped: list[Skipped] = []
    for source in sources:
        if source.is_dir():
            names, odd = picture_files(source, follow_links=follow_links)
            skipped += [Skipped(str(source / item.path), item.reason) for item in odd]
            pairs += [(source / name, out / name) for name in names]
        elif source.is_file():
            pairs.append((source, out / source.name))
        else:
            raise DataError(f"{source} does not exist; expected a picture, or a folder of them.")
    taken: dict[Path, Path] = {}
    for source, target in pairs:
        if target in taken:
            raise ConfigError(
                f"{taken[target]} and {source} would both become {target}; denoise them one "
                "after the other, into two folders."
            )
        if target.exists() and target.samefile(source):
            raise ConfigError(f"{source} would be replaced; name another folder as `out`.")
        taken[target] = source
    return pairs, skipped


def _kind(source: Path) -> tuple[str, int]:
    """Return the format of a picture file and how many pages or frames it has."""
    from PIL import Image

    try:
        with Image.open(bounded(source), formats=FORMATS) as opened:
            return opened.format or "", int(getattr(opened, "n_frames", 1))
    except (Image.DecompressionBombError, *PARSE_ERRORS):
        return "", 1  # why it cannot be read is told when it is decoded


def _one(run: Run, source: Path) -> tuple[bytes, bool]:
    """Return a file with the denoised picture of a file, and whether it had to be inverted.

    Of an animation it is the first frame.
    """
    picture = load_upright(source)
    content = io.BytesIO()
    result, was_inverted = _denoised(run, picture, _white(run, [picture]))
    _save(result, picture, content)
    return content.getvalue(), was_inverted


def _all_pages(run: Run, source: Path) -> tuple[bytes, bool]:
    """Return a TIFF file with all pages of one, and whether any had to be inverted.

    One page at a time is in memory.
    """
    from PIL.TiffImagePlugin import AppendingTiffWriter

    _, n_pages = _kind(source)

    def pages() -> Iterator[Image.Image]:
        return (load_upright(source, Part(page)) for page in range(n_pages))

    white = _white(run, pages())  # one for all
    content, any_inverted = io.BytesIO(), False
    with AppendingTiffWriter(content) as file:
        for picture in pages():
            result, was_inverted = _denoised(run, picture, white)
            _save(result, picture, file)
            file.newFrame()
            any_inverted |= was_inverted
    return content.getvalue(), any_inverted


def _white(run: Run, pages: Iterable[Image.Image]) -> float:
    """Return which value of the deep pages of a file is white, as in the training if it can be."""
    tops, limits = [0.0], []
    for picture in pages:
        if picture.mode in DEEP_MODES:
            tops.append(float(np.nan_to_num(np.asarray(picture, np.float32)).max(initial=0)))
            limits.append(white_of_file(picture))
    if limits and max(limits) < np.inf:
        return max(limits)  # the file says so
    return find_white(None, max(tops), kept=run.config.white).value


def _denoised(run: Run, picture: Image.Image, white: float) -> tuple[Image.Image, bool]:
    """Return a denoised picture, and whether it was inverted for that.

    Its mode is that of the picture where that can be.
    Of a picture of more than 8 bits `white` is the value that is white.
    """
    from PIL import Image

    if picture.mode in DEEP_MODES:
        stored = np.nan_to_num(np.asarray(picture, np.float32))
        shown = White(white).scale(stored)[..., None]
        values = denoise(run, shown)[..., 0] * white
        result = Image.fromarray(values if picture.mode == "F" else np.uint16(np.round(values)))
        return result, is_inverted(run, shown)
    gray = picture.mode in ("1", "L", "LA", "La")
    pixels, alpha = _pixels(picture, gray=gray)
    if alpha is not None and run.config.image_shape[2] == 4 and not gray:
        pixels = np.dstack([pixels, np.asarray(alpha)])
    clean = np.round(255 * denoise(run, as_float(pixels))).astype(np.uint8)
    result = Image.fromarray(clean[..., 0] if gray else clean)
    if alpha is not None:
        result.putalpha(alpha)
    return result, is_inverted(run, pixels)


def _pixels(picture: Image.Image, *, gray: bool) -> tuple[np.ndarray, Image.Image | None]:
    """Return the values of a picture of 8 bits, (H, W, 1) or (H, W, 3), and its transparency."""
    try:
        alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
        pixels = np.asarray(picture.convert("L" if gray else "RGB"))
    except PARSE_ERRORS as error:  # palette and transparency do not fit
        raise UnreadablePictureError(io.BytesIO(), reason_of(error)) from error
    return pixels[..., None] if gray else pixels, alpha


def _save(picture: Image.Image, original: Image.Image, file: Any) -> None:
    """Write a picture in the format of the original to an open file."""
    kind = {"MPO": "JPEG"}.get(original.format or "", original.format or "PNG")
    if picture.mode == "LA" and kind in ("BMP", "WEBP"):
        picture = picture.convert("RGBA")
    options = dict(_SAVE_OPTIONS.get(kind, {}))
    if "dpi" in original.info and kind in ("PNG", "JPEG", "TIFF", "BMP"):
        options["dpi"] = original.info["dpi"]
    if picture.mode == original.mode and original.info.get("icc_profile"):
        options["icc_profile"] = original.info["icc_profile"]
    picture.save(file, kind, **options)
