"""The operators of an exported file, listed and counted."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
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


def find_types(layers: Mapping[str, int], operators: Sequence[Operator], *, floats: Collection[str]) -> dict[str, str]:
    """Return the type that a file computes each layer in, as its operators say; "" where they do not tell.

    Operators bear the names of their layers. Where a format keeps none, those of a layer's multiply-adds are its own:
    they tell if all are of one type, or if as many are in integers as layers of that size should be.

    Args:
        layers: name -> multiply-adds.
        operators: of the file.
        floats: names of the layers that should be in float.
    """
    weighed = [operator for operator in operators if operator.madds]
    by_name = {find_owner(operator.name, layers): operator.dtype for operator in weighed}
    found = {name: by_name[name] for name in layers if name in by_name}
    for name, madds in layers.items():
        if name in found:
            continue
        alike = [other for other, own in layers.items() if own == madds]
        types = Counter(operator.dtype for operator in weighed if operator.madds == madds)
        integers = sum(other not in floats for other in alike)
        told = {"int" in dtype: dtype for dtype in types}  # one of integers, one of floats
        counted = sum(count for dtype, count in types.items() if "int" in dtype)
        mixed = len(types) == 2 and types.total() == len(alike) and counted == integers
        found[name] = told.get(name not in floats, "") if mixed else next(iter(types)) if len(types) == 1 else ""
    return found


def find_owner(operator: str, layers: Collection[str]) -> str:
    """Return the layer that an operator's name begins with, "backbone.stem.conv/Conv"; "" for none."""
    name = re.split(r"[/;]", operator.removeprefix("__module."))[0]
    return name if name in layers else ""


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
