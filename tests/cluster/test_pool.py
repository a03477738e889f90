"""Processes that share chunks, with a real Ray and real deaths."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from zscape.cluster.connect import connected
from zscape.cluster.pool import Pool
from zscape.data.pictures import UnreadablePictureError
from zscape.errors import ClusterError, DataError
from zscape.hardware import n_cores
from zscape.reporter import Reporter

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]


class Told(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        self.lines.append(message)

    warn = say


def made() -> dict[str, int]:
    return {"pid": os.getpid(), "times": 0}


def counted(kept: dict[str, int], number: int) -> tuple[int, int, int]:
    kept["times"] += 1
    time.sleep(0.02 * (number % 3))  # so that they end in another order
    return number, kept["pid"], kept["times"]


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[None]:
    with connected(None, workers=3, reporter=Reporter()):
        yield


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def pool(ray: None, told: Told) -> Iterator[Pool[dict[str, int]]]:
    with Pool(made, workers=2, reporter=told) as pool:
        yield pool


def test_results_come_in_order_from_processes_that_open_once(
    pool: Pool[dict[str, int]], told: Told
) -> None:
    results = list(pool.map(counted, iter(range(40))))
    assert list(pool.map(counted, [])) == []
    assert [number for number, _, _ in results] == list(range(40))
    pids = {pid for _, pid, _ in results}
    assert os.getpid() not in pids
    for pid in pids:
        n_of = sum(p == pid for _, p, _ in results)
        assert sorted(times for _, p, times in results if p == pid) == [*range(1, 1 + n_of)]
    assert 1 <= len(pids) <= 2
    assert told.lines[0].startswith(("worker 1 of 2 joined on ", "worker 2 of 2 joined on "))


def test_few_items_are_under_way_at_a_time(pool: Pool[dict[str, int]]) -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(60):
            taken += 1
            yield number

    ahead = []
    for n_done, _ in enumerate(pool.map(counted, items())):
        ahead.append(taken - n_done)
    assert max(ahead) <= 9
    assert taken == 60


def test_a_reader_may_stop(pool: Pool[dict[str, int]]) -> None:
    results = pool.map(counted, range(100))
    assert next(results)[0] == 0
    results.close()  # type: ignore[attr-defined]
    assert [number for number, _, _ in pool.map(named, "abc")] == ["A", "B", "C"]


def named(kept: dict[str, int], letter: str) -> tuple[str, int, int]:
    return letter.upper(), 0, 0


def dying(kept: dict[str, int], item: tuple[int, Path]) -> int:
    number, folder = item
    if number % 7 == 3:
        try:
            (folder / str(number)).touch(exist_ok=False)
        except FileExistsError:
            return number
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_killed_workers_are_replaced_and_nothing_is_lost_or_double(
    pool: Pool[dict[str, int]], told: Told, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told.lines.clear()
    results = list(pool.map(dying, ((number, tmp_path) for number in range(20))))
    assert results == list(range(20))
    assert len(list(tmp_path.iterdir())) == 3
    left = [line for line in told.lines if " left, on " in line]
    assert len(left) == 3, told.lines
    assert left[0].endswith(": its process or machine ended")
    assert capfd.readouterr() == ("", "")


def test_a_worker_killed_from_outside(pool: Pool[dict[str, int]]) -> None:
    seen = []
    for number, pid, _ in pool.map(counted, range(12)):
        seen.append(number)
        if number == 4:
            os.kill(pid, signal.SIGKILL)
    assert seen == list(range(12))


def always_dying(kept: dict[str, int], number: int) -> int:
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_what_ends_every_worker_ends_in_one_line(pool: Pool[dict[str, int]]) -> None:
    seen: list[int] = []
    results = pool.map(always_dying, range(20), name=lambda number: f"part {number}")
    with pytest.raises(ClusterError, match=r"^part 5: 3 workers ended one after the") as error:
        seen.extend(results)
    assert seen == list(range(5))
    assert "\n" not in str(error.value)


def refusing(kept: dict[str, int], number: int) -> int:
    if number == 2:
        raise UnreadablePictureError(Path("x.png"), "it is empty")
    return number // (number - 4)


def test_errors_come_as_they_were_raised(pool: Pool[dict[str, int]]) -> None:
    with pytest.raises(DataError, match=r"^x.png cannot be read as a picture \(it is empty\)"):
        list(pool.map(refusing, [1, 2, 3]))
    with pytest.raises(ZeroDivisionError):
        list(pool.map(refusing, [4]))


def cores(kept: object, _: int) -> tuple[int, str]:
    return n_cores(), os.environ["OMP_NUM_THREADS"]


def test_each_has_one_core(pool: Pool[dict[str, int]]) -> None:
    assert list(pool.map(cores, [0])) == [(1, "1")]


def unmade() -> None:
    raise DataError("there is nothing; expected something.")


def dead() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def nothing(kept: None, item: int) -> None:
    return None


def test_what_cannot_be_opened_ends_in_one_line() -> None:
    with (
        Pool(unmade, workers=1, reporter=Reporter()) as pool,
        pytest.raises(DataError, match=r"^there is nothing; expected something.$"),
    ):
        list(pool.map(nothing, [1]))
    with (
        Pool(dead, workers=1, reporter=Reporter()) as pool,
        pytest.raises(ClusterError, match="worker 1 of 1 ended 3 times before it was ready"),
    ):
        list(pool.map(nothing, [1]))
