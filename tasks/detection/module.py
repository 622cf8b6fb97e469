"""Training and evaluation of a detector: calls the model, the assignment, the losses, the metric."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from data.loading import DetectionBatch
from heads.ssdlite import RawDetections
from tasks.detection.detector import Detector
from tasks.detection.distillation import distillation_loss
from tasks.detection.iou_assignment import Assignment, match
from tasks.detection.losses import detection_loss
from tasks.detection.metrics import DetectionMetric, DetectionMetrics
from tasks.detection.settings import LossSettings
from tasks.detection.task_aligned_assignment import align
from tasks.distillation.features import feature_loss
from tasks.distillation.teacher import Teacher, with_projection
from tasks.optimization import Optimization
from tasks.optimizers import build_optimizer
from tasks.processes import average


class DetectionModule(L.LightningModule):
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

    def __init__(
        self,
        model: Detector,
        *,
        optimization: Optimization | None = None,
        loss: LossSettings | None = None,
        teacher: Teacher | None = None,
        metric: DetectionMetric | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.optimization = optimization
        self.loss = loss
        self.teacher = teacher
        self.metric = metric
        self.metrics: DetectionMetrics | None = None

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule."""
        if self.optimization is None:
            raise ValueError("no optimization given: this module only evaluates")
        return build_optimizer(with_projection(self.model, self.teacher), self.optimization)

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
        total = loss.classification + loss.box
        parts = {"train/loss_class": loss.classification, "train/loss_box": loss.box}
        if self.teacher is not None:
            parts["train/loss_distill"] = self._distill(self.teacher, batch.images, raw, features)
            total = total + parts["train/loss_distill"]
        return {"loss": total} | average({"train/loss": total, **parts})

    def _distill(self, teacher: Teacher, images: Tensor, raw: RawDetections, features: dict[str, Tensor]) -> Tensor:
        settings, output = teacher.settings, teacher(images)
        if teacher.projection is not None:
            return settings.weight * feature_loss(teacher.projection(features["C5"]), output)
        scores = self.model.description.arch.scores
        return settings.weight * distillation_loss(
            raw, output, class_map=teacher.class_map, scores=scores, settings=settings
        )

    def on_validation_epoch_start(self) -> None:
        """Forget earlier results."""
        self._metric.reset()

    def validation_step(self, batch: DetectionBatch, batch_idx: int) -> None:
        """Collect the detections of a batch."""
        self._metric.update(batch, self.model(batch.images))

    def on_validation_epoch_end(self) -> None:
        """Compute and log the metrics."""
        self.metrics = self._metric.compute()
        numbers = {f"val/{name}": value or 0.0 for name, value in self.metrics.summary.items()}
        headline = numbers.pop(f"val/{self.headline}")
        self.log_dict(numbers)
        self.log(f"val/{self.headline}", headline, prog_bar=True)

    @property
    def _metric(self) -> DetectionMetric:
        if self.metric is None:
            raise ValueError("no metric given: this module only trains")
        return self.metric


def assign(raw: RawDetections, batch: DetectionBatch, anchors: Tensor, *, settings: LossSettings) -> Assignment:
    """Decide which anchors (A, 4), xyxy in pixels, learn which box of a batch."""
    targets = (batch.boxes, batch.labels, batch.crowd, anchors)
    if settings.assignment == "task_aligned":
        return align(raw, *targets, candidates=settings.candidates)
    return match(*targets, iou_threshold=settings.matching_iou)
