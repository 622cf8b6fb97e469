"""The JSON of COCO detection (https://cocodataset.org/#format-data) -> checked numpy arrays."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from data.classes import ClassTable
from data.errors import InputError

LISTS = ("images", "annotations", "categories")
LIMIT = 1e9  # pixels; beyond any image, and products of two stay finite
ID_LIMIT = 2**63  # ids are kept as int64

Entries = list[dict[str, Any]]


@dataclass(frozen=True)
class ImageList:
    """The N images of a file.

    Attributes:
        ids: (N,) int64, unique.
        names: (N,) strings, paths relative to the folder of images.
        sizes: N times (height, width) in pixels, None where the file does not say.
    """

    ids: np.ndarray
    names: np.ndarray
    sizes: list[tuple[int, int] | None]


@dataclass(frozen=True)
class BoxList:
    """M annotations, as the file holds them.

    Attributes:
        ids: (M,) int64, annotation ids; used in messages alone.
        rows: (M,) int64, positions of their images in the file's list of images.
        labels: (M,) int64, class indices 0 to K - 1.
        boxes_xywh: (M, 4) float64, left, top, width and height in pixels; all infinite if one in the file is
            not finite, all NaN where the file does not hold four numbers.
        areas: (M,) float64, square pixels; the box's where the file does not say.
        crowd: (M,) bool.
    """

    ids: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    boxes_xywh: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: np.ndarray) -> "BoxList":
        """Return the annotations that a mask or an array of positions selects, in its order."""
        return BoxList(
            self.ids[index],
            self.rows[index],
            self.labels[index],
            self.boxes_xywh[index],
            self.areas[index],
            self.crowd[index],
        )


def read_lists(path: Path) -> dict[str, Entries]:
    """Read a COCO file's three lists and check that they are filled with dicts.

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
        for index, entry in enumerate(content[key]):
            if not isinstance(entry, dict):
                raise InputError(f"{path}: {key}[{index}] is {_short(entry)}; expected a dict")
    return {key: content[key] for key in LISTS}


def parse_classes(entries: Entries, *, path: Path) -> ClassTable:
    """Turn `categories` into a table sorted by id.

    Raises:
        InputError: if an id or a name is missing, no integer or string, or stands twice.
    """
    ids = [_integer(entry, "id", f"{path}: categories[{index}]") for index, entry in enumerate(entries)]
    names = [_string(entry, "name", f"{path}: categories[{index}]") for index, entry in enumerate(entries)]
    _refuse_repeats(ids, f"{path}: categories[].id")
    _refuse_repeats(names, f"{path}: categories[].name")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    groups = [entry.get("supercategory") for entry in entries]
    return ClassTable.create(
        [names[i] for i in order],
        [ids[i] for i in order],
        categories=[str(groups[i] or "") for i in order],
    )


def parse_images(entries: Entries, *, path: Path) -> ImageList:
    """Turn `images` into arrays.

    Raises:
        InputError: if a key is missing or of a wrong type, an id stands twice, or a file name leaves the folder.
    """
    ids, names, sizes = [], [], []
    for index, entry in enumerate(entries):
        where = f"{path}: images[{index}]"
        ids.append(_integer(entry, "id", where))
        names.append(_string(entry, "file_name", where))
        local = PureWindowsPath(names[-1])  # reads / and \ alike
        if local.anchor or ".." in local.parts:
            raise InputError(f"{where}.file_name is {names[-1]!r}; expected a path inside the folder of images")
        sizes.append(_size(entry, where))
    _refuse_repeats(ids, f"{path}: images[].id")
    return ImageList(np.array(ids, dtype=np.int64), np.array(names), sizes)


