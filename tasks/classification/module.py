"""Training and evaluation of a classifier: calls the model, the loss, the metric."""

from typing import Any

import lightning as L
import torch
from torch import Tensor

from data.loading import ClassificationBatch
from tasks.classification.classifier import Classifier
from tasks.classification.distillation import distillation_loss
from tasks.classification.losses import classification_loss
from tasks.classification.metrics import HEADLINES, ClassificationMetric, ClassificationMetrics
from tasks.classification.mixing import mix
from tasks.classification.settings import Augmentation, LossSettings
from tasks.distillation.features import feature_loss
from tasks.distillation.teacher import Teacher, with_projection
from tasks.optimization import Optimization
from tasks.optimizers import build_optimizer


class ClassificationModule(L.LightningModule):
    """A classifier in training or evaluation.

    Args:
        model: the classifier.
        optimization: how to train; evaluation needs none.
        loss: how it is trained.
        augmentation: of which mixup and CutMix happen here, to whole batches; none by default.
        teacher: that it imitates in training, beside its labels.
        metric: of the images that it is evaluated on.

    Attributes:
        headline: the metric that decides which checkpoint is best.
        metrics: of the last validation.
    """

    headline = HEADLINES["softmax"]

    def __init__(
        self,
        model: Classifier,
        *,
        optimization: Optimization | None = None,
        loss: LossSettings | None = None,
        augmentation: Augmentation | None = None,
        teacher: Teacher | None = None,
        metric: ClassificationMetric | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.optimization = optimization
        self.loss = loss or LossSettings()
        self.augmentation = augmentation or Augmentation()
        self.teacher = teacher
        self.metric = metric
        self.headline = HEADLINES[model.description.arch.scores]
        self.metrics: ClassificationMetrics | None = None

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule."""
        if self.optimization is None:
            raise ValueError("no optimization given: this module only evaluates")
        return build_optimizer(with_projection(self.model, self.teacher), self.optimization)

    def training_step(self, batch: ClassificationBatch, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss of a batch, and what of it is logged, by name."""
        images, targets = batch.images, batch.targets.float()
        if self.augmentation.mixup or self.augmentation.cutmix:
            images, targets = mix(images, targets, mixup=self.augmentation.mixup, cutmix=self.augmentation.cutmix)
        features = self.model.backbone(self.model.prepare(images))
        logits, scores = self.model.head(features), self.model.description.arch.scores
        with torch.autocast(self.device.type, enabled=False):
            smoothing = self.loss.label_smoothing
            losses = {"labels": classification_loss(logits, targets, scores=scores, label_smoothing=smoothing)}
        if self.teacher is not None:
            losses["distill"] = self._distill(self.teacher, images, logits, features=features)
        total = torch.stack(list(losses.values())).sum()
        parts = {f"train/loss_{name}": loss for name, loss in losses.items()} if len(losses) > 1 else {}
        return {"loss": total} | {name: loss.detach() for name, loss in {"train/loss": total, **parts}.items()}

    def _distill(self, teacher: Teacher, images: Tensor, logits: Tensor, *, features: dict[str, Tensor]) -> Tensor:
        settings, output = teacher.settings, teacher(images)
        if teacher.projection is not None:
            return settings.weight * feature_loss(teacher.projection(features["C5"]), output)
        return settings.weight * distillation_loss(
            logits,
            output,
            scores=self.model.description.arch.scores,
            class_map=teacher.class_map,
            temperature=settings.temperature,
        )

    def on_validation_epoch_start(self) -> None:
        """Forget earlier counts."""
        self._metric.reset()

    def validation_step(self, batch: ClassificationBatch, batch_idx: int) -> Tensor:
        """Count the images of a batch, and return the scores (N, K)."""
        scores: Tensor = self.model(batch.images)
        self._metric.update(scores, batch.targets)
        return scores

    def on_validation_epoch_end(self) -> None:
        """Compute and log the metrics."""
        self.metrics = self._metric.compute()
        numbers = {f"val/{name}": value or 0.0 for name, value in self.metrics.summary.items()}
        headline = numbers.pop(f"val/{self.headline}")
        self.log_dict(numbers)
        self.log(f"val/{self.headline}", headline, prog_bar=True)

    @property
    def _metric(self) -> ClassificationMetric:
        if self.metric is None:
            raise ValueError("no metric given: this module only trains")
        return self.metric
