"""What `zscape cluster check` finds, with a real Ray and with answers as machines would give."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Zscape
from zscape.cluster.nodes import Answer
from zscape.jobs import cluster_check
from zscape.jobs.cluster_check import Finding, can_train, check_cluster
from zscape.reporter import Reporter

HERE = cluster_check._versions()
GOOD = {
    "host": "far",
    "versions": HERE,
    "memory": 8 * 2**30,
    "has_folder": True,
    "has_token": True,
    "cache": "/cache",
    "free_disk": 9 * 2**30,
    "can_write_cache": True,
}


def judged(clock: float = 0.01, token: str = "token", **changes: Any) -> dict[str, Finding]:
    answer = Answer("10.0.0.2", {"CPU": 4.0}, {**GOOD, **changes}, clock)
    return {found.what: found for found in cluster_check._judge(answer, HERE, token)}


def test_a_machine_as_it_should_be() -> None:
    found = judged()
    assert {finding.verdict for finding in found.values()} == {"good"}
    assert {finding.remedy for finding in found.values()} == {""}
    assert found["hardware"].machine == "far (10.0.0.2)"
    assert found["hardware"].found == "4 cores, 0 GPUs, 8 GiB"
    assert found["clock"].found == "+0.010 s to this machine"


@pytest.mark.parametrize(
    ("what", "verdict", "text", "changes"),
    [
        ("hardware", "warning", "1 GiB", {"memory": 2**30}),
        ("versions", "bad", f"keras 1.0 (here {HERE['keras']})",
         {"versions": {**HERE, "keras": "1.0"}}),
        ("versions", "bad", "jax missing", {"versions": {**HERE, "jax": "missing"}}),
        ("clock", "warning", "-7.500 s", {"clock": -7.5}),
        ("folder", "bad", "there is no", {"has_folder": False, "has_token": False}),
        ("folder", "warning", "another one there", {"has_token": False}),
        ("folder", "warning", "cannot be written", {"has_token": False, "token": ""}),
        ("cache", "warning", "1 GiB free for /cache", {"free_disk": 2**30}),
        ("cache", "warning", "cannot be written", {"can_write_cache": False}),
    ],
)  # fmt: skip
def test_what_is_wrong_has_a_remedy(
    what: str, verdict: str, text: str, changes: dict[str, Any]
) -> None:
    found = judged(**changes)
    assert found[what].verdict == verdict
    assert text in found[what].found
    assert found[what].remedy
    others = [finding for finding in found.values() if finding.what != what]
    assert {finding.verdict for finding in others} == {"good"}
    assert can_train(list(found.values())) == (verdict != "bad")


def test_a_machine_that_does_not_answer() -> None:
    answer = Answer("10.0.0.3", {}, reason="No module named 'zscape'")
    (finding,) = cluster_check._judge(answer, HERE, "token")
    assert (finding.machine, finding.verdict) == ("10.0.0.3", "bad")
    assert finding.found == "No module named 'zscape'"


def test_nobody_at_the_address(zscape: Zscape) -> None:
    assert (
        "no Ray cluster can be joined at 127.0.0.1:9"
        in zscape("cluster", "check", "127.0.0.1:9").error
    )


def test_another_action(zscape: Zscape) -> None:
    assert 'Did you mean "check"' in zscape("cluster", "chek").error


@pytest.mark.parametrize(("verdict", "status"), [("good", 0), ("warning", 0), ("bad", 2)])
def test_the_status_says_whether_it_can_train(
    zscape: Zscape, monkeypatch: pytest.MonkeyPatch, verdict: Any, status: int
) -> None:
    finding = Finding("far (10.0.0.2)", "clock", verdict, "+9.000 s to this machine", "set it")
    monkeypatch.setattr(cluster_check, "check_cluster", lambda address, reporter: [finding])
    done = zscape("cluster", "check")
    assert done.status == status
    assert done.out.splitlines() == [
        "far (10.0.0.2)",
        f"  {verdict:<8} clock     +9.000 s to this machine; set it",
    ]
    told = json.loads(zscape("cluster", "check", "--json").out)
    assert told["can_train"] == (status == 0)
    assert told["findings"] == [vars(finding)]


@pytest.mark.parametrize("flag", ["-v", "--verbose"])
def test_the_log_of_ray_is_asked_for(
    zscape: Zscape, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    monkeypatch.setenv("ZSCAPE_VERBOSE", "")  # so that it is as before afterwards
    monkeypatch.delenv("ZSCAPE_VERBOSE")
    seen: list[str | None] = []

    def check(address: str | None, reporter: Reporter) -> list[Finding]:
        seen.append(os.environ.get("ZSCAPE_VERBOSE"))
        return []

    monkeypatch.setattr(cluster_check, "check_cluster", check)
    zscape("cluster", "check")
    zscape("cluster", flag, "check")
    assert seen == [None, "1"]


@pytest.mark.slow
@pytest.mark.xdist_group("ray")
@pytest.mark.filterwarnings("ignore:.use_\\w+. is deprecated")  # Ray's own use of it
def test_this_machine_trains_in_two_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = {finding.what: finding for finding in check_cluster(None, reporter=Reporter())}
    assert list(found) == ["hardware", "versions", "clock", "folder", "cache", "training"]
    for what in ("versions", "folder", "training"):
        assert found[what].verdict == "good", found[what]
    assert found["training"].found.startswith("2 processes on ")
    assert "loss 0." in found["training"].found
    assert list(tmp_path.iterdir()) == []
