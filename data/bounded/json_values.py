"""JSON that may be anything: its nesting is bounded before it is parsed, so that no stack overflows."""

import codecs
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from data.bounded.content import MOST_BYTES, BoundError, read_content
from data.bounded.text import strip_mark
from data.errors import InputError

MOST_LEVELS = 50  # of lists and objects inside one another
MOST_INTEGER = 2**63
OTHERS = bytes(sorted(set(range(256)) - set(b'[]{}"')))  # what says nothing of nesting
STEPS = np.zeros(256, dtype=np.int8)  # that a byte outside of strings goes down or up
STEPS[list(b"[{")], STEPS[list(b"]}")] = 1, -1
PIECE = 2**22  # bytes that are looked at at once
BACKSLASHES = re.compile(rb"\\*")

Kind = TypeVar("Kind")


def parse_json(content: bytes, *, finite: bool = True) -> Any:
    """Parse JSON.

    Args:
        content: UTF-8, or UTF-16 with its mark.
        finite: whether NaN, infinities, and integers beyond 64 bits, of which nothing can be computed, are refused.

    Raises:
        ValueError: if it is none, or nested too deep.
    """
    content = strip_mark(content)
    check_levels(content)
    text = content.decode()
    try:
        if finite:
            return json.loads(text, parse_constant=refuse, parse_float=to_finite, parse_int=to_integer)
        return json.loads(text)
    except RecursionError as error:  # where quotes do not close, levels cannot be counted
        raise BoundError("nested too deep") from error


def parse_typed(content: bytes | msgspec.Raw, kind: type[Kind]) -> Kind:
    """Parse JSON into msgspec's types, many times as fast as `parse_json`; fields that they do not name are skipped.

    What is accepted is what `parse_json` accepts, and means the same, but for integers of over 4,300 digits in skipped
    fields, which Python refuses. Not accepted are values of other types, NaN, and halves of characters.

    Args:
        content: UTF-8 or UTF-16 with its mark; or a part of such content that was parsed before.
        kind: `msgspec.Struct`, or what is made of it; a `msgspec.Raw` in it is a part that is not parsed yet.

    Raises:
        ValueError: if it is none, nested too deep, or not accepted.
    """
    if isinstance(content, bytes):
        content = strip_mark(content)
        check_levels(content)
        check_text(content)
    try:
        return msgspec.json.decode(content, type=kind)
    except RecursionError as error:  # where quotes do not close, levels cannot be counted
        raise BoundError("nested too deep") from error


def check_text(content: bytes) -> None:
    """Check that content is UTF-8, without a copy of it.

    Raises:
        ValueError: if it is not.
    """
    if not content.isascii():
        decoder = codecs.getincrementaldecoder("utf-8")()
        for start in range(0, len(content), PIECE):
            decoder.decode(content[start : start + PIECE])
        decoder.decode(b"", final=True)


def check_levels(content: bytes) -> None:
    """Check that lists and objects do not stand too deep inside one another.

    Raises:
        BoundError: if they do.
    """
    levels = count_levels(content)
    if levels > MOST_LEVELS:
        raise BoundError(f"nested {levels} levels deep; expected at most {MOST_LEVELS}")


def count_levels(content: bytes) -> int:
    """Return how deep the lists and objects of a JSON text stand inside one another."""
    most = level = quotes = 0
    for part in split(content):
        signs = np.frombuffer(part.translate(None, OTHERS), dtype=np.uint8)
        seen = np.cumsum(signs == ord('"'), dtype=np.int64) + quotes
        levels = np.cumsum(np.where(seen % 2, 0, STEPS[signs]), dtype=np.int64) + level  # an odd quote opens a string
        if len(signs):
            most, level, quotes = max(most, int(levels.max())), int(levels[-1]), int(seen[-1])
    return most


def split(content: bytes) -> Iterator[bytes]:
    """Yield a JSON text piece by piece, so that no copy of it is as long, and without what a backslash escapes."""
    escaped, start = b"\\" in content, 0
    while start < len(content):
        end = start + PIECE
        if escaped and content[end - 1 : end] == b"\\":
            end = BACKSLASHES.match(content, end).end() + 1  # type: ignore[union-attr]  # it matches nothing, too
        part = content[start:end]
        yield re.sub(rb"\\.", b"", part, flags=re.DOTALL) if escaped else part
        start = end


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
