"""Training and evaluation of a segmenter: calls the model, the loss, the metric."""

import torch
from torch import Tensor, nn

from data.batches import SegmentationBatch
from heads.fcn import FCN
from tasks.distillation.teacher import Teacher
from tasks.evaluation_settings import TTA
from tasks.module import TaskModule
from tasks.optimization import Optimization
from tasks.segmentation.distillation import distillation_loss
from tasks.segmentation.losses import cross_entropy_loss, segmentation_loss
from tasks.segmentation.metrics import SegmentationMetric, SegmentationMetrics
from tasks.segmentation.pixels import Pixels
from tasks.segmentation.segmenter import Segmenter
from tasks.segmentation.settings import LossSettings
from tasks.segmentation.tta import average_scores


class SegmentationModule(TaskModule[Segmenter, SegmentationMetric]):
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
    metrics: SegmentationMetrics | None

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
        super().__init__(model, optimization=optimization, teacher=teacher, metric=metric)
        self.loss = loss or LossSettings()
        self.tta = tta
        self.auxiliary = build_auxiliary(model) if self.loss.aux_weight else None

    @property
    def trained(self) -> nn.Module:
        """The auxiliary head learns too."""
        return self

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
        return self.log_losses(losses)

    def _distill(
        self, teacher: Teacher, images: Tensor, logits: Tensor, *, masks: Tensor, features: dict[str, Tensor]
    ) -> Tensor:
        def compare(output: Tensor) -> Tensor:
            settings = teacher.settings
            return distillation_loss(
                logits, output, masks, class_map=teacher.class_map, temperature=settings.temperature
            )

        return self.imitate(teacher, images, features, compare=compare)

    def validation_step(self, batch: SegmentationBatch, batch_idx: int) -> Tensor:
        """Count the pixels of a batch, at the labels' own size, and return the predicted masks."""
        size = (batch.masks.shape[1], batch.masks.shape[2])
        if self.tta is None:
            masks = self.model(batch.images, size=size)
        else:
            scores = average_scores(batch.images, predict=self.model.raw, size=size, tta=self.tta)
            masks = scores.argmax(dim=1)
        self.counted.update(batch, masks)
        return masks


def build_auxiliary(model: Segmenter) -> FCN:
    """Build the head that helps in training; the model gives the maps that it takes."""
    arch = model.description.arch
    return FCN(model.backbone.taps, num_classes=arch.num_classes, bn_momentum=arch.bn_momentum)
