"""The operators of an exported file, listed and counted."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.files import write_text


class Operator(NamedTuple):
    """One operator of a file."""

    name: str  # of the node, as the file has it
    type: str  # "Conv"
    dtype: str  # in which it computes: "float32", "float16", "int8"; "" where that says nothing
    shape: tuple[int | None, ...]  # of its first output; None for a side that is open
    madds: int = 0  # multiply-adds of a convolution or product


def integer_share(operators: Sequence[Operator]) -> float:
    """Return the share of multiply-adds that are computed in integers, 0 to 1."""
    total = sum(operator.madds for operator in operators)
    return sum(operator.madds for operator in operators if "int" in operator.dtype) / total if total else 0.0


def write_operators(operators: Sequence[Operator], path: Path) -> None:
    """Write a row for each kind of operator: how many, in which type, how many with open dimensions."""
    counts = Counter((operator.type, operator.dtype) for operator in operators)
    free = Counter((operator.type, operator.dtype) for operator in operators if None in operator.shape)
    madds: Counter[tuple[str, str]] = Counter()
    for operator in operators:
        madds[operator.type, operator.dtype] += operator.madds
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["operator", "type", "count", "with dynamic dimensions", "multiply-adds"])
    for key, count in sorted(counts.items()):
        writer.writerow([*key, count, free[key], madds[key]])
    write_text(path, table.getvalue())
