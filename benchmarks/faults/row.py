"""One line of the table of faults: what was provoked, how often it held, out of how many."""

from typing import NamedTuple


class Row(NamedTuple):
    """One kind of fault."""

    what: str
    held: int
    of: int
    note: str
