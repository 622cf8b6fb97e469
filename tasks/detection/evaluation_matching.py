"""Which detection found which box at an IoU of one half, as COCOeval matches them, and how near the others came."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.detection.coco_arrays import CocoBoxes, match_greedily, measure_iou, read_boxes

FOREGROUND = 0.5  # least IoU of a detection that found a box
MOST = 100  # detections of a class in an image that count, as in COCOeval


@dataclass(frozen=True)
class Matches:
    """D detections beside M boxes, crowds left out, of N images and K classes.

    A match depends on the detections of higher score alone, so dropping all below a threshold changes no other match.

    Attributes:
        truth: the M boxes.
        found: the D detections.
        names: of the K classes.
        partner: (D,) int64, the box that each detection found, -1 for none.
        ignored: (D,) bool, found no box and lies on a crowd of its class: neither right nor false.
        own_iou: (D,) the best IoU with a box of its own class, found already or not; 0 where there is none.
        own_box: (D,) int64, that box; -1 where there is none.
        other_iou: (D,) the best IoU with a box of another class.
        other_box: (D,) int64, that box; -1 where there is none.
        empty: (N,) bool, images without objects, crowds included.
    """

    truth: CocoBoxes
    found: CocoBoxes
    names: tuple[str, ...]
    partner: np.ndarray
    ignored: np.ndarray
    own_iou: np.ndarray
    own_box: np.ndarray
    other_iou: np.ndarray
    other_box: np.ndarray
    empty: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """(D,) bool: the detections that found a box."""
        return self.partner >= 0

    @property
    def false(self) -> np.ndarray:
        """(D,) bool: the false positives."""
        return ~self.right & ~self.ignored

    @property
    def box_counts(self) -> np.ndarray:
        """(K,) int64: how many boxes each class has."""
        return np.bincount(self.truth.labels, minlength=len(self.names))

    def keep(self, thresholds: np.ndarray) -> np.ndarray:
        """Return (D,) bool: detections of at least their class's threshold, (K,)."""
        return self.found.scores >= thresholds[self.found.labels]

    def boxes_found(self, keep: np.ndarray) -> np.ndarray:
        """Return (M,) bool: the boxes that the kept detections, (D,) bool, found."""
        found = np.zeros(len(self.truth), dtype=bool)
        found[self.partner[keep & self.right]] = True
        return found


def match_detections(ground_truth: dict[str, Any], results: list[dict[str, Any]]) -> Matches:
    """Match detections with boxes, image by image and class by class, at an IoU of one half.

    Args:
        ground_truth: as for `tasks.detection.metrics.evaluate_detections`.
        results: likewise; of more than 100 of a class in an image, the best count.
    """
    boxes, found = read_boxes(ground_truth, ground_truth["annotations"]), read_boxes(ground_truth, results)
    found = found.take(_rank_in_class(found) < MOST)
    truth, crowds = boxes.take(~boxes.crowd), boxes.take(boxes.crowd)
    partner, own_box, other_box = (np.full(len(found), -1) for _ in range(3))
    own_iou, other_iou = np.zeros(len(found)), np.zeros(len(found))
    on_crowd = np.zeros(len(found), dtype=bool)
    for own, here, groups in zip(found.slices(), truth.slices(), crowds.slices(), strict=True):
        if own.start == own.stop:
            continue
        labels = found.labels[own, None]
        if groups.start < groups.stop:
            shares = measure_iou(found.xywh[own], crowds.xywh[groups], over_first=True)
            on_crowd[own] = ((shares >= FOREGROUND) & (labels == crowds.labels[groups])).any(axis=1)
        if here.start < here.stop:
            overlaps, same = measure_iou(found.xywh[own], truth.xywh[here]), labels == truth.labels[here]
            own_iou[own], own_box[own] = _find_best(np.where(same, overlaps, 0.0), here.start)
            other_iou[own], other_box[own] = _find_best(np.where(same, 0.0, overlaps), here.start)
            taken = match_greedily(np.where(same, overlaps, 0.0), FOREGROUND)
            partner[own] = np.where(taken >= 0, taken + here.start, -1)
    names = tuple(category["name"] for category in ground_truth["categories"])
    ignored, empty = on_crowd & (partner < 0), np.diff(boxes.ends) == 0
    return Matches(truth, found, names, partner, ignored, own_iou, own_box, other_iou, other_box, empty)


def _find_best(overlaps: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest overlap in each row of (D, G), and its box counted from `start`, -1 where all are 0."""
    columns = overlaps.argmax(axis=1)
    best = overlaps[np.arange(len(overlaps)), columns]
    return best, np.where(best > 0, columns + start, -1)


def _rank_in_class(found: CocoBoxes) -> np.ndarray:
    """Return (D,) the place of each detection among those of its class in its image, by score, from 0."""
    order = np.lexsort((found.labels, found.images))  # stable: the order of the scores stays
    images, labels = found.images[order], found.labels[order]
    first = np.r_[True, (images[1:] != images[:-1]) | (labels[1:] != labels[:-1])][: len(order)]
    places = np.arange(len(order))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = places - np.maximum.accumulate(np.where(first, places, 0))
    return ranks
