"""Intersection over union as the Cityscapes benchmark computes it (arXiv:1604.01685, section 4.1)."""

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.batches import SegmentationBatch
from data.classes import ClassTable
from data.samples import IGNORE
from tasks.collectives import all_sum


class ConfusionMatrix:
    """Counts of pixels; the matrices of several processes or data sets add up.

    No module: averaged weights are swapped in and out with all buffers, and counts are no weights.

    Attributes:
        matrix: (K, K) int64, rows = ground truth, columns = predictions; on the device of the first counted pixels.
    """

    def __init__(self, num_classes: int) -> None:
        self.matrix = torch.zeros(num_classes, num_classes, dtype=torch.int64)

    def update(self, predictions: Tensor, masks: Tensor) -> None:
        """Count the pixels of one image or one batch.

        Args:
            predictions: (..., H, W) integer, class indices 0 to K - 1.
            masks: the same shape, class indices or IGNORE, whose pixels do not count.

        Raises:
            ValueError: if the shapes differ or a value is no class index.
        """
        if predictions.shape != masks.shape:
            raise ValueError(f"predictions {tuple(predictions.shape)} and masks {tuple(masks.shape)} differ in shape")
        num_classes = len(self.matrix)
        counted = masks != IGNORE
        rows, columns = (torch.where(counted, values, 0).long() for values in (masks, predictions))
        for name, values in (("masks", rows), ("predictions", columns)):
            low, high = int(values.min()), int(values.max())
            if low < 0 or high >= num_classes:
                raise ValueError(f"{name} hold {low} to {high}; expected 0 to {num_classes - 1} or, in masks, {IGNORE}")
        # Ignored pixels fall into one more bin: several times faster than selecting the others.
        bins = torch.where(counted, rows * num_classes + columns, num_classes**2).flatten()
        counts = torch.bincount(bins, minlength=num_classes**2 + 1)[:-1]
        self.matrix = self.matrix.to(counts.device) + counts.view(num_classes, num_classes)  # (K, K)

    def reset(self) -> None:
        """Forget all counts."""
        self.matrix = torch.zeros_like(self.matrix)


@dataclass(frozen=True)
class SegmentationMetrics:
    """Numbers from 0 to 1; None where neither ground truth nor predictions hold a pixel to measure on.

    Attributes:
        summary: mIoU, mIoU_category (only with categories), pixel_accuracy, class_accuracy (mean recall).
        iou: IoU under each class name.
        iou_category: IoU under each category name, after merging its classes; empty without categories.
    """

    summary: dict[str, float | None]
    iou: dict[str, float | None]
    iou_category: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as metrics.json stores them; without categories, no entry for them."""
        values: dict[str, Any] = {**self.summary, "iou": dict(self.iou)}
        if self.iou_category:
            values["iou_category"] = dict(self.iou_category)
        return values


class SegmentationMetric:
    """Counts the pixels of predicted masks, and turns the counts into metrics at the end.

    Attributes:
        confusion: the counts so far.
    """

    def __init__(self, classes: ClassTable) -> None:
        self.classes = classes
        self.confusion = ConfusionMatrix(len(classes))

    def reset(self) -> None:
        """Forget earlier counts."""
        self.confusion.reset()

    def update(self, batch: SegmentationBatch, masks: Tensor) -> None:
        """Count the pixels of the masks (N, h, w) of a batch, of the labels' own size."""
        self.confusion.update(masks, batch.masks)

    def compute(self) -> SegmentationMetrics:
        """Return the metrics of all masks together, of all processes; their counts are in each of them by then."""
        self.confusion.matrix = all_sum(self.confusion.matrix.cpu())
        return evaluate_segmentation(self.confusion.matrix, self.classes)


def evaluate_segmentation(matrix: Tensor | np.ndarray, classes: ClassTable) -> SegmentationMetrics:
    """Turn a confusion matrix into metrics, equal to those of cityscapesscripts to the last bit.

    A mean leaves out what is None. A class that is predicted but is not in the ground truth has IoU 0.

    Args:
        matrix: (K, K) integer, rows = ground truth, columns = predictions.
        classes: the K classes.

    Returns:
        The metrics, per class in the order of `classes`, per category in order of appearance.

    Raises:
        ValueError: if the matrix is not (K, K).
    """
    counts = matrix.cpu().numpy() if isinstance(matrix, Tensor) else np.asarray(matrix)
    if counts.shape != (len(classes), len(classes)):
        raise ValueError(f"matrix has shape {counts.shape}; expected {(len(classes), len(classes))}")
    iou = {name: _iou(counts, [k]) for k, name in enumerate(classes.names)}
    members = {
        name: [k for k, category in enumerate(classes.categories) if category == name] for name in classes.categories
    }
    iou_category = {name: _iou(counts, indices) for name, indices in members.items() if name}
    recall = [_ratio(counts[k, k], counts[k].sum()) for k in range(len(classes))]
    summary = {"mIoU": _mean(iou.values())}
    if iou_category:
        summary["mIoU_category"] = _mean(iou_category.values())
    summary["pixel_accuracy"] = _ratio(counts.trace(), counts.sum())
    summary["class_accuracy"] = _mean(recall)
    return SegmentationMetrics(summary, iou, iou_category)


def _iou(counts: np.ndarray, members: list[int]) -> float | None:
    """Return the IoU of the classes `members` taken as one."""
    both = counts[np.ix_(members, members)].sum()
    return _ratio(both, counts[members].sum() + counts[:, members].sum() - both)


def _ratio(part: int, whole: int) -> float | None:
    return float(part) / float(whole) if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    # Added one by one as cityscapesscripts does: sum() compensates rounding from Python 3.12 on.
    return reduce(operator.add, defined) / len(defined) if defined else None
