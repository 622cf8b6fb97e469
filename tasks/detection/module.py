"""Training and evaluation of a detector: calls the model, the matcher, the losses, the metric."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from data.boxes import BoxDataset
from data.errors import InputError
from data.loading import DetectionBatch
from heads.ssdlite import RawDetections, SSDLite
from tasks.detection.distillation import distillation_loss
from tasks.detection.iou_assignment import Assignment, match
from tasks.detection.losses import detection_loss
from tasks.detection.metrics import DetectionMetrics, evaluate_detections
from tasks.detection.postprocess import Detections, postprocess
from tasks.detection.settings import LossSettings
from tasks.detection.task_aligned_assignment import align
from tasks.distillation.features import feature_loss
from tasks.distillation.teacher import Teacher, with_projection
from tasks.models.description import Description
from tasks.models.network import build_model
from tasks.models.normalization import normalize
from tasks.optimization import Optimization
from tasks.optimizers import build_optimizer


class DetectionModule(L.LightningModule):
    """A detector in training or evaluation.

    Args:
        description: of the model.
        optimization: how to train; evaluation needs none.
        loss: how it is taught; evaluation needs none.
        teacher: that it imitates in training, beside its labels.

    Attributes:
        metric: what decides which checkpoint is best.
        metrics: of the last validation.
        results: of the last validation, as COCO results in pixels of the original images.
    """

    metric = "mAP"

    def __init__(
        self,
        description: Description,
        *,
        optimization: Optimization | None = None,
        loss: LossSettings | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        self.description = description
        self.optimization = optimization
        self.loss = loss
        self.teacher = teacher
        self.model = build_model(description.arch)
        head, size = self.model.head, description.preprocessing.size
        if not isinstance(head, SSDLite) or not isinstance(size, tuple) or description.postprocessing is None:
            raise ValueError(f"a detector needs an SSDLite head, an input size and postprocessing; got {description}")
        if loss and loss.assignment == "task_aligned" and description.arch.scores != "sigmoid":
            raise InputError(
                "loss.assignment: task_aligned with model.scores=softmax; "
                "expected model.scores=sigmoid or loss.assignment=iou"
            )
        if loss and description.arch.scores == "sigmoid" and loss.min_negatives != LossSettings.min_negatives:
            raise InputError("loss.min_negatives: does nothing with model.scores=sigmoid; expected it left out")
        self.size = size
        self.postprocessing = description.postprocessing
        self.anchors: Tensor
        self.register_buffer("anchors", head.anchors(size), persistent=False)
        self.metrics: DetectionMetrics | None = None
        self.results: list[dict[str, Any]] = []

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule."""
        if self.optimization is None:
            raise ValueError("no optimization given: this module only evaluates")
        return build_optimizer(with_projection(self.model, self.teacher), self.optimization)

    def forward(self, images: Tensor) -> Any:
        """Predict from images (N, 3, H, W) uint8."""
        return self.model(normalize(images, self.description.preprocessing))

    def training_step(self, batch: DetectionBatch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        if self.loss is None:
            raise ValueError("no loss given: this module only evaluates")
        features = self.model.backbone(normalize(batch.images, self.description.preprocessing))
        raw = self.model.head(features)
        with torch.autocast(self.device.type, enabled=False):
            assignment = self.assign(raw, batch, self.loss)
            loss = detection_loss(
                raw,
                self.anchors,
                boxes=batch.boxes,
                labels=batch.labels,
                assignment=assignment,
                scores=self.description.arch.scores,
                settings=self.loss,
            )
        total = loss.classification + loss.box
        parts = {"train/loss_class": loss.classification, "train/loss_box": loss.box}
        if self.teacher is not None:
            parts["train/loss_distill"] = self._distill(self.teacher, batch.images, raw, features)
            total = total + parts["train/loss_distill"]
        self.log("train/loss", total, prog_bar=True, batch_size=len(batch.images))
        self.log_dict(parts, batch_size=len(batch.images))
        return total

    def assign(self, raw: RawDetections, batch: DetectionBatch, settings: LossSettings) -> Assignment:
        """Decide which anchors learn which box of a batch."""
        targets = (batch.boxes, batch.labels, batch.crowd, self.anchors)
        if settings.assignment == "task_aligned":
            return align(raw, *targets, candidates=settings.candidates)
        return match(*targets, iou_threshold=settings.matching_iou)

    def _distill(self, teacher: Teacher, images: Tensor, raw: RawDetections, features: dict[str, Tensor]) -> Tensor:
        settings, taught = teacher.settings, teacher(images)
        if teacher.projection is not None:
            return settings.weight * feature_loss(teacher.projection(features["C5"]), taught)
        scores = self.description.arch.scores
        return settings.weight * distillation_loss(raw, taught, places=teacher.places, scores=scores, settings=settings)

    def detect(self, images: Tensor) -> list[Detections]:
        """Find objects in images (N, 3, H, W) uint8 of the network's size; boxes in its pixels."""
        raw = self(images)
        with torch.autocast(self.device.type, enabled=False):
            return postprocess(
                raw,
                self.anchors,
                size=self.size,
                scores=self.description.arch.scores,
                settings=self.postprocessing,
            )

    def on_validation_epoch_start(self) -> None:
        """Forget earlier results."""
        self.results = []

    def validation_step(self, batch: DetectionBatch, batch_idx: int) -> None:
        """Collect the detections of a batch."""
        reader = self._reader()
        for index, found in zip(batch.indices.tolist(), self.detect(batch.images), strict=True):
            self.results += to_results(
                found,
                image_id=int(reader.image_ids[index]),
                scale=scale_to(reader.sizes[index], self.size),
                category_ids=self.description.classes.ids,
            )

    def on_validation_epoch_end(self) -> None:
        """Compute and log the metrics."""
        self.metrics = evaluate_detections(self._reader().ground_truth(), self.results)
        self.log_dict(
            {f"val/{name}": value or 0.0 for name, value in self.metrics.summary.items() if name != self.metric}
        )
        self.log(f"val/{self.metric}", self.metrics.summary[self.metric] or 0.0, prog_bar=True)

    def _reader(self) -> BoxDataset:
        return self.trainer.val_dataloaders.dataset.reader  # type: ignore[union-attr]


def scale_to(original: Any, size: tuple[int, int]) -> tuple[float, float]:
    """Return the factors (x, y) from the network's pixels to those of an image of size `original` (height, width)."""
    return float(original[1]) / size[1], float(original[0]) / size[0]


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
