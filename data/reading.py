"""Many files read at once, and everything that is wrong with them said in one go."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from data.findings import EntryError, Finding, Report, refuse, report_all

Result = TypeVar("Result")
BLOCK = 64  # rows that a thread takes at once, at most

READ_THREADS = 8  # header reads wait for the disk, above all for a network disk


def map_files(function: Callable[..., Result], *columns: Iterable[Any]) -> list[Result]:
    """Call a function on every row of `columns` in threads, as it waits for the disk.

    Threads take many rows at once where there are many: to hand one over takes longer than to read a header.
    """
    rows = list(zip(*columns, strict=False))  # as long as the shortest
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
