"""What an evaluation of a segmenter finds out beside IoU: the contents of analysis.json."""

import operator
from functools import reduce
from itertools import islice
from statistics import mean
from typing import Any

import lightning as L
import numpy as np
from torch import Tensor

from data.batches import SegmentationBatch
from data.classes import ClassTable
from data.samples import IGNORE
from tasks.processes import gather, interleave
from tasks.segmentation.boundary import BoundaryCounts
from tasks.segmentation.metrics import SegmentationMetrics


class Inspection(L.Callback):
    """Looks at each mask that a validation predicts, one image at a time.

    Attributes:
        boundary: counts of boundary pixels.
        wrong: the share of each image's pixels that is wrong, 0 to 1, in the reader's order; ignored pixels left out.
            Both of this process until the validation ends, then in the first of all.
    """

    def __init__(self, num_classes: int) -> None:
        self.boundary = BoundaryCounts(num_classes)
        self.wrong: list[float] = []
        self._batches: list[int] = []  # images in each

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor,  # type: ignore[override]  # the masks that SegmentationModule returns
        batch: SegmentationBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count what is wrong in the masks of a batch."""
        for predicted, truth in zip(outputs.cpu().numpy(), batch.masks.cpu().numpy(), strict=True):
            self.boundary.update(predicted.astype(np.uint8), truth)
            counted = truth != IGNORE
            self.wrong.append(float(((predicted != truth) & counted).sum() / max(counted.sum(), 1)))
        self._batches.append(len(outputs))

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Bring together what several processes counted."""
        images = iter(self.wrong)
        wrong = [list(islice(images, count)) for count in self._batches]
        parts = gather((self.boundary, wrong))
        if parts:
            self.boundary = reduce(operator.add, [boundary for boundary, _ in parts])
            self.wrong = [share for batch in interleave([wrong for _, wrong in parts]) for share in batch]


def describe_analysis(
    metrics: SegmentationMetrics, matrix: np.ndarray, boundary: BoundaryCounts, *, classes: ClassTable
) -> dict[str, Any]:
    """Return the numbers as analysis.json stores them.

    Args:
        metrics: of one evaluation.
        matrix: (K, K) its confusion matrix, rows = ground truth.
        boundary: its boundary pixels.
        classes: the K classes.
    """
    totals, outlines = matrix.sum(axis=1).tolist(), boundary.measure()
    measured = [value for value in outlines if value is not None]
    per_class = {
        name: {
            "IoU": metrics.iou[name],
            "accuracy": matrix[k, k].item() / totals[k] if totals[k] else None,
            "boundary_F1": outlines[k],
            "share": totals[k] / sum(totals) if sum(totals) else None,
        }
        for k, name in enumerate(classes.names)
    }
    tolerance = mean(boundary.tolerances) if boundary.tolerances else None
    return {
        "task": "segmentation",
        "per_class": per_class,
        "boundary": {"F1": mean(measured) if measured else None, "tolerance": tolerance},
    }
