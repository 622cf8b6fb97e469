"""Names of classes with the values or colours that they have in masks: as configured, or from a file beside them."""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from data.bounded.content import read_content
from data.bounded.json_values import parse_json
from data.bounded.text import strip_mark
from data.classes import Color
from data.errors import InputError

ROBOFLOW = "_classes.csv"  # beside masks: value, name
HEAD = "name,red,green,blue"
EXPECTED = "expected for each class its name with a value from 0 to 65535, or with red, green, blue from 0 to 255"

Codes = dict[str, int | Color]


def parse_code(value: object, field: str) -> int | Color:
    """Return a value from 0 to 65535 or a colour.

    Raises:
        InputError: naming the field, if it is neither.
    """
    if type(value) is int and 0 <= value < 2**16:
        return value
    if isinstance(value, list | tuple) and len(value) == 3 and all(type(v) is int and 0 <= v < 256 for v in value):
        return value[0], value[1], value[2]
    raise InputError(f"{field}: {value!r}; {EXPECTED}")


def parse_codes(entries: object, field: str) -> Codes:
    """Check names with their values or their colours.

    Raises:
        InputError: naming the field, if there are none, they are of another form, or two have the same.
    """
    if not isinstance(entries, dict) or not entries:
        raise InputError(f"{field}: {entries!r}; {EXPECTED}")
    codes = {str(name): parse_code(value, f"{field}: {name}") for name, value in entries.items()}
    if len(set(codes.values())) < len(codes) or len({type(code) for code in codes.values()}) > 1:
        raise InputError(f"{field}: {codes}; expected values or colours alone, each once")
    return codes


def read_file(root: Path, beside: Sequence[Path]) -> Codes | list[str] | None:
    """Read the classes file of a data set: names with their values or colours, or names alone; None without one.

    Args:
        root: folder of the data set, with one of `FILES`.
        beside: folders of the masks, where Roboflow's file is.

    Raises:
        InputError: if it holds anything else.
    """
    places = [root / name for name in FILES] + [folder / ROBOFLOW for folder in beside]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return None
    try:
        entries = FILES[path.name](strip_mark(read_content(path)).decode())
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read ({error}); {EXPECTED}") from error
    if isinstance(entries, list) and entries and all(isinstance(name, str) for name in entries):
        return entries
    return parse_codes(entries, str(path))


def parse_rows(text: str, *, value_first: bool = False) -> dict[str, Any] | list[str]:
    """Read rows separated by commas or spaces: name, red, green, blue, or name, value, or names alone.

    Args:
        text: of the file.
        value_first: whether it has value, name; else a row that begins with a number is one where no number follows.

    Raises:
        ValueError: naming the row that is none of these.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    rows = [[row[0], *row[1].split()] if len(row) == 2 and len(row[1].split()) == 3 else row for row in rows]
    if all(len(row) == 1 for row in rows):
        rows = [row[0].rsplit(maxsplit=3) for row in rows]
        if not all(len(row) == 4 and all(cell.isdecimal() for cell in row[1:]) for row in rows):
            return parse_lines(lines)
    if rows and not any(cell.isdecimal() for cell in rows[0]):
        rows = rows[1:]  # the heads of the columns
    rows = [row[::-1] if len(row) == 2 and (value_first or _begins_with_value(row)) else row for row in rows]
    for row in rows:
        if len(row) not in (2, 4) or not all(cell.isdecimal() for cell in row[1:]):
            raise ValueError(f"row {', '.join(row)!r}")
    names = [row[0] for row in rows]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"{twice!r} appears twice")
    return {row[0]: int(row[1]) if len(row) == 2 else [int(cell) for cell in row[1:]] for row in rows}


def parse_labelmap(text: str) -> dict[str, Any] | list[str]:
    """Read the rows of CVAT, name:red,green,blue:parts:actions; names alone where none has a colour.

    Raises:
        ValueError: naming the row that is of another form.
    """
    rows = [line.split(":") for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if rows and all(len(row) > 1 and not row[1].strip() for row in rows):
        return [row[0].strip() for row in rows]
    return parse_rows("\n".join([HEAD, *(",".join(row[:2]) for row in rows)]))


def parse_label_colors(text: str) -> dict[str, Any] | list[str]:
    """Read the rows of CamVid, red green blue name.

    Raises:
        ValueError: naming the row that is of another form.
    """
    rows = [line.split(maxsplit=3) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return parse_rows("\n".join([HEAD, *(",".join([*row[3:], *row[:3]]) for row in rows)]))


def _begins_with_value(row: Sequence[str]) -> bool:
    """Tell whether a row of two is a number and a name."""
    return row[0].isdecimal() and not row[1].isdecimal()


def parse_lines(lines: Sequence[str]) -> list[str]:
    """Return lines that are names alone.

    Raises:
        ValueError: if all of them end, or begin, with a number: they may be names with values as well.
    """
    names = [line.strip() for line in lines]
    for place in (0, -1):
        if all(len(fields := name.split()) > 1 and fields[place].isdecimal() for name in names):
            shown = "a comma between names and values, or JSON for names that hold numbers"
            raise ValueError(f"{names[0]!r} may be a name and a value, or a name alone: write {shown}")
    return names


FILES: dict[str, Callable[[str], object]] = {  # in a data set's folder, the first that is there
    "classes.json": lambda text: parse_json(text.encode()),
    "classes.csv": parse_rows,
    "classes.txt": parse_rows,
    "labelmap.txt": parse_labelmap,  # CVAT's segmentation masks
    "label_colors.txt": parse_label_colors,  # CamVid's, and CVAT's in its form
    "class_dict.csv": parse_rows,  # CamVid's on Kaggle
    "class_mapping.csv": parse_rows,  # V7's
    "class_names.txt": parse_rows,  # labelme's
    "colors.txt": parse_rows,  # Supervisely's
    ROBOFLOW: partial(parse_rows, value_first=True),
}
