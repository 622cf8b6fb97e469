"""COCO's lists of boxes and of detections as arrays, sorted by image; and how much boxes overlap."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class CocoBoxes:
    """The M boxes of N images, ground truth or detections, sorted by image; detections then by score, highest first.

    Attributes:
        images: (M,) int64, positions in the ground truth's "images".
        labels: (M,) int64, positions in its "categories".
        xywh: (M, 4) float64, left, top, width, height in pixels.
        scores: (M,) float64; 1 for ground truth.
        crowd: (M,) bool; false for detections.
        ends: (N + 1,) int64: image i holds the boxes from ends[i] to ends[i + 1].
    """

    images: np.ndarray
    labels: np.ndarray
    xywh: np.ndarray
    scores: np.ndarray
    crowd: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def slices(self) -> Iterator[slice]:
        """Yield where the boxes of each image are."""
        return (slice(start, end) for start, end in zip(self.ends[:-1].tolist(), self.ends[1:].tolist(), strict=True))

    def take(self, rows: np.ndarray) -> "CocoBoxes":
        """Return some of the boxes, by a mask or by positions that keep the order of the images."""
        images = self.images[rows]
        ends = np.searchsorted(images, np.arange(len(self.ends)))
        return CocoBoxes(images, self.labels[rows], self.xywh[rows], self.scores[rows], self.crowd[rows], ends)


def read_boxes(ground_truth: dict[str, Any], entries: list[dict[str, Any]]) -> CocoBoxes:
    """Read the annotations of a COCO dict, or COCO results for its images.

    Args:
        ground_truth: a COCO dict, of which images and categories are taken.
        entries: its annotations, or results; each names an image and a category of it.
    """
    image_at = {image["id"]: i for i, image in enumerate(ground_truth["images"])}
    label_at = {category["id"]: k for k, category in enumerate(ground_truth["categories"])}
    images = np.array([image_at[entry["image_id"]] for entry in entries], dtype=np.int64)
    scores = np.array([entry.get("score", 1.0) for entry in entries], dtype=np.float64)
    order = np.lexsort((-scores, images))
    labels = np.array([label_at[entry["category_id"]] for entry in entries], dtype=np.int64)
    xywh = np.array([entry["bbox"] for entry in entries], dtype=np.float64).reshape(-1, 4)
    crowd = np.array([entry.get("iscrowd", 0) for entry in entries], dtype=bool)
    ends = np.searchsorted(images[order], np.arange(len(image_at) + 1))
    return CocoBoxes(images[order], labels[order], xywh[order], scores[order], crowd[order], ends)


def measure_iou(first: np.ndarray, second: np.ndarray, *, over_first: bool = False) -> np.ndarray:
    """Return the IoU of (D, 4) and (G, 4) xywh boxes, (D, G), or the intersection over the first box's own area."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    shared = (high - low).clip(min=0).prod(axis=2)  # (D, G)
    own, other = first[:, 2:].prod(axis=1)[:, None], second[:, 2:].prod(axis=1)[None]
    whole = np.broadcast_to(own, shared.shape) if over_first else own + other - shared
    return np.divide(shared, whole, out=np.zeros_like(shared), where=whole > 0)


def match_greedily(overlaps: np.ndarray, threshold: float) -> np.ndarray:
    """Give each detection the free box that it overlaps most, the first detection first.

    Args:
        overlaps: (D, G), detections sorted by score, highest first.
        threshold: least overlap of a detection and its box.

    Returns:
        (D,) the boxes taken, -1 for none.
    """
    free = overlaps.copy()
    matches = np.full(len(overlaps), -1)
    for row in np.flatnonzero((overlaps >= threshold).any(axis=1)).tolist():
        best = free[row].argmax()
        if free[row, best] >= threshold:
            matches[row] = best
            free[:, best] = -1.0
    return matches
