"""Training and evaluation of a detector: calls the model, the assignment, the losses, the metric."""

from functools import partial

import torch
from torch import Tensor

from data.batches import DetectionBatch
from heads.ssdlite import RawDetections
from tasks.detection.detector import Detector
from tasks.detection.distillation import distillation_loss
from tasks.detection.iou_assignment import Assignment, match
from tasks.detection.losses import detection_loss
from tasks.detection.metrics import DetectionMetric, DetectionMetrics
from tasks.detection.settings import LossSettings
from tasks.detection.task_aligned_assignment import align
from tasks.distillation.teacher import Teacher
from tasks.module import TaskModule
from tasks.optimization import Optimization


class DetectionModule(TaskModule[Detector, DetectionMetric]):
    """A detector in training or evaluation.

    Args:
        model: the detector.
        optimization: how to train; evaluation needs none.
        loss: how it is trained; evaluation needs none.
        teacher: that it imitates in training, beside its labels.
        metric: of the images that it is evaluated on.

    Attributes:
        headline: the metric that decides which checkpoint is best.
        metrics: of the last validation.
    """

    headline = "mAP"
    metrics: DetectionMetrics | None

    def __init__(
        self,
        model: Detector,
        *,
        optimization: Optimization | None = None,
        loss: LossSettings | None = None,
        teacher: Teacher | None = None,
        metric: DetectionMetric | None = None,
    ) -> None:
        super().__init__(model, optimization=optimization, teacher=teacher, metric=metric)
        self.loss = loss

    def training_step(self, batch: DetectionBatch, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss of a batch, and what of it is logged, by name: of the whole batch, in all processes."""
        if self.loss is None:
            raise ValueError("no loss given: this module only evaluates")
        batch = batch.changed()
        features = self.model.backbone(self.model.prepare(batch.images))
        raw = self.model.head(features)
        anchors = self.model.anchors_at((batch.images.shape[2], batch.images.shape[3]))
        with torch.autocast(self.device.type, enabled=False):
            loss = detection_loss(
                raw,
                anchors,
                boxes=batch.boxes,
                labels=batch.labels,
                assignment=assign(raw, batch, anchors, settings=self.loss),
                scores=self.model.description.arch.scores,
                settings=self.loss,
            )
        losses = {"class": loss.classification, "box": loss.box}
        if self.teacher is not None:
            losses["distill"] = self._distill(self.teacher, batch.images, raw, features)
        return self.log_losses(losses)

    def _distill(self, teacher: Teacher, images: Tensor, raw: RawDetections, features: dict[str, Tensor]) -> Tensor:
        compare = partial(
            distillation_loss,
            raw,
            class_map=teacher.class_map,
            scores=self.model.description.arch.scores,
            settings=teacher.settings,
        )
        return self.imitate(teacher, images, features, compare=compare)

    def validation_step(self, batch: DetectionBatch, batch_idx: int) -> None:
        """Collect the detections of a batch."""
        self.counted.update(batch, self.model(batch.images))


def assign(raw: RawDetections, batch: DetectionBatch, anchors: Tensor, *, settings: LossSettings) -> Assignment:
    """Decide which anchors (A, 4), xyxy in pixels, learn which box of a batch."""
    targets = (batch.boxes, batch.labels, batch.crowd, anchors)
    if settings.assignment == "task_aligned":
        return align(raw, *targets, candidates=settings.candidates)
    return match(*targets, iou_threshold=settings.matching_iou)
