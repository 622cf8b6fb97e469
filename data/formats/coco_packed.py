"""COCO's JSON at once into arrays, as most files allow it: all is well-formed, and each box stands in `bbox`.

Polygons are passed over, as boxes need none: of a file of COCO's size they are nine tenths. Any other file is left to
`data.formats.coco_json` and `data.formats.coco_boxes`, entry by entry, which judge what is wrong in it; what is packed
here is what these would make of it.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PureWindowsPath

import numpy as np
from msgspec import Raw, Struct

from data.bounded.json_values import parse_json, parse_typed
from data.classes import ClassTable
from data.findings import Report
from data.formats.coco_boxes import LIMIT, check_form, choose_sample
from data.formats.coco_json import ID_LIMIT, parse_classes, warn_of_shared
from data.formats.foreign import recognise
from data.formats.placing import stays_inside
from data.labels import BoxList, ImageList

BLOCK = 20_000  # annotations that are parsed at once
TURNING = b"rotation"  # what CVAT's boxes are turned by stands in `attributes`
NOTHING = Raw()
NO_SIZE = (0, 0)
COLUMNS = {  # type and dimensions of the arrays of a packed file
    "text": ("|u1", 1),
    "image_ids": ("<i8", 1),
    "names": ("<u4", 2),
    "sizes": ("<i8", 2),
    "ids": ("<i8", 1),
    "rows": ("<i8", 1),
    "labels": ("<i8", 1),
    "boxes_xywh": ("<f8", 2),
    "areas": ("<f8", 1),
    "crowd": ("|b1", 1),
}

Place = Callable[[ImageList], tuple[Path, ImageList]]


class _Image(Struct, gc=False):
    id: int
    file_name: str
    height: int | None = None
    width: int | None = None


class _Annotation(Struct, gc=False):
    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float | None = None
    iscrowd: int | None = None
    attributes: Raw = NOTHING


class _File(Struct, gc=False):
    images: list[_Image]
    annotations: list[Raw]
    categories: Raw


@dataclass(frozen=True)
class Packed:
    """A whole file.

    Attributes:
        categories: as they stand in it.
        images: whose names are as written, with / between folders.
        boxes: whose labels are still the ids of categories.
        sample: some annotations, see `data.formats.coco_boxes.check_form`.
    """

    categories: list[dict[str, object]]
    images: ImageList
    boxes: BoxList
    sample: list[object]


def pack(content: bytes) -> Packed | None:
    """Pack a COCO file; None where it is not as most are.

    Args:
        content: of the file.
    """
    try:
        file = parse_typed(content, _File)
        categories = parse_json(bytes(file.categories), finite=False)
        sample = [parse_json(bytes(file.annotations[n]), finite=False) for n in choose_sample(len(file.annotations))]
        images = pack_images(file.images)
        packed = Packed(categories, images, pack_boxes(file.annotations, image_ids=images.ids), sample)
    except (ValueError, OverflowError):  # other types, or integers of more than 64 bits
        return None
    return packed if is_sound(packed) and recognise(sample) is None else None


def pack_images(images: Sequence[_Image]) -> ImageList:
    """Pack the list of images."""
    sizes = [None if image.height is None or image.width is None else (image.height, image.width) for image in images]
    ids = pack_integers((image.id for image in images), len(images))
    return ImageList(ids, np.array([normalise(image.file_name) for image in images], dtype=str), sizes)


def normalise(name: str) -> str:
    """Return a file name with / between its folders, whatever system wrote it; "" for ""."""
    return PureWindowsPath(name).as_posix() if any(sign in name for sign in "/\\:") else name


def pack_integers(values: Iterable[int], count: int) -> np.ndarray:
    """Return (count,) int64.

    Raises:
        OverflowError: if one takes more than 64 bits.
    """
    return np.fromiter(values, dtype=np.int64, count=count)


def pack_boxes(entries: Sequence[Raw], *, image_ids: np.ndarray) -> BoxList:
    """Pack the list of annotations, block by block, so that few are Python's objects at once.

    Args:
        entries: M annotations.
        image_ids: (N,) int64, those that they may have.

    Raises:
        ValueError: if a value is of another type, an image is unknown, or a box may be turned.
        OverflowError: if an integer takes more than 64 bits.
    """
    blocks = [pack_block(entries[start : start + BLOCK]) for start in range(0, max(1, len(entries)), BLOCK)]
    ids, owners, category_ids, crowd, areas, boxes = map(np.concatenate, zip(*blocks, strict=True))
    if not np.isin(crowd, (0, 1)).all():
        raise ValueError("iscrowd")
    boxes[~(np.abs(boxes) < LIMIT).all(axis=1)] = np.inf
    return BoxList(ids, find_rows(owners, image_ids), category_ids, boxes, areas, crowd.astype(bool))


def pack_block(entries: Sequence[Raw]) -> tuple[np.ndarray, ...]:
    """Return what some annotations say: ids, image ids, category ids, iscrowd, areas, boxes_xywh (M, 4).

    Raises:
        ValueError: if a value is of another type, or a box may be turned.
        OverflowError: if an integer takes more than 64 bits.
    """
    values = parse_typed(Raw(b"[" + b",".join(entries) + b"]"), list[_Annotation])
    if any(may_turn(entry.attributes) for entry in values if entry.attributes is not NOTHING):
        raise ValueError("attributes")
    areas = (np.nan if entry.area is None else entry.area for entry in values)  # none of them is NaN in the file
    numbers = chain.from_iterable(entry.bbox for entry in values)
    return (
        pack_integers((entry.id for entry in values), len(values)),
        pack_integers((entry.image_id for entry in values), len(values)),
        pack_integers((entry.category_id for entry in values), len(values)),
        pack_integers((entry.iscrowd or 0 for entry in values), len(values)),
        np.fromiter(areas, dtype=np.float64, count=len(values)),
        np.fromiter(numbers, dtype=np.float64, count=4 * len(values)).reshape(-1, 4),  # (M, 4)
    )


def may_turn(attributes: Raw) -> bool:
    """Tell whether attributes may say that a box is turned."""
    text = bytes(attributes)
    return TURNING in text or b"\\" in text


def find_rows(image_ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the positions (M,) int64 of the images of M annotations among N known ones.

    Raises:
        ValueError: if one is not among them, or none is known.
    """
    if not len(known):
        raise ValueError("images")
    order = np.argsort(known)
    rows = order[np.searchsorted(known, image_ids, sorter=order).clip(max=len(known) - 1)]
    if (known[rows] != image_ids).any():
        raise ValueError("image_id")
    return rows


