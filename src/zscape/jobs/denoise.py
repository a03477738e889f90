"""Denoising pictures of any size and kind."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zscape.data.checks import check_values
from zscape.data.decode import white_of_file
from zscape.data.images import as_float
from zscape.data.pictures import (
    DEEP_MODES,
    FORMATS,
    PARSE_ERRORS,
    Part,
    Skipped,
    UnreadablePictureError,
    load_upright,
    quiet_pillow,
)
from zscape.data.sources.folder import picture_files
from zscape.data.white import White, find_white
from zscape.errors import ConfigError, DataError
from zscape.files import write_bytes
from zscape.model import Autoencoder
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
    of colours as a gray one in colour.

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
    n, wanted = values.shape[2], model.image_shape[2]
    if n == wanted:
        return _tiled(model, values)
    if wanted == 1:
        return np.concatenate([_tiled(model, values[..., k : k + 1]) for k in range(n)], axis=2)
    if n in (1, 3) and wanted in (3, 4):
        opaque = (0, 0), (0, 0), (0, wanted - 3)
        shown = np.pad(np.repeat(values, 3 // n, axis=2), opaque, constant_values=1)
        colours = _tiled(model, shown)[..., :3]
        return colours.mean(axis=2, keepdims=True) if n == 1 else colours
    if n == 4 and wanted == 3:  # transparency stays
        return np.concatenate([_tiled(model, values[..., :3]), values[..., 3:]], axis=2)
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


def write_denoised(
    run: Run, sources: Sequence[Path], out: Path, *, follow_links: bool = False
) -> Written:
    """Denoise picture files, and those in folders, into files of the same name and format.

    What is in a folder keeps its place below it, and a TIFF file all its pages. 16-bit gray stays
    16-bit, transparency stays as it is; pictures with a palette become coloured ones, and
    animations their first frame.
    """
    pairs, skipped = _pairs(sources, out, follow_links=follow_links)
    named = {source for source in sources if not source.is_dir()}
    n_written = n_pages = 0
    animated: list[Path] = []
    with quiet_pillow():
        for source, target in pairs:
            try:
                kind, n_frames = _kind(source)
                is_paged = kind == "TIFF" and n_frames > 1
                content = _all_pages(run, source, n_frames) if is_paged else _one(run, source)
            except UnreadablePictureError as error:
                if source in named:
                    raise
                skipped.append(Skipped(str(source), error.reason))
                continue
            if n_frames > 1 and kind in _ANIMATED:
                animated.append(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(target, content)
            n_written += 1
            n_pages += n_frames if is_paged else 1
    if not n_written:
        raise DataError(f"{', '.join(map(str, sources))}: there is no picture that can be read.")
    notes = []
    if animated:
        several = f" ({len(animated):,} animations)" if len(animated) > 1 else ""
        notes.append(f"{animated[0]} is an animation, of which the first frame is kept{several}")
    return Written(n_written, n_pages, tuple(skipped), tuple(notes), tuple(_warnings(run)))


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
        with Image.open(source, formats=FORMATS) as opened:
            return opened.format or "", int(getattr(opened, "n_frames", 1))
    except (Image.DecompressionBombError, *PARSE_ERRORS):
        return "", 1  # why it cannot be read is told when it is decoded


def _one(run: Run, source: Path) -> bytes:
    """Return a file with the denoised picture of a file, or its first frame."""
    picture = load_upright(source)
    content = io.BytesIO()
    _save(_denoised(run, picture, _white(run, [picture])), picture, content)
    return content.getvalue()


def _all_pages(run: Run, source: Path, n_pages: int) -> bytes:
    """Return a TIFF file with all pages of one, of which a page at a time is in memory."""
    from PIL.TiffImagePlugin import AppendingTiffWriter

    def pages() -> Iterator[Image.Image]:
        return (load_upright(source, Part(page)) for page in range(n_pages))

    white = _white(run, pages())  # one for all
    content = io.BytesIO()
    with AppendingTiffWriter(content) as file:
        for picture in pages():
            _save(_denoised(run, picture, white), picture, file)
            file.newFrame()
    return content.getvalue()


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


def _denoised(run: Run, picture: Image.Image, white: float) -> Image.Image:
    """Return a denoised picture, of the picture's mode where that can be.

    Of a picture of more than 8 bits `white` is the value that is white.
    """
    from PIL import Image

    if picture.mode in DEEP_MODES:
        stored = np.nan_to_num(np.asarray(picture, np.float32))
        values = denoise(run, White(white).scale(stored)[..., None])[..., 0] * white
        return Image.fromarray(values if picture.mode == "F" else np.uint16(np.round(values)))
    gray = picture.mode in ("1", "L", "LA", "La")
    alpha = picture.convert("RGBA").getchannel("A") if picture.has_transparency_data else None
    pixels = np.asarray(picture.convert("L" if gray else "RGB"))
    pixels = pixels[..., None] if gray else pixels
    if alpha is not None and run.config.image_shape[2] == 4 and not gray:
        pixels = np.dstack([pixels, np.asarray(alpha)])
    clean = np.round(255 * denoise(run, as_float(pixels))).astype(np.uint8)
    result = Image.fromarray(clean[..., 0] if gray else clean)
    if alpha is not None:
        result.putalpha(alpha)
    return result


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


# --- tiles ---


def _tiled(model: Autoencoder, image: np.ndarray) -> np.ndarray:
    """Reconstruct an image (H, W, C) of any size whose channels are those of the model."""
    tile_height, tile_width, channels = model.image_shape
    height, width = image.shape[:2]
    missing = (0, max(0, tile_height - height)), (0, max(0, tile_width - width)), (0, 0)
    padded = np.pad(image, missing, mode="symmetric")
    tops = _starts(padded.shape[0], tile_height)
    lefts = _starts(padded.shape[1], tile_width)
    # Of a pixel in a tile: a raised cosine in both directions, above 0 everywhere.
    waves = [np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in (tile_height, tile_width)]
    weight = np.outer(*waves)[..., None].astype(np.float32)  # (h, w, 1)
    total = np.zeros((*padded.shape[:2], channels), np.float32)
    weights = np.zeros((*padded.shape[:2], 1), np.float32)
    for top in tops:
        down = slice(top, top + tile_height)
        places = [(down, slice(left, left + tile_width)) for left in lefts]
        tiles = model.reconstruct(np.stack([padded[place] for place in places]))  # (n, h, w, C)
        for place, tile in zip(places, tiles, strict=True):
            total[place] += weight * tile
            weights[place] += weight
    return np.clip((total / weights)[:height, :width], 0, 1)


def _starts(size: int, tile: int) -> list[int]:
    """Return where tiles begin that cover `size` pixels and overlap by half or more."""
    n_tiles = 1 + math.ceil((size - tile) / max(1, tile // 2))
    return [round(start) for start in np.linspace(0, size - tile, n_tiles)]
