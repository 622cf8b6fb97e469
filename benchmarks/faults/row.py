"""One line of the table of faults."""

from typing import NamedTuple


class Row(NamedTuple):
    """How often the program held against a fault."""

    what: str
    held: int
    of: int
    note: str
