"""Training and evaluation of a segmenter: calls the model, the loss, the metric."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from data.loading import SegmentationBatch
from heads.fcn import FCN
from heads.lraspp import LRASPP, resize
from heads.raspp import RASPP
from tasks.distillation.features import feature_loss
from tasks.distillation.teacher import Teacher, with_projection
from tasks.models.description import Description
from tasks.models.network import Model, build_model
from tasks.models.normalization import normalize
from tasks.optimization import Optimization
from tasks.optimizers import build_optimizer
from tasks.segmentation.distillation import distillation_loss
from tasks.segmentation.losses import cross_entropy_loss, flatten_pixels, segmentation_loss
from tasks.segmentation.metrics import ConfusionMatrix, SegmentationMetrics, evaluate_segmentation
from tasks.segmentation.postprocess import pad_to_grid, postprocess
from tasks.segmentation.settings import Averaging, LossSettings
from tasks.segmentation.tta import average_scores


class SegmentationModule(L.LightningModule):
    """A segmenter in training or evaluation.

    Args:
        description: of the model.
        optimization: how to train; evaluation needs none.
        loss: how it is taught; plain cross-entropy by default.
        averaging: of the scores in evaluation; none by default.
        teacher: that it imitates in training, beside its labels.

    Attributes:
        auxiliary: a head in training alone, where the loss gives it a weight; no part of `model`.
        metric: what decides which checkpoint is best.
        metrics: of the last validation.
        confusion: pixel counts of the last validation.
    """

    metric = "mIoU"

    def __init__(
        self,
        description: Description,
        *,
        optimization: Optimization | None = None,
        loss: LossSettings | None = None,
        averaging: Averaging | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        self.description = description
        self.optimization = optimization
        self.loss = loss or LossSettings()
        self.averaging = averaging
        self.teacher = teacher
        self.model = build_model(description.arch, extra=FCN.TAPS if self.loss.aux_weight else ())
        if not isinstance(self.model.head, LRASPP | RASPP):
            raise ValueError(f"a segmenter needs the head lraspp or raspp; got {description.arch.head}")
        self.align_corners = self.model.head.align_corners
        self.auxiliary = build_auxiliary(description, self.model) if self.loss.aux_weight else None
        self.confusion = ConfusionMatrix(len(description.classes))
        self.metrics: SegmentationMetrics | None = None

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule."""
        if self.optimization is None:
            raise ValueError("no optimization given: this module only evaluates")
        return build_optimizer(with_projection(self, self.teacher), self.optimization)

    def forward(self, images: Tensor) -> Tensor:
        """Predict logits (N, K, H, W) float32 from images (N, 3, H, W) uint8."""
        x = self._prepare(images)
        return self._finish(self.model(x), x, images)

    def training_step(self, batch: SegmentationBatch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        masks = batch.masks.long()
        x = self._prepare(batch.images)
        features = self.model.backbone(x)
        logits = self._finish(self.model.head(features), x, batch.images)
        guess = None if self.auxiliary is None else self._finish(self.auxiliary(features), x, batch.images)
        with torch.autocast(self.device.type, enabled=False):
            losses = segmentation_loss(logits, masks, settings=self.loss)
            if guess is not None:
                losses["auxiliary"] = self.loss.aux_weight * cross_entropy_loss(*flatten_pixels(guess, masks))
        if self.teacher is not None:
            losses["distill"] = self._distill(self.teacher, batch.images, logits, masks=masks, features=features)
        total = torch.stack(list(losses.values())).sum()
        self.log("train/loss", total, prog_bar=True, batch_size=len(masks))
        if len(losses) > 1:
            self.log_dict({f"train/loss_{name}": loss for name, loss in losses.items()}, batch_size=len(masks))
        return total

    def _prepare(self, images: Tensor) -> Tensor:
        """Turn images into what the network takes."""
        x = normalize(images, self.description.preprocessing)
        return pad_to_grid(x, stride=self.description.arch.output_stride) if self.align_corners else x

    def _finish(self, logits: Tensor, x: Tensor, images: Tensor) -> Tensor:
        """Resize a head's logits (N, K, h, w) to its input x, and cut them to the images: (N, K, H, W) float32."""
        size, (height, width) = (x.shape[-2], x.shape[-1]), images.shape[-2:]
        return resize(logits.float(), size, align_corners=self.align_corners)[..., :height, :width]

    def _distill(
        self, teacher: Teacher, images: Tensor, logits: Tensor, *, masks: Tensor, features: dict[str, Tensor]
    ) -> Tensor:
        settings, taught = teacher.settings, teacher(images)
        if teacher.projection is not None:
            return settings.weight * feature_loss(teacher.projection(features["C5"]), taught)
        loss = distillation_loss(logits, taught, masks, places=teacher.places, temperature=settings.temperature)
        return settings.weight * loss

    def segment(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Classify each pixel of images (N, 3, H, W) uint8: (N, *size) int64, class indices."""
        if self.averaging is None:
            return postprocess(self(images), size=size)
        return average_scores(images, predict=self, size=size, averaging=self.averaging).argmax(dim=1)

    def on_validation_epoch_start(self) -> None:
        """Forget earlier counts."""
        self.confusion.reset()

    def validation_step(self, batch: SegmentationBatch, batch_idx: int) -> Tensor:
        """Count the pixels of a batch, at the labels' own size, and return the predicted masks."""
        height, width = batch.masks.shape[1:]
        predictions = self.segment(batch.images, (height, width))
        self.confusion.update(predictions, batch.masks)
        return predictions

    def on_validation_epoch_end(self) -> None:
        """Compute and log the metrics."""
        self.metrics = evaluate_segmentation(self.confusion.matrix, self.description.classes)
        self.log_dict(
            {f"val/{name}": value or 0.0 for name, value in self.metrics.summary.items() if name != self.metric}
        )
        self.log(f"val/{self.metric}", self.metrics.summary[self.metric] or 0.0, prog_bar=True)


def build_auxiliary(description: Description, model: Model) -> FCN:
    """Build the head that helps in training; the model gives the maps that it takes."""
    arch = description.arch
    return FCN(model.backbone.taps, num_classes=arch.num_classes, bn_momentum=arch.bn_momentum)
