"""One file holds the whole page, and stays within its size."""

from __future__ import annotations

import base64
import gzip
import re

import numpy as np
import pytest

from zscape.errors import ConfigError
from zscape.explorer.page import one_file_page


def test_everything_is_inside_and_nothing_is_fetched() -> None:
    page = one_file_page(b"payload of a run")
    held = dict(re.findall(r'<script type="text/plain" id="zscape-([^"]+)">([^<]+)<', page))
    assert gzip.decompress(base64.b64decode(held["payload"])) == b"payload of a run"
    assert gzip.decompress(base64.b64decode(held["ort.wasm"])).startswith(b"\0asm")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=\"(?!data:)", page)
    assert page.count("</script") == 3  # none inside of the program ends it early


def test_a_page_beyond_25_megabytes_is_refused() -> None:
    noise = np.random.default_rng(0).bytes(17_000_000)
    with pytest.raises(ConfigError, match="MB, more than 25"):
        one_file_page(noise)