def parse_boxes(entries: Entries, *, path: Path, image_ids: np.ndarray, labels: dict[int, int]) -> BoxList:
    """Turn `annotations` into arrays; boxes are taken as they are, bad ones too.

    Args:
        entries: M annotations.
        path: the file, for the messages.
        image_ids: (N,) int64, the ids of the images in the file's order.
        labels: category id -> class index, for the file's categories.

    Raises:
        InputError: if a key is missing or of a wrong type, or an image or a category is unknown.
    """
    rows = {image_id: row for row, image_id in enumerate(image_ids.tolist())}
    values = [_annotation(entry, f"{path}: annotations[{index}]", rows, labels) for index, entry in enumerate(entries)]
    ids, image_rows, class_labels, boxes, areas, crowd = zip(*values, strict=True)
    boxes_xywh = np.array(boxes, dtype=np.float64).reshape(-1, 4)  # (M, 4)
    given = np.array(areas, dtype=np.float64)
    return BoxList(
        np.array(ids, dtype=np.int64),
        np.array(image_rows, dtype=np.int64),
        np.array(class_labels, dtype=np.int64),
        boxes_xywh,
        np.where(np.isnan(given), boxes_xywh[:, 2] * boxes_xywh[:, 3], given),
        np.array(crowd, dtype=bool),
    )


def _annotation(entry: dict[str, Any], where: str, rows: dict[int, int], labels: dict[int, int]) -> tuple[Any, ...]:
    """Return id, image row, label, box, area (NaN where not given) and crowd of one annotation."""
    annotation_id = _integer(entry, "id", where)
    image_id = _integer(entry, "image_id", where)
    category_id = _integer(entry, "category_id", where)
    where = f"{where} (id {annotation_id})"
    if image_id not in rows:
        raise InputError(f"{where}.image_id is {image_id}; expected the id of one of images")
    if category_id not in labels:
        raise InputError(f"{where}.category_id is {category_id}; expected the id of one of categories")
    if "bbox" not in entry:
        raise InputError(f"{where}.bbox is missing; expected [left, top, width, height]")
    area = entry.get("area")
    if area is not None and not (type(area) in (int, float) and 0 <= area < LIMIT**2):
        raise InputError(f"{where}.area is {_short(area)}; expected square pixels, 0 or more")
    crowd = entry.get("iscrowd")
    if crowd not in (None, 0, 1):
        raise InputError(f"{where}.iscrowd is {_short(crowd)}; expected 0 or 1")
    box = _box(entry["bbox"])
    return annotation_id, rows[image_id], labels[category_id], box, np.nan if area is None else area, bool(crowd)


def _box(value: Any) -> list[float]:
    """Return four floats: the box, all infinite if one of its numbers is not finite, NaN for what is not 4 numbers."""
    if not (isinstance(value, list) and len(value) == 4 and all(type(v) in (int, float) for v in value)):
        return [np.nan] * 4
    return [float(v) for v in value] if all(abs(v) < LIMIT for v in value) else [np.inf] * 4


def _size(entry: dict[str, Any], where: str) -> tuple[int, int] | None:
    """Return (height, width), None unless the entry holds both."""
    if entry.get("height") is None or entry.get("width") is None:
        return None
    return _integer(entry, "height", where), _integer(entry, "width", where)


def _integer(entry: dict[str, Any], key: str, where: str) -> int:
    """Return an entry's integer (JSON's true is none), or raise InputError."""
    value = entry.get(key)
    if type(value) is not int or abs(value) >= ID_LIMIT:
        found = _short(value) if key in entry else "missing"
        raise InputError(f"{where}.{key} is {found}; expected an integer")
    return value


def _string(entry: dict[str, Any], key: str, where: str) -> str:
    """Return an entry's string, or raise InputError."""
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        found = _short(value) if key in entry else "missing"
        raise InputError(f"{where}.{key} is {found}; expected a string")
    return value


def _refuse_repeats(values: Sequence[Any], field: str) -> None:
    """Raise InputError, naming the first few, if values repeat."""
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise InputError(f"{field} holds {_short(repeated[:5])} more than once; expected unique values")


def _short(value: Any) -> str:
    """Return a value as messages show it, cut to 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
