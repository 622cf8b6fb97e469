"""Many files read at once, and everything that is wrong with them said in one go."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any, TypeVar

from data.findings import EntryError, Finding, Report, refuse, report_all

Result = TypeVar("Result")

READ_THREADS = 8  # of what waits for the disk, above all for a network disk, or decodes
BLOCK = 64  # rows that a thread takes at once, at most
ALONE = 256  # rows that are to take less than this many seconds but for the longest, or threads take over
PATIENCE = 0.0256


def map_files(function: Callable[..., Result], *columns: Iterable[Any]) -> list[Result]:
    """Call a function on every row of `columns`, in threads as soon as that takes long.

    What the system has in memory is read in a few microseconds, and threads would only wait for Python's lock: they
    took four times as long for the headers of 60,000 images.
    """
    rows = list(zip(*columns, strict=False))  # as long as the shortest
    results: list[Result] = []
    spent = longest = 0.0
    now = perf_counter()
    for index, row in enumerate(rows, start=1):
        results.append(function(*row))
        before, now = now, perf_counter()
        spent, longest = spent + now - before, max(longest, now - before)
        if spent - longest > PATIENCE:  # the longest may have been Python's, which collects garbage in between
            return results + _map_in_threads(function, rows[index:])
        if index % ALONE == 0:
            spent = longest = 0.0
    return results


def _map_in_threads(function: Callable[..., Result], rows: Sequence[tuple[Any, ...]]) -> list[Result]:
    """Let each thread take many rows at once where there are many: to hand one over takes a while too."""
    count = max(1, min(BLOCK, len(rows) // (4 * READ_THREADS)))

    def call(start: int) -> list[Result]:
        return [function(*row) for row in rows[start : start + count]]

    with ThreadPoolExecutor(READ_THREADS) as pool:
        return [result for block in pool.map(call, range(0, len(rows), count)) for result in block]


def read_all(
    read: Callable[..., Result], *columns: Iterable[Any], source: str, report: Report = refuse
) -> list[Result | None]:
    """Call `read` on every row of `columns` in threads.

    Args:
        read: raises `data.findings.fault` for a bad file.
        columns: its arguments.
        source: what lists the files.
        report: takes the faults.

    Returns:
        What came of each row, in their order; None where a file is bad and `report` let it pass.

    Raises:
        InputError: naming `source`, how many files are bad, and the first three, if `report` refuses one.
    """

    def attempt(*row: Any) -> Result | Finding:
        try:
            return read(*row)
        except EntryError as error:
            return error.finding

    results = map_files(attempt, *columns)
    faults = [result for result in results if isinstance(result, Finding)]
    report_all(faults, report=report, summary=f"{source}: {len(faults)} of {len(results)} files cannot be used")
    return [None if isinstance(result, Finding) else result for result in results]
