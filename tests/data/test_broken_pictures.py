"""Whatever a file holds, reading it gives a picture or says in a few words why not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zscape.data.decode import Rendering, decode_picture
from zscape.data.load import load_images
from zscape.data.pictures import UnreadablePictureError, quiet_pillow
from zscape.settings import Fit, PictureConfig

SHAPE = (8, 8, 3)


def sample(kind: str) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


SAMPLES = {kind: sample(kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")}


def read_or_refuse(content: bytes, fit: Fit = "crop") -> bool:
    """Return whether the content could be read; anything but a clear refusal raises."""
    message = ""
    try:
        with quiet_pillow():
            image = decode_picture(io.BytesIO(content), SHAPE, Rendering(fit))[0]
    except UnreadablePictureError as error:
        message = str(error) if error.reason else "\n"
    assert "\n" not in message
    if message:
        return False
    assert image.shape == SHAPE
    assert image.dtype == np.uint8
    return True


@pytest.mark.parametrize("kind", SAMPLES)
def test_files_cut_off_anywhere(kind: str) -> None:
    content = SAMPLES[kind]
    assert read_or_refuse(content)
    step = max(1, len(content) // 60)
    outcomes = [read_or_refuse(content[:end]) for end in range(0, len(content), step)]
    assert not any(outcomes[: len(outcomes) // 2])


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAMPLES)
@settings(max_examples=150)
@given(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=8))
def test_files_with_wrong_bytes(kind: str, changes: list[tuple[float, int]]) -> None:
    content = bytearray(SAMPLES[kind])
    for place, value in changes:
        content[int(place * len(content))] = value
    read_or_refuse(bytes(content))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAMPLES)
@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_rubbish_after_a_true_beginning(kind: str, rubbish: bytes) -> None:
    read_or_refuse(SAMPLES[kind][:24] + rubbish)


@settings(max_examples=60)
@given(
    st.integers(1, 300), st.integers(1, 300),
    st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "I;16"]),
    st.sampled_from(["crop", "pad", "stretch"]),
)  # fmt: skip
def test_every_size_and_mode(width: int, height: int, mode: str, fit: Fit) -> None:
    content = io.BytesIO()
    Image.new(mode, (width, height)).save(content, "png")
    assert read_or_refuse(content.getvalue(), fit)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_thread_of_pixels(fit: Fit) -> None:
    for size in ((5000, 1), (1, 5000)):
        content = io.BytesIO()
        Image.new("RGB", size).save(content, "png")
        assert read_or_refuse(content.getvalue(), fit)


def test_a_folder_of_broken_files_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "in"
    root.mkdir()
    for kind, content in SAMPLES.items():
        ending = kind.lower()
        (root / f"whole.{ending}").write_bytes(content)
        (root / f"wrong-name-{ending}.jpg").write_bytes(content)
        (root / f"cut.{ending}").write_bytes(content[: len(content) // 3])
        (root / f"none.{ending}").write_bytes(b"")
        (root / f"zeros.{ending}").write_bytes(bytes(5000))
    found = load_images(root, pictures=PictureConfig(size=8))
    assert found.names is not None
    assert len(found.names) == 2 * len(SAMPLES)
    assert len(found.skipped) == 3 * len(SAMPLES)
    assert all(item.reason for item in found.skipped)
