"""COCO's twelve numbers, AP per class and a confusion matrix (https://cocodataset.org/#detection-eval)."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

SUMMARY = ("mAP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")  # COCOeval's order
ALL_AREAS, MOST_DETECTIONS = 0, -1  # positions on the last two axes of COCOeval's precision


@dataclass(frozen=True)
class DetectionMetrics:
    """What COCOeval found; a number is None where the ground truth holds no box that it could be measured on.

    Attributes:
        summary: the twelve numbers, 0 to 1, under the names in SUMMARY.
        per_class: AP (the mean over the T thresholds) under each of the K class names.
        precision: (T, R, K) float64, interpolated, over all areas and 100 detections an image; NaN for a class
            without boxes.
        iou_thresholds: (T,), .50 to .95.
        recall_thresholds: (R,), 0 to 1.
    """

    summary: dict[str, float | None]
    per_class: dict[str, float | None]
    precision: np.ndarray
    iou_thresholds: np.ndarray
    recall_thresholds: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as metrics.json stores them."""
        return {**self.summary, "per_class": dict(self.per_class)}


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
    precision = evaluator.eval["precision"][:, :, columns, ALL_AREAS, MOST_DETECTIONS]  # (T, R, K)
    averages = [_number(precision[:, :, k].mean()) for k in range(len(categories))]
    return DetectionMetrics(
        summary={name: _number(value) for name, value in zip(SUMMARY, evaluator.stats[: len(SUMMARY)], strict=True)},
        per_class={category["name"]: value for category, value in zip(categories, averages, strict=True)},
        precision=np.where(precision < 0, np.nan, precision),
        iou_thresholds=np.asarray(evaluator.params.iouThrs),
        recall_thresholds=np.asarray(evaluator.params.recThrs),
    )


def confusion_matrix(
    ground_truth: dict[str, Any],
    results: list[dict[str, Any]],
    *,
    score_threshold: float = 0.5,
    iou_threshold: float = 0.5,
) -> np.ndarray:
    """Count which class was detected as which.

    Within an image, detections take the free box that they overlap most, whatever its class, highest score first.
    A detection that lies on a crowd and on no free box is not counted, as in COCOeval.

    Args:
        ground_truth: as for `evaluate_detections`.
        results: as for `evaluate_detections`.
        score_threshold: detections below it are not counted.
        iou_threshold: least intersection over union of a detection and its box.

    Returns:
        (K + 1, K + 1) int64, rows = ground truth, columns = detections; the last row holds false positives, the
        last column missed boxes.
    """
    index = {category["id"]: k for k, category in enumerate(ground_truth["categories"])}
    boxes = _by_image(ground_truth["annotations"])
    detections = _by_image([result for result in results if result["score"] >= score_threshold])
    background = len(index)
    matrix = np.zeros((background + 1, background + 1), dtype=np.int64)
    for image in boxes.keys() | detections.keys():
        crowd = [box for box in boxes[image] if box.get("iscrowd", 0)]
        single = [box for box in boxes[image] if not box.get("iscrowd", 0)]
        ranked = sorted(detections[image], key=lambda detection: -detection["score"])
        rows = np.array([index[box["category_id"]] for box in single] + [background])
        columns = np.array([index[detection["category_id"]] for detection in ranked], dtype=np.int64)
        overlaps = _iou(_xywh(ranked), _xywh(single))
        overlaps += 1e-9 * (columns[:, None] == rows[None, :-1])  # of two equal boxes, the one of the same class
        matches = _match(overlaps, iou_threshold)
        on_crowd = _iou(_xywh(ranked), _xywh(crowd), over_first=True).max(axis=1, initial=0.0) >= iou_threshold
        counted = (matches >= 0) | ~on_crowd
        np.add.at(matrix, (rows[matches][counted], columns[counted]), 1)
        np.add.at(matrix[:, background], np.delete(rows[:-1], matches[matches >= 0]), 1)
    return matrix


def _match(overlaps: np.ndarray, threshold: float) -> np.ndarray:
    """Return the box that each detection takes, -1 for none, (D,), from (D, G) overlaps, highest score first."""
    free = overlaps.copy()
    matches = np.full(len(overlaps), -1)
    for row in range(len(overlaps) if overlaps.size else 0):
        best = free[row].argmax()
        if free[row, best] >= threshold:
            matches[row] = best
            free[:, best] = -1.0
    return matches


def _iou(first: np.ndarray, second: np.ndarray, *, over_first: bool = False) -> np.ndarray:
    """Return the IoU of (D, 4) and (G, 4) xywh boxes, (D, G), or the intersection over the first box's own area."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    shared = (high - low).clip(min=0).prod(axis=2)  # (D, G)
    own, other = first[:, 2:].prod(axis=1)[:, None], second[:, 2:].prod(axis=1)[None]
    whole = np.broadcast_to(own, shared.shape) if over_first else own + other - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


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


def _by_image(entries: list[dict[str, Any]]) -> defaultdict[int, list[dict[str, Any]]]:
    groups: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        groups[entry["image_id"]].append(entry)
    return groups


def _xywh(entries: list[dict[str, Any]]) -> np.ndarray:
    return np.array([entry["bbox"] for entry in entries], dtype=np.float64).reshape(-1, 4)


def _number(value: float) -> float | None:
    return None if value < 0 else float(value)  # COCOeval writes -1 where there are no boxes


def _stay_silent(*_: object) -> None:
    """Take what COCOeval would print."""
