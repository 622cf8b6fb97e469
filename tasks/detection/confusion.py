"""Which class a detector takes for which."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.detection.coco_arrays import match_greedily, measure_iou, read_boxes


def confusion_matrix(
    ground_truth: dict[str, Any],
    results: list[dict[str, Any]],
    *,
    score_threshold: float | Sequence[float] = 0.5,
    iou_threshold: float = 0.5,
) -> np.ndarray:
    """Count which class was detected as which.

    Within an image, detections take the free box that they overlap most, whatever its class, highest score first.
    A detection that lies on a crowd and on no free box is not counted, as in COCOeval.

    Args:
        ground_truth: as for `tasks.detection.metrics.evaluate_detections`.
        results: likewise.
        score_threshold: detections below it are not counted; one for all classes, or one for each of K.
        iou_threshold: least intersection over union of a detection and its box.

    Returns:
        (K + 1, K + 1) int64, rows = ground truth, columns = detections; the last row holds false positives, the
        last column missed boxes.
    """
    truth, found = read_boxes(ground_truth, ground_truth["annotations"]), read_boxes(ground_truth, results)
    background = len(ground_truth["categories"])
    found = found.take(found.scores >= np.broadcast_to(score_threshold, background)[found.labels])
    single, crowds = truth.take(~truth.crowd), truth.take(truth.crowd)
    matrix = np.zeros((background + 1, background + 1), dtype=np.int64)
    for own, boxes, groups in zip(found.slices(), single.slices(), crowds.slices(), strict=True):
        rows, columns = np.append(single.labels[boxes], background), found.labels[own]
        overlaps = measure_iou(found.xywh[own], single.xywh[boxes])
        overlaps += 1e-9 * (columns[:, None] == rows[None, :-1])  # of two equal boxes, the one of the same class
        matches = match_greedily(overlaps, iou_threshold)
        on_crowd = measure_iou(found.xywh[own], crowds.xywh[groups], over_first=True).max(axis=1, initial=0.0)
        counted = (matches >= 0) | (on_crowd < iou_threshold)
        np.add.at(matrix, (rows[matches][counted], columns[counted]), 1)
        np.add.at(matrix[:, background], np.delete(rows[:-1], matches[matches >= 0]), 1)
    return matrix
