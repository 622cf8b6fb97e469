"""Tables of numbers, as loggers write them, that may be anything."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from data.bounded.content import read_content
from data.errors import InputError

MOST_BYTES = 2**26  # a million steps of what a run logs
MOST_COLUMNS = 1000
MOST_CELLS = 2_000_000


def read_rows(path: Path) -> Iterator[dict[str, str | None]]:
    """Yield the rows of a CSV file by the names in its first one.

    Raises:
        InputError: if it cannot be read, or holds too much.
    """
    try:
        text = read_content(path, most=MOST_BYTES).decode(errors="replace")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        columns = len(rows.fieldnames or ())
        if columns > MOST_COLUMNS:
            raise ValueError(f"{columns} columns; expected at most {MOST_COLUMNS}")
        for number, row in enumerate(rows, start=1):
            if number * columns > MOST_CELLS:
                raise ValueError(f"more than {MOST_CELLS:,} cells; expected at most as many")
            row.pop(None, None)  # what stands behind the last column
            yield row
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: not readable ({error}); expected a table as a run logs it") from error
