"""Ground truth in the form of COCO's JSON (https://cocodataset.org/#format-data), which COCOeval reads."""

from typing import Any

import numpy as np

from data.classes import ClassTable
from data.labels import BoxList


def to_coco(
    boxes: BoxList, *, image_ids: np.ndarray, names: np.ndarray, sizes: np.ndarray, classes: ClassTable
) -> dict[str, list[dict[str, Any]]]:
    """Return images, categories and annotations; these count from 1, as COCOeval takes an id of 0 for "not matched".

    Args:
        boxes: M boxes in pixels, with their areas.
        image_ids: (N,) int64.
        names: (N,) strings, the images' files.
        sizes: (N, 2) int64, height and width in pixels.
        classes: the K classes.
    """
    images = zip(image_ids.tolist(), names.tolist(), sizes.tolist(), strict=True)
    categories = zip(classes.ids, classes.names, classes.categories, strict=True)
    annotations = zip(
        image_ids[boxes.rows].tolist(),
        np.array(classes.ids)[boxes.labels].tolist(),
        boxes.boxes_xywh.tolist(),
        boxes.areas.tolist(),
        boxes.crowd.tolist(),
        strict=True,
    )
    return {
        "images": [{"id": i, "file_name": name, "height": h, "width": w} for i, name, (h, w) in images],
        "categories": [{"id": i, "name": name, "supercategory": group} for i, name, group in categories],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": box, "area": area, "iscrowd": int(crowd)}
            for n, (i, c, box, area, crowd) in enumerate(annotations, start=1)
        ],
    }
