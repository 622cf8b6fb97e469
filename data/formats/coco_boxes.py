"""The annotations of COCO's JSON (https://cocodataset.org/#format-data) -> packed boxes."""

from pathlib import Path
from typing import Any

import numpy as np

from data.findings import Report, fault, parse_all
from data.formats.coco_json import shorten, take_dict, take_integer
from data.labels import BoxList

LIMIT = 1e9  # pixels; beyond any image, and products of two stay finite
NO_BOX = [np.nan] * 4


def parse_boxes(
    entries: list[object], *, path: Path, image_ids: np.ndarray, labels: dict[int, int], report: Report
) -> BoxList:
    """Turn `annotations` into arrays; boxes are taken as they are, bad ones too, or from polygons where there are none.

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
        return _annotation(take_dict(entry, where), where, rows, labels)

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


def _annotation(entry: dict[str, Any], where: str, rows: dict[int, int], labels: dict[int, int]) -> tuple[Any, ...]:
    """Return id, image row, label, box, area (NaN where not given) and crowd of one annotation."""
    annotation_id = take_integer(entry, "id", where)
    image_id = take_integer(entry, "image_id", where)
    category_id = take_integer(entry, "category_id", where)
    where = f"{where} (id {annotation_id})"
    if image_id not in rows:
        raise fault("unknown image", f"{where}.image_id", str(image_id), "expected the id of one of images")
    if category_id not in labels:
        raise fault(
            "unknown category", f"{where}.category_id", str(category_id), "expected the id of one of categories"
        )
    box, outline = entry.get("bbox"), entry.get("segmentation")
    if not box and ("bbox" not in entry or isinstance(outline, dict)) and not (outline and isinstance(outline, list)):
        cure = "expected [left, top, width, height], or polygons in segmentation"
        raise fault("missing value", f"{where}.bbox", "missing", cure)
    area = entry.get("area")
    if area is not None and not (type(area) in (int, float) and 0 <= area < LIMIT**2):
        raise fault("wrong value", f"{where}.area", shorten(area), "expected square pixels, 0 or more")
    crowd = entry.get("iscrowd")
    if crowd not in (None, 0, 1):
        raise fault("wrong value", f"{where}.iscrowd", shorten(crowd), "expected 0 or 1")
    corners = _box(box) if box else _enclose(outline)
    return annotation_id, rows[image_id], labels[category_id], corners, np.nan if area is None else area, bool(crowd)


def _box(value: object) -> list[float]:
    """Return four floats: the box, all infinite if one of its numbers is not finite, NaN for what is not 4 numbers."""
    if not (isinstance(value, list) and len(value) == 4 and _are_numbers(value)):
        return NO_BOX
    return [float(v) for v in value] if all(abs(v) < LIMIT for v in value) else [np.inf] * 4


def _enclose(outline: object) -> list[float]:
    """Return the box around polygons: lists x, y, x, y, ... or a single one, or points; NaN for anything else."""
    parts = outline if isinstance(outline, list) else []
    parts = parts if all(isinstance(part, list) for part in parts) else [parts]
    if all(len(part) == 2 for part in parts):
        parts = [[value for part in parts for value in part]]
    if not parts or not all(len(part) >= 6 and len(part) % 2 == 0 and _are_numbers(part) for part in parts):
        return NO_BOX
    xs, ys = [x for part in parts for x in part[::2]], [y for part in parts for y in part[1::2]]
    return _box([min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)])


def _are_numbers(values: list[Any]) -> bool:
    """Tell whether all values are numbers; JSON's true is none."""
    return all(type(value) in (int, float) for value in values)
