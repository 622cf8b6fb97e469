"""The JSON of COCO detection (https://cocodataset.org/#format-data) -> checked numpy arrays."""

import re
import reprlib
from collections.abc import Hashable, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from data.bounded.content import read_content
from data.bounded.json_values import parse_json
from data.classes import MOST_CLASSES, ClassTable
from data.errors import InputError
from data.findings import Finding, Report, fault, parse_all
from data.formats.foreign import recognise
from data.labels import ImageList

LISTS = ("images", "annotations", "categories")
MOST_BYTES = 2**31  # of the JSON; COCO's own has 450 MB
ID_LIMIT = 2**63  # ids are kept as int64
DIGITS = re.compile("[0-9]{1,19}")


def read_file(path: Path) -> bytes:
    """Read a COCO file.

    Raises:
        InputError: if it is missing, too large, or cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected COCO annotations in JSON")
    try:
        return read_content(path, most=MOST_BYTES)
    except (OSError, ValueError) as error:
        raise _no_json(path, error) from error


def _no_json(path: Path, error: Exception) -> InputError:
    """Return the error of a file that is no JSON."""
    return InputError(f"{path}: not JSON ({error}); expected COCO annotations in JSON")


def parse_lists(data: bytes, *, path: Path) -> dict[str, list[object]]:
    """Return a COCO file's three lists.

    Args:
        data: content of the file.
        path: the file, for the messages.

    Raises:
        InputError: if it is not JSON or is not COCO.
    """
    try:
        content = parse_json(data, finite=False)
    except ValueError as error:
        raise _no_json(path, error) from error
    whole = isinstance(content, dict) and all(key in content for key in LISTS)
    foreign = recognise(content["annotations"] if whole else content)
    if foreign is not None:
        raise InputError(f"{path}: holds {foreign.name}; {foreign.cure}")
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}; expected a dict with the lists {', '.join(LISTS)}")
    for key in LISTS:
        if not isinstance(content.get(key), list) or not (content[key] or key == "annotations"):
            raise InputError(f"{path}: {key} is missing, empty or not a list; expected the lists {', '.join(LISTS)}")
    return {key: content[key] for key in LISTS}


def parse_classes(entries: list[object], *, used: set[int | None], path: Path, report: Report) -> ClassTable:
    """Turn `categories` into a table sorted by id.

    Reports ids or names that are missing, of a wrong type or repeat.

    Args:
        entries: the categories.
        used: the ids of those that annotations have.
        path: the file, for the messages.
        report: takes what is wrong.
    """

    def parse(index: int, entry: object) -> tuple[int, str, str]:
        where = f"{path}: categories[{index}]"
        values = take_dict(entry, where)
        group = str(values.get("supercategory") or "")
        return take_integer(values, "id", where), take_string(values, "name", where), group

    if len(entries) > MOST_CLASSES:
        raise InputError(f"{path}: {len(entries)} categories; expected at most {MOST_CLASSES}")
    rows = [row for _, row in parse_all(parse, entries, report=report)]
    rows = leave_out_group(rows, used=used, path=path, report=report)
    for column, key in enumerate(("id", "name")):
        unique = keep_first([row[column] for row in rows], f"{path}: categories[].{key}", report=report)
        rows = [rows[i] for i in unique]
    if not rows:
        raise InputError(f"{path}: categories: none can be used; expected at least one")
    ids, names, groups = zip(*sorted(rows), strict=True)
    return ClassTable.create(names, ids, categories=groups)


def leave_out_group(
    rows: list[tuple[int, str, str]], *, used: set[int | None], path: Path, report: Report
) -> list[tuple[int, str, str]]:
    """Leave out the category that stands for all others: the supercategory of each, without boxes, as Roboflow adds.

    It may have the name of one of them, which then stays.
    """
    for index, (category_id, name, _) in enumerate(rows):
        others = rows[:index] + rows[index + 1 :]
        if {group for _, _, group in others} == {name} and category_id not in used:
            found = f"{name!r} (id {category_id}) has no boxes and is the supercategory of all others: left out"
            report(Finding("note", "category of categories", f"{path}: categories", found, "nothing to mend"))
            return others
    return rows


def parse_images(entries: list[object], *, path: Path, report: Report) -> ImageList:
    """Turn `images` into arrays.

    Reports missing keys, wrong types, and ids that stand twice. File names have / between folders, and may leave any.
    """

    def parse(index: int, entry: object) -> tuple[int, str, tuple[int, int] | None]:
        where = f"{path}: images[{index}]"
        values = take_dict(entry, where)
        image_id, name = take_integer(values, "id", where), take_string(values, "file_name", where)
        return image_id, PureWindowsPath(name).as_posix(), _size(values, where)

    rows = [row for _, row in parse_all(parse, entries, report=report)]
    rows = [rows[i] for i in keep_first([row[0] for row in rows], f"{path}: images[].id", report=report)]
    if not rows:
        raise InputError(f"{path}: images: none can be used; expected at least one")
    ids, names, sizes = zip(*rows, strict=True)
    warn_of_shared(ids, names, path=path, report=report)
    return ImageList(np.array(ids, dtype=np.int64), np.array(names), list(sizes))


def warn_of_shared(ids: Sequence[int], names: Sequence[str], *, path: Path, report: Report) -> None:
    """Report files that stand under several ids: each is an image of its own, without the boxes of the others."""
    first: dict[str, int] = {}
    rows = [(name, first.setdefault(name, image_id), image_id) for image_id, name in zip(ids, names, strict=True)]
    shared = tuple(f"{name}: ids {earlier} and {image_id}" for name, earlier, image_id in rows if earlier != image_id)
    if shared:
        found = f"{len(shared)} images share their file with another id (first: {shared[0]})"
        cure = "expected one id a file: each is a picture of its own now, in which the other's boxes are background"
        report(Finding("warning", "file under several ids", f"{path}: images", found, cure, shared))


def keep_first(values: Sequence[Hashable], field: str, *, report: Report) -> list[int]:
    """Return the positions of the values that did not stand before; reports those that did."""
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        first.setdefault(value, index)
    if len(first) < len(values):
        repeated = sorted({index for index, value in enumerate(values) if first[value] != index})
        found = f"holds {shorten([values[i] for i in repeated[:5]])} more than once"
        report(Finding("error", "repeated value", field, found, "expected unique values"))
    return list(first.values())


def _size(entry: dict[str, Any], where: str) -> tuple[int, int] | None:
    """Return (height, width), None unless the entry holds both."""
    if entry.get("height") is None or entry.get("width") is None:
        return None
    size = take_integer(entry, "height", where), take_integer(entry, "width", where)
    for side, value in zip(("height", "width"), size, strict=True):
        if value < 1:
            cure = "expected pixels, 1 or more; without height and width, those of the image are taken"
            raise fault("wrong value", f"{where}.{side}", str(value), cure)
    return size


def take_dict(entry: object, where: str) -> dict[str, Any]:
    """Return an entry that is a dict, or raise a fault."""
    if not isinstance(entry, dict):
        raise fault("wrong value", where, shorten(entry), "expected a dict")
    return entry


def take_integer(entry: dict[str, Any], key: str, where: str) -> int:
    """Return an entry's integer, or raise a fault."""
    value = to_integer(entry.get(key))
    if value is None:
        raise _wrong(entry, key, where, "expected an integer")
    return value


def to_integer(value: object) -> int | None:
    """Return the integer that a value is, also as VIA ("7") and pandas (7.0) write it; None for any other."""
    if isinstance(value, str) and DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and abs(value) < ID_LIMIT else None  # JSON's true is none


def take_string(entry: dict[str, Any], key: str, where: str) -> str:
    """Return an entry's string, or raise a fault."""
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(entry, key, where, "expected a string")
    return value


def _wrong(entry: dict[str, Any], key: str, where: str, cure: str) -> InputError:
    """Return the fault of a value that is missing or of another type."""
    if key not in entry:
        return fault("missing value", f"{where}.{key}", "missing", cure)
    return fault("wrong value", f"{where}.{key}", shorten(entry[key]), cure)


def shorten(value: object) -> str:
    """Return a value as messages show it, cut to 60 characters."""
    text = reprlib.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
