"""COCO's twelve numbers and AP per class (https://cocodataset.org/#detection-eval)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from hotcoco import COCO, COCOeval

from data.batches import DetectionBatch
from data.readers import BoxReader
from tasks.detection.detector import scale_to
from tasks.detection.postprocess import Detections
from tasks.processes import from_first, gather, interleave

SUMMARY = ("mAP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")  # COCOeval's order
ALL_AREAS, MOST_DETECTIONS = 0, 2  # positions on the last two axes of COCOeval's precision and recall
# Positions on precision's axes of IoU thresholds and areas, by the name of what their mean is.
PARTS = {
    "AP": (slice(None), ALL_AREAS),
    "AP50": (slice(0, 1), ALL_AREAS),
    "AP75": (slice(5, 6), ALL_AREAS),
    "APs": (slice(None), 1),
    "APm": (slice(None), 2),
    "APl": (slice(None), 3),
}
RECALLS = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (3, 2))  # AR1 to ARl: positions on recall's last two axes


@dataclass(frozen=True)
class DetectionMetrics:
    """What COCOeval found; a number is None where the ground truth holds no box that it could be measured on.

    Attributes:
        summary: the twelve numbers, 0 to 1, under the names in SUMMARY.
        per_class: AP (the mean over the T thresholds) under each of the K class names.
        parts: the names in PARTS and their numbers, under each of the K class names.
        precision: (T, R, K) float64, interpolated, over all areas and 100 detections per image; NaN for a class
            without boxes.
        iou_thresholds: (T,), .50 to .95.
        recall_thresholds: (R,), 0 to 1.
    """

    summary: dict[str, float | None]
    per_class: dict[str, float | None]
    parts: dict[str, dict[str, float | None]]
    precision: np.ndarray
    iou_thresholds: np.ndarray
    recall_thresholds: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as metrics.json stores them."""
        return {**self.summary, "per_class": dict(self.per_class)}


class DetectionMetric:
    """Collects what is found in the images of a reader, and scores it at the end.

    A copy of it is itself: averaging weights copies the module that holds it, and the ground truth may be large.

    Attributes:
        results: as COCO results in pixels of the original images: those of this process so far, and once they are
            scored those of all, in the order of a single one, in the first.
    """

    def __init__(self, reader: BoxReader) -> None:
        self.reader = reader
        self.reset()

    def __deepcopy__(self, memo: dict[int, Any]) -> "DetectionMetric":
        return self

    def reset(self) -> None:
        """Forget earlier results."""
        self.results: list[dict[str, Any]] = []
        self._ends: list[int] = []  # of each batch in the results

    def update(self, batch: DetectionBatch, found: list[Detections]) -> None:
        """Take the detections of a batch, in pixels of its images."""
        height, width = batch.images.shape[-2:]
        for image_id, (h, w), own in zip(batch.image_ids.tolist(), batch.sizes.tolist(), found, strict=True):
            scale = scale_to((h, w), (height, width))
            self.results += to_results(own, image_id=image_id, scale=scale, category_ids=self.reader.classes.ids)
        self._ends.append(len(self.results))

    def compute(self) -> DetectionMetrics:
        """Score what was found, in all processes together."""
        batches = [self.results[start:end] for start, end in pairwise([0, *self._ends])]
        self.results = [result for batch in interleave(gather(batches)) for result in batch]
        return from_first(lambda: evaluate_detections(self.reader.ground_truth(), self.results))


def to_results(
    found: Detections, *, image_id: int, scale: tuple[float, float], category_ids: tuple[int, ...]
) -> list[dict[str, Any]]:
    """Write detections as COCO results: boxes_xywh in pixels of the original image, the data set's own ids."""
    boxes = found.boxes.cpu().double() * torch.tensor(scale * 2, dtype=torch.float64)  # (D, 4) xyxy
    boxes_xywh = torch.cat((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), dim=1)
    return [
        {"image_id": image_id, "category_id": category_ids[label], "bbox": box, "score": score}
        for box, score, label in zip(boxes_xywh.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True)
    ]


