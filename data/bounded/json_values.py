"""JSON that may be anything: its nesting is bounded before it is parsed, so that no stack overflows."""

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from data.bounded.content import MOST_BYTES, BoundError, read_content
from data.bounded.text import strip_mark
from data.errors import InputError

MOST_LEVELS = 50  # of lists and objects inside one another
MOST_INTEGER = 2**63
OTHERS = bytes(sorted(set(range(256)) - set(b'[]{}"')))  # what says nothing of nesting


def parse_json(content: bytes, *, finite: bool = True) -> Any:
    """Parse JSON.

    Args:
        content: UTF-8, or UTF-16 with its mark.
        finite: whether NaN, infinities, and integers beyond 64 bits, of which nothing can be computed, are refused.

    Raises:
        ValueError: if it is none, or nested too deep.
    """
    content = strip_mark(content)
    levels = count_levels(content)
    if levels > MOST_LEVELS:
        raise BoundError(f"nested {levels} levels deep; expected at most {MOST_LEVELS}")
    text = content.decode()
    try:
        if finite:
            return json.loads(text, parse_constant=refuse, parse_float=to_finite, parse_int=to_integer)
        return json.loads(text)
    except RecursionError as error:  # where quotes do not close, levels cannot be counted
        raise BoundError("nested too deep") from error


def count_levels(content: bytes) -> int:
    """Return how deep the lists and objects of a JSON text stand inside one another."""
    if b"\\" in content:
        content = re.sub(rb"\\.", b"", content, flags=re.DOTALL)
    brackets = re.sub(rb'"[^"]*"', b"", content.translate(None, OTHERS))
    signs = np.frombuffer(brackets, dtype=np.uint8)
    steps = np.where((signs == ord("[")) | (signs == ord("{")), 1, -1)
    return int(np.cumsum(steps, dtype=np.int64).max(initial=0))


def refuse(word: str) -> float:
    """Refuse NaN and the infinities, which JSON does not have.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{word} is no number of JSON")


def to_finite(text: str) -> float:
    """Return a number.

    Raises:
        ValueError: if it is beyond all that a computer has.
    """
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def to_integer(text: str) -> int:
    """Return an integer.

    Raises:
        ValueError: if it takes more than 64 bits.
    """
    if len(text) > 20 or abs(int(text)) >= MOST_INTEGER:
        raise ValueError(f"{text[:20]}... is too large a number" if len(text) > 20 else f"{text} is too large a number")
    return int(text)


def read_json(path: Path, *, expected: str, most: int = MOST_BYTES) -> Any:
    """Read a JSON file.

    Raises:
        InputError: naming the file, and saying what was expected.
    """
    try:
        return parse_json(read_content(path, most=most))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); {expected}") from error
