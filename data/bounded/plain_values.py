"""Plain values out of a file that may be anything: lists and dicts that may hold themselves."""

from data.bounded.content import BoundError

MOST_LEVELS = 50
MOST_VALUES = 1_000_000


def check_plain(values: object) -> None:
    """Check that values end: that they are not nested too deep, nor hold themselves.

    Raises:
        BoundError: if they do not.
    """
    waiting, seen = [(values, 1)], 0
    while waiting:
        value, level = waiting.pop()
        seen += 1
        inner: list[object] = []
        if isinstance(value, dict):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            inner = list(value)
        if inner and level >= MOST_LEVELS:
            raise BoundError(f"nested more than {MOST_LEVELS} levels deep, or inside themselves")
        if seen + len(waiting) + len(inner) > MOST_VALUES:
            raise BoundError(f"more than {MOST_VALUES:,} values; expected at most as many")
        waiting += [(each, level + 1) for each in inner]
