"""A few hundred of the malformed files of `benchmarks.fuzz`: read, or refused in a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.malformed.readers import READERS
from benchmarks.workers.malformed import MOST_BOMBS, malformed, outcome

N_INPUTS = 20
NETWORKS = ("denoised pictures", "settings", "model.keras", "checkpoint", "density", "codes")
HUGE = ("huge pictures",)


@pytest.mark.parametrize("reader", [name for name in READERS if name not in NETWORKS + HUGE])
def test_malformed_files_are_read_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))
    results = []
    for number in range(MOST_BOMBS, MOST_BOMBS + N_INPUTS):
        file, content = malformed(reader, number)
        found = outcome(reader, file, content, tmp_path / str(number))
        assert found["result"] in ("read", "refused"), (number, found)
        results.append(found["result"])
    assert len(results) == N_INPUTS


def test_an_input_is_the_same_in_every_run() -> None:
    first, again = (malformed("zip", 1234) for _ in range(2))
    assert first == again
    assert first != malformed("zip", 1235)
    whole = READERS["zip"].files()
    assert first[1] not in whole.values()
