"""Training and evaluation of a segmenter: calls the model, the loss, the metric."""

from typing import Any

import lightning as L
from torch import Tensor

from data.loading import SegmentationBatch
from heads.lraspp import LRASPP, resize
from heads.raspp import RASPP
from tasks.description import Description
from tasks.distillation.features import feature_loss
from tasks.distillation.teacher import Teacher, record_maps, with_projection
from tasks.model import build_model
from tasks.optimizers import Optimization, build_optimizer
from tasks.segmentation.distillation import distillation_loss
from tasks.segmentation.losses import segmentation_loss
from tasks.segmentation.metrics import ConfusionMatrix, SegmentationMetrics, evaluate_segmentation
from tasks.segmentation.postprocess import pad_to_grid, postprocess


class SegmentationModule(L.LightningModule):
    """A segmenter in training or evaluation.

    Args:
        description: of the model.
        optimization: how to train; evaluation needs none.
        teacher: that it imitates in training, beside its labels.

    Attributes:
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
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        self.description = description
        self.optimization = optimization
        self.teacher = teacher
        self.model = build_model(description.arch)
        if not isinstance(self.model.head, LRASPP | RASPP):
            raise ValueError(f"a segmenter needs the head lraspp or raspp; got {description.arch.head}")
        self.align_corners = self.model.head.align_corners
        self.confusion = ConfusionMatrix(len(description.classes))
        self.metrics: SegmentationMetrics | None = None

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule."""
        if self.optimization is None:
            raise ValueError("no optimization given: this module only evaluates")
        return build_optimizer(with_projection(self.model, self.teacher), self.optimization)

    def forward(self, images: Tensor) -> Tensor:
        """Predict logits (N, K, H, W) float32 from images (N, 3, H, W) uint8."""
        height, width = images.shape[-2:]
        x = self.description.preprocessing.normalize(images)
        if self.align_corners:
            x = pad_to_grid(x, stride=self.description.arch.output_stride)
        logits = self.model(x).float()  # (N, K, h, w) at a stride of the head
        return resize(logits, (x.shape[-2], x.shape[-1]), align_corners=self.align_corners)[..., :height, :width]

    def training_step(self, batch: SegmentationBatch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        masks = batch.masks.long()
        with record_maps(self.model.backbone, self.teacher) as maps:
            logits = self(batch.images)
        loss = segmentation_loss(logits, masks)
        if self.teacher is not None:
            distill = self._distill(self.teacher, batch.images, logits, masks=masks, maps=maps)
            self.log("train/loss_distill", distill, batch_size=len(masks))
            loss = loss + distill
        self.log("train/loss", loss, prog_bar=True, batch_size=len(masks))
        return loss

    def _distill(
        self, teacher: Teacher, images: Tensor, logits: Tensor, *, masks: Tensor, maps: dict[str, Tensor]
    ) -> Tensor:
        settings, taught = teacher.settings, teacher(images)
        if teacher.projection is not None:
            return settings.weight * feature_loss(teacher.projection(maps["C5"]), taught)
        loss = distillation_loss(logits, taught, masks, places=teacher.places, temperature=settings.temperature)
        return settings.weight * loss

    def segment(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Classify each pixel of images (N, 3, H, W) uint8: (N, *size) int64, class indices."""
        return postprocess(self(images), size=size)

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
