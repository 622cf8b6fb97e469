"""Training and evaluation of a classifier: calls the model, the loss, the metric."""

from functools import partial

import torch
from torch import Tensor

from data.batches import ClassificationBatch
from tasks.classification.classifier import Classifier
from tasks.classification.distillation import distillation_loss
from tasks.classification.losses import classification_loss
from tasks.classification.metrics import HEADLINES, ClassificationMetric, ClassificationMetrics
from tasks.classification.mixing import mix
from tasks.classification.settings import LossSettings
from tasks.distillation.teacher import Teacher
from tasks.module import TaskModule
from tasks.optimization import Optimization


class ClassificationModule(TaskModule[Classifier, ClassificationMetric]):
    """A classifier in training or evaluation.

    Args:
        model: the classifier.
        optimization: how to train; evaluation needs none.
        loss: how it is trained.
        teacher: that it imitates in training, beside its labels.
        metric: of the images that it is evaluated on.

    Attributes:
        headline: the metric that decides which checkpoint is best.
        metrics: of the last validation.
    """

    headline = HEADLINES["softmax"]
    metrics: ClassificationMetrics | None

    def __init__(
        self,
        model: Classifier,
        *,
        optimization: Optimization | None = None,
        loss: LossSettings | None = None,
        teacher: Teacher | None = None,
        metric: ClassificationMetric | None = None,
    ) -> None:
        super().__init__(model, optimization=optimization, teacher=teacher, metric=metric)
        self.loss = loss or LossSettings()
        self.headline = HEADLINES[model.description.arch.scores]

    def training_step(self, batch: ClassificationBatch, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss of a batch, and what of it is logged, by name: of the whole batch, in all processes."""
        images, targets = mix(batch)
        features = self.model.backbone(self.model.prepare(images))
        logits, scores = self.model.head(features), self.model.description.arch.scores
        with torch.autocast(self.device.type, enabled=False):
            smoothing = self.loss.label_smoothing
            losses = {"labels": classification_loss(logits, targets, scores=scores, label_smoothing=smoothing)}
        if self.teacher is not None:
            losses["distill"] = self._distill(self.teacher, images, logits, features=features)
        return self.log_losses(losses)

    def _distill(self, teacher: Teacher, images: Tensor, logits: Tensor, *, features: dict[str, Tensor]) -> Tensor:
        compare = partial(
            distillation_loss,
            logits,
            scores=self.model.description.arch.scores,
            class_map=teacher.class_map,
            temperature=teacher.settings.temperature,
        )
        return self.imitate(teacher, images, features, compare=compare)

    def validation_step(self, batch: ClassificationBatch, batch_idx: int) -> Tensor:
        """Count the images of a batch, and return the scores (N, K)."""
        scores: Tensor = self.model(batch.images)
        self.counted.update(scores, batch.targets)
        return scores
