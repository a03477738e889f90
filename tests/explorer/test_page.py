"""One file holds the whole page, and stays within its size."""

from __future__ import annotations

import base64
import gzip
import re

import numpy as np
import pytest

from zscape.errors import ConfigError
from zscape.explorer.engine import pack
from zscape.explorer.page import one_file_page


def test_everything_is_inside_and_nothing_is_fetched() -> None:
    page = one_file_page(b"payload of a run")
    held = dict(re.findall(r'<script type="text/plain" id="zscape-([^"]+)">([^<]+)<', page))
    assert gzip.decompress(base64.b64decode(held["payload"])) == b"payload of a run"
    assert gzip.decompress(base64.b64decode(held["ort.wasm"])).startswith(b"\0asm")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"(?!data:)", page)
    assert page.count("</script") == 3  # none inside of the program ends it early


def noise(n_images: int, n_bytes: int = 0) -> bytes:
    """Return a payload of images of 10 kB that cannot be compressed, and a network."""
    rng = np.random.default_rng(0)
    arrays = {
        "images": rng.integers(0, 256, (n_images, 100, 100, 1), np.uint8),
        "codes": rng.normal(size=(n_images, 2)).astype(np.float32),
        "decoder": rng.integers(0, 256, n_bytes, np.uint8),
    }
    return pack({}, arrays)


def test_a_page_beyond_25_megabytes_is_refused_with_a_number_of_images_that_fits() -> None:
    with pytest.raises(ConfigError, match="MB, more than 25") as refused:
        one_file_page(noise(3000))
    assert "than 3,000" in str(refused.value)
    n = int(re.findall(r"`n=(\d+)` fits", str(refused.value))[0])
    assert len(one_file_page(noise(n))) > 22_000_000  # it is not refused, and not far below


def test_a_page_whose_networks_are_too_large_is_to_be_served() -> None:
    with pytest.raises(ConfigError, match=r"networks alone are too large .* leave out `html`"):
        one_file_page(noise(10, 17_000_000))