def evaluate_detections(ground_truth: dict[str, Any], results: list[dict[str, Any]]) -> DetectionMetrics:
    """Score detections as pycocotools does, through hotcoco.

    The numbers are pycocotools' own to the last bit, save for boxes that no image has: where two overlap and their
    union comes out as 0 (by rounding, sides of 1e-14 pixels; by underflow, of 1e-160), pycocotools divides by it and
    counts a hit, hotcoco a miss. hotcoco has threads: a process forked after an evaluation hangs in its own.

    Args:
        ground_truth: a COCO dict: images, annotations (bbox, area, iscrowd), categories. Not changed.
        results: COCO results: image_id, category_id, bbox (xywh, pixels), score. Not changed; may be empty.

    Returns:
        The metrics, with K in the order of `ground_truth["categories"]`.

    Raises:
        ValueError: if a result names an unknown image or category, or its box or score is no number, or its
            width or height is negative: COCOeval would drop the first two and score the others wrongly.
    """
    found = accumulate(ground_truth, results)
    everything, recall = found["precision"], found["recall"]  # (T, R, K, areas, 3), (T, K, areas, 3)
    categories = ground_truth["categories"]
    numbers = _number(categories)
    columns = [numbers[category["id"]] - 1 for category in categories]
    parts = {
        category["name"]: _average_parts(everything[:, :, column])
        for category, column in zip(categories, columns, strict=True)
    }
    averages = [*_average_parts(everything).values(), *(_average(recall[..., area, most]) for area, most in RECALLS)]
    precision = everything[:, :, columns, ALL_AREAS, MOST_DETECTIONS]  # (T, R, K)
    return DetectionMetrics(
        summary=dict(zip(SUMMARY, averages, strict=True)),
        per_class={name: values["AP"] for name, values in parts.items()},
        parts=parts,
        precision=np.where(precision < 0, np.nan, precision),
        iou_thresholds=np.asarray(found["params"].iou_thrs),
        recall_thresholds=np.asarray(found["params"].rec_thrs),
    )


def accumulate(ground_truth: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return COCOeval's arrays, in which categories stand sorted by id, and its parameters."""
    _check_results(ground_truth, results)
    evaluator = COCOeval(*_load(ground_truth, results), "bbox")
    evaluator.evaluate()
    evaluator.accumulate()
    return evaluator.eval  # type: ignore[return-value]  # None only before


def _check_results(ground_truth: dict[str, Any], results: list[dict[str, Any]]) -> None:
    for field, known in (("image_id", "images"), ("category_id", "categories")):
        unknown = {result[field] for result in results} - {entry["id"] for entry in ground_truth[known]}
        if unknown:
            raise ValueError(f"results: unknown {field} {sorted(unknown)[:10]}; the ground truth's {known} lack them")
    numbers = np.array([(*result["bbox"], result["score"]) for result in results], dtype=np.float64).reshape(-1, 5)
    wrong = ~np.isfinite(numbers).all(axis=1) | (numbers[:, 2:4] < 0).any(axis=1)
    if wrong.any():
        first = results[int(wrong.argmax())]
        raise ValueError(
            f"results: {wrong.sum()} bad boxes or scores, first {first}; expected finite, width, height >= 0"
        )


def _load(ground_truth: dict[str, Any], results: list[dict[str, Any]]) -> tuple[COCO, COCO]:
    """Return both as hotcoco's; as in COCOeval, boxes of images or categories that are not listed do not count."""
    images, categories = _number(ground_truth["images"]), _number(ground_truth["categories"])
    boxes = [
        box for box in ground_truth["annotations"] if box["image_id"] in images and box["category_id"] in categories
    ]
    truth = COCO.from_arrays(
        [{"id": number} for number in images.values()],
        [{"id": number, "name": str(number)} for number in categories.values()],
        np.array([images[box["image_id"]] for box in boxes], dtype=np.int64),
        np.array([categories[box["category_id"]] for box in boxes], dtype=np.int64),
        np.array([box["bbox"] for box in boxes], dtype=np.float64).reshape(-1, 4),
        area=np.array([box["area"] for box in boxes], dtype=np.float64),
        iscrowd=np.array([box["iscrowd"] for box in boxes], dtype=bool),
    )
    rows = [(images[r["image_id"]], *r["bbox"], r["score"], categories[r["category_id"]]) for r in results]
    return truth, truth.load_res(np.array(rows, dtype=np.float64).reshape(-1, 7))


def _number(entries: list[dict[str, Any]]) -> dict[Any, int]:
    """Map ids to 1, 2, ... in their own order, which is COCOeval's: hotcoco takes no negative ones."""
    return {old: new for new, old in enumerate(sorted({entry["id"] for entry in entries}), start=1)}


def _average_parts(precision: np.ndarray) -> dict[str, float | None]:
    """Return the means that PARTS names of precision (T, R, [K,] areas, 3)."""
    return {name: _average(precision[ious, ..., area, MOST_DETECTIONS]) for name, (ious, area) in PARTS.items()}


def _average(values: np.ndarray) -> float | None:
    measured = values[values > -1]  # COCOeval writes -1 where there are no boxes
    return float(measured.mean()) if measured.size else None
