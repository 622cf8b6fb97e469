"""COCO's twelve numbers and AP per class (https://cocodataset.org/#detection-eval)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from faster_coco_eval import COCO, COCOeval_faster

from data.loading import DetectionBatch
from data.readers import BoxReader
from tasks.detection.detector import scale_to
from tasks.detection.postprocess import Detections

SUMMARY = ("mAP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")  # COCOeval's order
ALL_AREAS, MOST_DETECTIONS = 0, -1  # positions on the last two axes of COCOeval's precision
# Positions on its axes of IoU thresholds and areas, by the name of what their mean is.
PARTS = {
    "AP": (slice(None), ALL_AREAS),
    "AP50": (slice(0, 1), ALL_AREAS),
    "AP75": (slice(5, 6), ALL_AREAS),
    "APs": (slice(None), 1),
    "APm": (slice(None), 2),
    "APl": (slice(None), 3),
}


@dataclass(frozen=True)
class DetectionMetrics:
    """What COCOeval found; a number is None where the ground truth holds no box that it could be measured on.

    Attributes:
        summary: the twelve numbers, 0 to 1, under the names in SUMMARY.
        per_class: AP (the mean over the T thresholds) under each of the K class names.
        parts: the names in PARTS and their numbers, under each of the K class names.
        precision: (T, R, K) float64, interpolated, over all areas and 100 detections an image; NaN for a class
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
        results: so far, as COCO results in pixels of the original images.
    """

    def __init__(self, reader: BoxReader) -> None:
        self.reader = reader
        self.results: list[dict[str, Any]] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> "DetectionMetric":
        return self

    def reset(self) -> None:
        """Forget earlier results."""
        self.results = []

    def update(self, batch: DetectionBatch, found: list[Detections]) -> None:
        """Take the detections of a batch, in pixels of its images."""
        height, width = batch.images.shape[-2:]
        for image_id, (h, w), own in zip(batch.image_ids.tolist(), batch.sizes.tolist(), found, strict=True):
            scale = scale_to((h, w), (height, width))
            self.results += to_results(own, image_id=image_id, scale=scale, category_ids=self.reader.classes.ids)

    def compute(self) -> DetectionMetrics:
        """Score what was found."""
        return evaluate_detections(self.reader.ground_truth(), self.results)


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
    """Score detections as pycocotools does, through faster-coco-eval.

    Both give the same numbers to 1e-15: where one detection in one is right, pycocotools' precision is 1 / (1 + 2e-16).

    Args:
        ground_truth: a COCO dict: images, annotations (bbox, area, iscrowd), categories. Not changed.
        results: COCO results: image_id, category_id, bbox (xywh, pixels), score. Not changed; may be empty.

    Returns:
        The metrics, with K in the order of `ground_truth["categories"]`.

    Raises:
        ValueError: if a result names an unknown image or category, or its box or score is no number, or its
            width or height is negative: COCOeval would drop the first two and score the others wrongly.
    """
    _check_results(ground_truth, results)
    evaluator = COCOeval_faster(
        COCO(_with_new_ids(ground_truth, ground_truth["annotations"])),
        COCO(_with_new_ids(ground_truth, [_as_annotation(result) for result in results])),
        iouType="bbox",
        print_function=_stay_silent,
    )
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    categories = ground_truth["categories"]
    columns = np.searchsorted(evaluator.params.catIds, [category["id"] for category in categories])
    everything = evaluator.eval["precision"][..., MOST_DETECTIONS][:, :, columns]  # (T, R, K, areas)
    precision = everything[..., ALL_AREAS]  # (T, R, K)
    parts = {
        category["name"]: {part: _number(everything[ious, :, k, area].mean()) for part, (ious, area) in PARTS.items()}
        for k, category in enumerate(categories)
    }
    return DetectionMetrics(
        summary={name: _number(value) for name, value in zip(SUMMARY, evaluator.stats[: len(SUMMARY)], strict=True)},
        per_class={name: values["AP"] for name, values in parts.items()},
        parts=parts,
        precision=np.where(precision < 0, np.nan, precision),
        iou_thresholds=np.asarray(evaluator.params.iouThrs),
        recall_thresholds=np.asarray(evaluator.params.recThrs),
    )


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


def _with_new_ids(ground_truth: dict[str, Any], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    """Copy a COCO dict, as COCOeval writes into its input, and number from 1, as it takes 0 for "no match"."""
    return {
        "images": [dict(image) for image in ground_truth["images"]],
        "annotations": [{**annotation, "id": number} for number, annotation in enumerate(annotations, start=1)],
        "categories": ground_truth["categories"],
    }


def _as_annotation(result: dict[str, Any]) -> dict[str, Any]:
    """Return what loadRes makes of a result; loadRes itself fails on an empty list and adds a polygon to each box."""
    return {**result, "area": result["bbox"][2] * result["bbox"][3], "iscrowd": 0}


def _number(value: float) -> float | None:
    return None if value < 0 else float(value)  # COCOeval writes -1 where there are no boxes


def _stay_silent(*_: object) -> None:
    """Take what COCOeval would print."""
