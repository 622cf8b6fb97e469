"""Training and evaluation of a segmenter: calls the model, the loss, the metric."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from data.loading import SegmentationBatch
from heads.fcn import FCN
from tasks.distillation.features import feature_loss
from tasks.distillation.teacher import Teacher, with_projection
from tasks.evaluation_settings import TTA
from tasks.optimization import Optimization
from tasks.optimizers import build_optimizer
from tasks.processes import average
from tasks.segmentation.distillation import distillation_loss
from tasks.segmentation.losses import cross_entropy_loss, segmentation_loss
from tasks.segmentation.metrics import SegmentationMetric, SegmentationMetrics
from tasks.segmentation.pixels import Pixels
from tasks.segmentation.segmenter import Segmenter
from tasks.segmentation.settings import LossSettings
from tasks.segmentation.tta import average_scores


class SegmentationModule(L.LightningModule):
    """A segmenter in training or evaluation.

    Args:
        model: the segmenter; with the maps that `heads.fcn.FCN` takes, where the loss gives an auxiliary head a weight.
        optimization: how to train; evaluation needs none.
        loss: how it is trained; plain cross-entropy by default.
        teacher: that it imitates in training, beside its labels.
        metric: of the images that it is evaluated on.
        tta: test-time augmentation in evaluation; none by default.

    Attributes:
        auxiliary: a head in training alone; no part of `model`.
        headline: the metric that decides which checkpoint is best.
        metrics: of the last validation.
    """

    headline = "mIoU"

    def __init__(
        self,
        model: Segmenter,
        *,
        optimization: Optimization | None = None,
        loss: LossSettings | None = None,
        teacher: Teacher | None = None,
        metric: SegmentationMetric | None = None,
        tta: TTA | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.optimization = optimization
        self.loss = loss or LossSettings()
        self.teacher = teacher
        self.metric = metric
        self.tta = tta
        self.auxiliary = build_auxiliary(model) if self.loss.aux_weight else None
        self.metrics: SegmentationMetrics | None = None

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule."""
        if self.optimization is None:
            raise ValueError("no optimization given: this module only evaluates")
        return build_optimizer(with_projection(self, self.teacher), self.optimization)

    def training_step(self, batch: SegmentationBatch, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss of a batch, and what of it is logged, by name: of the whole batch, in all processes."""
        batch = batch.changed()
        masks = batch.masks.long()
        x = self.model.prepare(batch.images)
        features = self.model.backbone(x)
        upsampling, logits = self.model.upsampling(x), self.model.head(features)
        with torch.autocast(self.device.type, enabled=False):
            losses = segmentation_loss(Pixels(logits, masks, upsampling), settings=self.loss)
        if self.auxiliary is not None:
            guess = self.auxiliary(features)
            with torch.autocast(self.device.type, enabled=False):
                losses["auxiliary"] = self.loss.aux_weight * cross_entropy_loss(Pixels(guess, masks, upsampling))
        if self.teacher is not None:
            logits = upsampling.resize(logits, cut=(masks.shape[1], masks.shape[2]))
            losses["distill"] = self._distill(self.teacher, batch.images, logits, masks=masks, features=features)
        total = torch.stack(list(losses.values())).sum()
        parts = {f"train/loss_{name}": loss for name, loss in losses.items()} if len(losses) > 1 else {}
        return {"loss": total} | average({"train/loss": total, **parts})

    def _distill(
        self, teacher: Teacher, images: Tensor, logits: Tensor, *, masks: Tensor, features: dict[str, Tensor]
    ) -> Tensor:
        settings, output = teacher.settings, teacher(images)
        if teacher.projection is not None:
            return settings.weight * feature_loss(teacher.projection(features["C5"]), output)
        loss = distillation_loss(logits, output, masks, class_map=teacher.class_map, temperature=settings.temperature)
        return settings.weight * loss

    def on_validation_epoch_start(self) -> None:
        """Forget earlier counts."""
        self._metric.reset()

    def validation_step(self, batch: SegmentationBatch, batch_idx: int) -> Tensor:
        """Count the pixels of a batch, at the labels' own size, and return the predicted masks."""
        size = (batch.masks.shape[1], batch.masks.shape[2])
        if self.tta is None:
            masks = self.model(batch.images, size=size)
        else:
            scores = average_scores(batch.images, predict=self.model.raw, size=size, tta=self.tta)
            masks = scores.argmax(dim=1)
        self._metric.update(batch, masks)
        return masks

    def on_validation_epoch_end(self) -> None:
        """Compute and log the metrics."""
        self.metrics = self._metric.compute()
        numbers = {f"val/{name}": value or 0.0 for name, value in self.metrics.summary.items()}
        headline = numbers.pop(f"val/{self.headline}")
        self.log_dict(numbers)
        self.log(f"val/{self.headline}", headline, prog_bar=True)

    @property
    def _metric(self) -> SegmentationMetric:
        if self.metric is None:
            raise ValueError("no metric given: this module only trains")
        return self.metric


def build_auxiliary(model: Segmenter) -> FCN:
    """Build the head that helps in training; the model gives the maps that it takes."""
    arch = model.description.arch
    return FCN(model.backbone.taps, num_classes=arch.num_classes, bn_momentum=arch.bn_momentum)
