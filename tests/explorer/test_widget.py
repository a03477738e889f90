"""The widget's traits are what Keras has, and follow what Python sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zscape
from tests.explorer.payloads import unpack
from zscape.errors import DataError
from zscape.runs import load_run


def test_code_and_image_are_readable_and_follow_each_other(
    trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load_run(trained.two)
    explorer = zscape.Explorer(trained.two, n=10)
    assert len(explorer.code) == 2
    np.testing.assert_allclose(
        explorer.image, run.model.decode(np.array([explorer.code]))[0], atol=1e-6
    )
    explorer.set_state({"code": [0.5, -1.0]})  # as the browser does
    np.testing.assert_allclose(
        explorer.image, run.model.decode(np.array([[0.5, -1.0]]))[0], atol=1e-6
    )
    for wrong in ([1.0], [1.0, float("nan")]):
        with pytest.raises(DataError, match="expected 2 finite numbers"):
            explorer.code = wrong
    assert explorer.code == [0.5, -1.0]

    sent: list[Any] = []
    monkeypatch.setattr(explorer, "send", lambda content, buffers: sent.append(buffers))
    explorer._handle_custom_msg("begin", [])
    ((payload, wasm),) = sent
    assert unpack(payload)[0]["nImages"] <= 10
    assert wasm[:2] == b"\x1f\x8b"  # gzip
    held = len(str(explorer.get_state()))
    assert held < 300_000  # what a notebook would keep of it
