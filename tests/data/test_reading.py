import threading
from collections.abc import Iterator

import pytest

import data.reading
from data.reading import map_files

HERE = threading.get_ident()


def run(seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool]]:
    """Map 1,000 rows by a clock that goes on by so many seconds with each, and tell which were read in this thread."""
    times: Iterator[float] = (row * seconds for row in range(10**6))
    monkeypatch.setattr(data.reading, "perf_counter", lambda: next(times))
    return map_files(lambda row: (row, threading.get_ident() == HERE), range(1000))


@pytest.mark.parametrize(("seconds", "alone"), [(0.00001, 1000), (0.000103, 250), (0.01, 4), (1.0, 2)])
def test_threads_take_over_as_soon_as_files_take_long(
    seconds: float, alone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(seconds, monkeypatch)
    assert [row for row, _ in found] == list(range(1000))
    assert [here for _, here in found] == [True] * alone + [False] * (1000 - alone)


def test_a_disk_that_becomes_slow_is_noticed_within_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([row * 1e-5 for row in range(602)] + [1.0 + row for row in range(1000)])  # read in 10 us, then in 1 s
    monkeypatch.setattr(data.reading, "perf_counter", lambda: next(times))
    found = map_files(lambda row: (row, threading.get_ident() == HERE), range(1000))
    assert sum(here for _, here in found) == 603
    assert [row for row, _ in found] == list(range(1000))


def test_one_long_row_is_no_slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([row * 1e-5 for row in range(300)] + [1.0 + row * 1e-5 for row in range(1000)])
    monkeypatch.setattr(data.reading, "perf_counter", lambda: next(times))
    assert all(here for _, here in map_files(lambda row: (row, threading.get_ident() == HERE), range(1000)))


def test_rows_end_with_the_shortest_column() -> None:
    assert map_files(lambda left, right: left + right, [1, 2, 3], [10, 20]) == [11, 22]
    assert map_files(len, []) == []
