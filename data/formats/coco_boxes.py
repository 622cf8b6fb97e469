"""The annotations of COCO's JSON (https://cocodataset.org/#format-data) -> packed boxes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.findings import Finding, Report, fault, parse_all
from data.formats.coco_json import shorten, take_dict, take_integer
from data.formats.turning import surround
from data.labels import BoxList
from data.samples import space_evenly

LIMIT = 1e9  # pixels; beyond any image, and products of two stay finite
NO_BOX = [np.nan] * 4
NEAR = 2  # pixels that a box and its polygon may differ by
COMPARED = 1000  # boxes with polygons, spread over the file
XYWH = "[left, top, width, height]"
FORMS: dict[str, Callable[[float, float, float, float], list[float]]] = {
    XYWH: lambda x, y, w, h: [x, y, w, h],
    "[left, top, right, bottom]": lambda x, y, w, h: [x, y, x + w, y + h],
    "[centre x, centre y, width, height]": lambda x, y, w, h: [x + w / 2, y + h / 2, w, h],
}


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
    check_form([entries[index] for index in choose_sample(len(entries))], path=path, report=report)
    ids, image_rows, class_labels, boxes, areas, crowd = zip(*values, strict=True) if values else ((),) * 6
    return BoxList(
        np.array(ids, dtype=np.int64),
        np.array(image_rows, dtype=np.int64),
        np.array(class_labels, dtype=np.int64),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),  # (M, 4)
        np.array(areas, dtype=np.float64),
        np.array(crowd, dtype=bool),
    )


def choose_sample(count: int) -> list[int]:
    """Return the positions of the annotations that `check_form` looks at."""
    return space_evenly(count, COMPARED)


def check_form(sample: Sequence[object], *, path: Path, report: Report) -> None:
    """Report boxes in another form than COCO's, corners or a centre and a size, as polygons beside them show."""
    pairs = [(entry.get("bbox"), entry.get("segmentation")) for entry in sample if isinstance(entry, dict)]
    known = [(_box(box), _enclose(outline)) for box, outline in pairs if box and outline and isinstance(outline, list)]
    counts = {form: sum(_are_near(box, convert(*around)) for box, around in known) for form, convert in FORMS.items()}
    form = max(counts, key=lambda name: counts[name])
    if counts[form] > counts[XYWH]:
        found = f"{counts[form]} of {len(known)} boxes beside polygons are {form}, {counts[XYWH]} are {XYWH}"
        report(Finding("error", "boxes of another form", f"{path}: annotations[].bbox", found, f"expected {XYWH}"))


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
    corners = _turn(_box(box), entry) if box else _enclose(outline)
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


def _turn(box: list[float], entry: dict[str, Any]) -> list[float]:
    """Return a box, or the box around it where CVAT turned it; one with a segmentation is that of the turned shape."""
    attributes = entry.get("attributes")
    degrees = attributes.get("rotation") if isinstance(attributes, dict) else None
    if entry.get("segmentation") or not degrees or type(degrees) not in (int, float) or not abs(degrees) < LIMIT:
        return box
    return surround(box, degrees)


def _are_near(box: list[float], other: list[float]) -> bool:
    """Tell whether all numbers of two boxes are about the same."""
    return all(abs(a - b) <= NEAR for a, b in zip(box, other, strict=True))


def _are_numbers(values: list[Any]) -> bool:
    """Tell whether all values are numbers; JSON's true is none."""
    return all(type(value) in (int, float) for value in values)