def is_sound(packed: Packed) -> bool:
    """Tell whether nothing is wrong with any entry of a file; what is wrong with boxes as such is another matter."""
    return are_plain(packed.categories) and are_images(packed.images) and are_boxes(packed)


def are_plain(categories: object) -> bool:
    """Tell whether categories have ids and names, none of which stands twice."""
    if not (isinstance(categories, list) and categories and all(isinstance(entry, dict) for entry in categories)):
        return False
    ids, names = [entry.get("id") for entry in categories], [entry.get("name") for entry in categories]
    typed = all(type(i) is int and abs(i) < ID_LIMIT for i in ids) and all(isinstance(n, str) and n for n in names)
    return typed and len(set(ids)) == len(set(names)) == len(categories)


def are_images(images: ImageList) -> bool:
    """Tell whether images have ids, none of which stands twice, names inside of a folder, and sizes that can be."""
    names, sizes = images.names.tolist(), [size for size in images.sizes if size is not None]
    inside = all(
        name and (stays_inside(name) if "/" in name or ".." in name or ":" in name else True) for name in names
    )
    unique = len(np.unique(images.ids)) == len(images.ids) == len(names) == len(images.sizes) > 0
    return unique and inside and are_ids(images.ids) and all(min(size) >= 1 and max(size) < ID_LIMIT for size in sizes)


def are_boxes(packed: Packed) -> bool:
    """Tell whether boxes are of the file's images and categories, and their areas can be."""
    boxes = packed.boxes
    columns = (boxes.ids, boxes.rows, boxes.labels, boxes.boxes_xywh, boxes.areas, boxes.crowd)
    if len({len(column) for column in columns}) > 1 or boxes.boxes_xywh.shape[1:] != (4,):
        return False
    known = np.isin(boxes.labels, np.array([entry["id"] for entry in packed.categories]))
    owned = (boxes.rows >= 0) & (boxes.rows < len(packed.images))
    areas = np.isnan(boxes.areas) | ((boxes.areas >= 0) & (boxes.areas < LIMIT**2))
    return bool((known & owned & areas).all()) and are_ids(boxes.ids)


def are_ids(ids: np.ndarray) -> bool:
    """Tell whether integers are within what ids may be."""
    return not (ids == -ID_LIMIT).any()


def unpack(packed: Packed, *, path: Path, place: Place, report: Report) -> tuple[ClassTable, Path, ImageList, BoxList]:
    """Return the classes, the folder of the images, the images and the boxes of a file.

    Args:
        packed: of the file.
        path: the file, for the messages.
        place: finds the folder of images, and their names in it.
        report: takes what is wrong.

    Raises:
        InputError: if `report` refuses what is wrong.
    """
    category_ids = packed.boxes.labels
    used: set[int | None] = set(np.unique(category_ids).tolist())
    classes = parse_classes(list(packed.categories), used=used, path=path, report=report)
    warn_of_shared(packed.images.ids.tolist(), packed.images.names.tolist(), path=path, report=report)
    folder, images = place(packed.images)
    check_form(packed.sample, path=path, report=report)
    labels = np.searchsorted(np.array(classes.ids), category_ids)
    return classes, folder, images, replace(packed.boxes, labels=labels)


def to_arrays(packed: Packed) -> dict[str, np.ndarray]:
    """Return a packed file as the arrays of `COLUMNS`."""
    boxes, images = packed.boxes, packed.images
    return {
        "text": np.frombuffer(json.dumps([packed.categories, packed.sample]).encode(), dtype=np.uint8),
        "image_ids": images.ids,
        "names": images.names.view(np.uint32).reshape(len(images), -1),  # (N, letters)
        "sizes": np.array([size or NO_SIZE for size in images.sizes], dtype=np.int64),  # (N, 2)
        "ids": boxes.ids,
        "rows": boxes.rows,
        "labels": boxes.labels,
        "boxes_xywh": boxes.boxes_xywh,
        "areas": boxes.areas,
        "crowd": boxes.crowd,
    }


def from_arrays(arrays: dict[str, np.ndarray]) -> Packed | None:
    """Return the packed file of which `to_arrays` made arrays; None for others."""
    if {name: (array.dtype.str, array.ndim) for name, array in arrays.items()} != COLUMNS:
        return None
    names = arrays.pop("names")
    if names.max(initial=0) > sys.maxunicode:
        return None
    try:
        categories, sample = parse_json(arrays.pop("text").tobytes(), finite=False)
        sizes = [None if size == NO_SIZE else size for size in map(tuple, arrays.pop("sizes").tolist())]
        images = ImageList(arrays.pop("image_ids"), names.view(f"<U{names.shape[1]}")[:, 0], sizes)
        packed = Packed(categories, images, BoxList(**arrays), sample)
        return packed if isinstance(sample, list) and is_sound(packed) else None
    except (ValueError, TypeError):
        return None
