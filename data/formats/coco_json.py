"""The JSON of COCO detection (https://cocodataset.org/#format-data) -> checked numpy arrays."""

import json
from collections.abc import Hashable, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from data.classes import ClassTable
from data.errors import InputError
from data.findings import Finding, Report, fault, parse_all
from data.labels import BoxList, ImageList

LISTS = ("images", "annotations", "categories")
LIMIT = 1e9  # pixels; beyond any image, and products of two stay finite
ID_LIMIT = 2**63  # ids are kept as int64


def read_lists(path: Path) -> dict[str, list[object]]:
    """Read a COCO file's three lists.

    Raises:
        InputError: if the file is missing, is not JSON or is not COCO.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected COCO annotations in JSON")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON ({error}); expected COCO annotations in JSON") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds a {type(content).__name__}; expected a dict with the lists {', '.join(LISTS)}")
    for key in LISTS:
        if not isinstance(content.get(key), list) or not content[key]:
            raise InputError(f"{path}: {key} is missing, empty or no list; expected the lists {', '.join(LISTS)}")
    return {key: content[key] for key in LISTS}


def parse_classes(entries: list[object], *, path: Path, report: Report) -> ClassTable:
    """Turn `categories` into a table sorted by id; reports ids or names that are missing, of a wrong type or repeat."""

    def parse(index: int, entry: object) -> tuple[int, str, str]:
        where = f"{path}: categories[{index}]"
        values = _dict(entry, where)
        group = str(values.get("supercategory") or "")
        return _integer(values, "id", where), _string(values, "name", where), group

    rows = [row for _, row in parse_all(parse, entries, report=report)]
    for column, key in enumerate(("id", "name")):
        unique = keep_first([row[column] for row in rows], f"{path}: categories[].{key}", report=report)
        rows = [rows[i] for i in unique]
    if not rows:
        raise InputError(f"{path}: categories: none can be used; expected at least one")
    ids, names, groups = zip(*sorted(rows), strict=True)
    return ClassTable.create(names, ids, categories=groups)


def parse_images(entries: list[object], *, path: Path, report: Report) -> ImageList:
    """Turn `images` into arrays.

    Reports missing keys, wrong types, file names that leave the folder, and ids that stand twice.
    """

    def parse(index: int, entry: object) -> tuple[int, str, tuple[int, int] | None]:
        where = f"{path}: images[{index}]"
        values = _dict(entry, where)
        image_id, name = _integer(values, "id", where), _string(values, "file_name", where)
        local = PureWindowsPath(name)  # reads / and \ alike
        if local.anchor or ".." in local.parts:
            found, cure = repr(name), "expected a path inside the folder of images"
            raise fault("file name that leaves the folder", f"{where}.file_name", found, cure)
        return image_id, name, _size(values, where)

    rows = [row for _, row in parse_all(parse, entries, report=report)]
    rows = [rows[i] for i in keep_first([row[0] for row in rows], f"{path}: images[].id", report=report)]
    if not rows:
        raise InputError(f"{path}: images: none can be used; expected at least one")
    ids, names, sizes = zip(*rows, strict=True)
    return ImageList(np.array(ids, dtype=np.int64), np.array(names), list(sizes))


def parse_boxes(
    entries: list[object], *, path: Path, image_ids: np.ndarray, labels: dict[int, int], report: Report
) -> BoxList:
    """Turn `annotations` into arrays; boxes are taken as they are, bad ones too.

    Reports missing keys, wrong types, and images and categories that are unknown.

    Args:
        entries: M annotations.
        path: the file, for the messages.
        image_ids: (N,) int64, the ids of the images in the file's order.
        labels: category id -> class index, for the file's categories.
        report: takes what is wrong.
    """
    rows = {image_id: row for row, image_id in enumerate(image_ids.tolist())}

    def parse(index: int, entry: object) -> tuple[Any, ...]:
        where = f"{path}: annotations[{index}]"
        return _annotation(_dict(entry, where), where, rows, labels)

    values = [value for _, value in parse_all(parse, entries, report=report)]
    ids, image_rows, class_labels, boxes, areas, crowd = zip(*values, strict=True) if values else ((),) * 6
    return BoxList(
        np.array(ids, dtype=np.int64),
        np.array(image_rows, dtype=np.int64),
        np.array(class_labels, dtype=np.int64),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),  # (M, 4)
        np.array(areas, dtype=np.float64),
        np.array(crowd, dtype=bool),
    )


def keep_first(values: Sequence[Hashable], field: str, *, report: Report) -> list[int]:
    """Return the positions of the values that did not stand before; reports those that did."""
    first: dict[Hashable, int] = {}
    for index, value in enumerate(values):
        first.setdefault(value, index)
    if len(first) < len(values):
        repeated = sorted({index for index, value in enumerate(values) if first[value] != index})
        found = f"holds {_short([values[i] for i in repeated[:5]])} more than once"
        report(Finding("error", "repeated value", field, found, "expected unique values"))
    return list(first.values())


def _annotation(entry: dict[str, Any], where: str, rows: dict[int, int], labels: dict[int, int]) -> tuple[Any, ...]:
    """Return id, image row, label, box, area (NaN where not given) and crowd of one annotation."""
    annotation_id = _integer(entry, "id", where)
    image_id = _integer(entry, "image_id", where)
    category_id = _integer(entry, "category_id", where)
    where = f"{where} (id {annotation_id})"
    if image_id not in rows:
        raise fault("unknown image", f"{where}.image_id", str(image_id), "expected the id of one of images")
    if category_id not in labels:
        raise fault(
            "unknown category", f"{where}.category_id", str(category_id), "expected the id of one of categories"
        )
    if "bbox" not in entry:
        raise fault("missing value", f"{where}.bbox", "missing", "expected [left, top, width, height]")
    area = entry.get("area")
    if area is not None and not (type(area) in (int, float) and 0 <= area < LIMIT**2):
        raise fault("wrong value", f"{where}.area", _short(area), "expected square pixels, 0 or more")
    crowd = entry.get("iscrowd")
    if crowd not in (None, 0, 1):
        raise fault("wrong value", f"{where}.iscrowd", _short(crowd), "expected 0 or 1")
    box = _box(entry["bbox"])
    return annotation_id, rows[image_id], labels[category_id], box, np.nan if area is None else area, bool(crowd)


def _box(value: object) -> list[float]:
    """Return four floats: the box, all infinite if one of its numbers is not finite, NaN for what is not 4 numbers."""
    if not (isinstance(value, list) and len(value) == 4 and all(type(v) in (int, float) for v in value)):
        return [np.nan] * 4
    return [float(v) for v in value] if all(abs(v) < LIMIT for v in value) else [np.inf] * 4


def _size(entry: dict[str, Any], where: str) -> tuple[int, int] | None:
    """Return (height, width), None unless the entry holds both."""
    if entry.get("height") is None or entry.get("width") is None:
        return None
    return _integer(entry, "height", where), _integer(entry, "width", where)


def _dict(entry: object, where: str) -> dict[str, Any]:
    """Return an entry that is a dict, or raise a fault."""
    if not isinstance(entry, dict):
        raise fault("wrong value", where, _short(entry), "expected a dict")
    return entry


def _integer(entry: dict[str, Any], key: str, where: str) -> int:
    """Return an entry's integer (JSON's true is none), or raise a fault."""
    value = entry.get(key)
    if type(value) is not int or abs(value) >= ID_LIMIT:
        raise _wrong(entry, key, where, "expected an integer")
    return value


def _string(entry: dict[str, Any], key: str, where: str) -> str:
    """Return an entry's string, or raise a fault."""
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(entry, key, where, "expected a string")
    return value


def _wrong(entry: dict[str, Any], key: str, where: str, cure: str) -> InputError:
    """Return the fault of a value that is missing or of another type."""
    if key not in entry:
        return fault("missing value", f"{where}.{key}", "missing", cure)
    return fault("wrong value", f"{where}.{key}", _short(entry[key]), cure)


def _short(value: object) -> str:
    """Return a value as messages show it, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
