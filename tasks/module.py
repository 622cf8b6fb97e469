"""What training and evaluation have in common, whatever the task: optimizer, teacher, metric, what is logged."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

import lightning as L
import torch
from torch import Tensor, nn

from tasks.collectives import average
from tasks.distillation.features import feature_loss
from tasks.distillation.teacher import Teacher, with_projection
from tasks.optimization import Optimization
from tasks.optimizers import build_optimizer


class Metrics(Protocol):
    """What a model is measured by."""

    @property
    def summary(self) -> Mapping[str, float | None]:
        """The numbers of the whole data set by name; None where nothing could be measured."""


class Metric(Protocol):
    """Counts what a model finds in the images of a data set."""

    def reset(self) -> None:
        """Forget what was counted."""

    def compute(self) -> Metrics:
        """Measure what was counted."""


M = TypeVar("M", bound=nn.Module)
C = TypeVar("C", bound=Metric)


class TaskModule(L.LightningModule, Generic[M, C]):
    """A model in training or evaluation. A task adds `training_step` and `validation_step`.

    Args:
        model: in use.
        optimization: how to train; evaluation needs none.
        teacher: that it imitates in training, beside its labels.
        metric: of the images that it is evaluated on.

    Attributes:
        headline: the metric that decides which checkpoint is best.
        metrics: of the last validation.
    """

    headline: str

    def __init__(
        self, model: M, *, optimization: Optimization | None, teacher: Teacher | None, metric: C | None
    ) -> None:
        super().__init__()
        self.model = model
        self.optimization = optimization
        self.teacher = teacher
        self.metric = metric
        self.metrics: Metrics | None = None

    @property
    def trained(self) -> nn.Module:
        """What the optimizer changes, the teacher's projection aside."""
        return self.model

    def configure_optimizers(self) -> Any:
        """Return the optimizer and its schedule.

        Raises:
            ValueError: if there is no optimization.
        """
        if self.optimization is None:
            raise ValueError("no optimization given: this module only evaluates")
        return build_optimizer(with_projection(self.trained, self.teacher), self.optimization)

    def imitate(
        self,
        teacher: Teacher,
        images: Tensor,
        features: Mapping[str, Tensor],
        *,
        compare: Callable[[Any], Tensor],
    ) -> Tensor:
        """Return how far the model is from its teacher, weighed: by their features, or by what both say.

        Args:
            teacher: it takes the images too.
            images: (N, 3, H, W) as the model takes them.
            features: maps of the model's own backbone, by tap.
            compare: takes what the teacher says, if that is no map of features, and returns a scalar.
        """
        output = teacher(images)
        if teacher.projection is None:
            return teacher.settings.weight * compare(output)
        return teacher.settings.weight * feature_loss(teacher.projection(features["C5"]), output)

    def log_losses(self, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the sum of a batch's losses as "loss", and what of it is logged: means over all processes.

        Args:
            losses: scalars by name, weighed.
        """
        total = torch.stack(list(losses.values())).sum()
        parts = {f"train/loss_{name}": loss for name, loss in losses.items()} if len(losses) > 1 else {}
        return {"loss": total} | average({"train/loss": total, **parts})

    def on_validation_epoch_start(self) -> None:
        """Forget what was counted in earlier validations."""
        self.counted.reset()

    def on_validation_epoch_end(self) -> None:
        """Compute and log the metrics."""
        self.metrics = self.counted.compute()
        numbers = {f"val/{name}": value or 0.0 for name, value in self.metrics.summary.items()}
        headline = numbers.pop(f"val/{self.headline}")
        self.log_dict(numbers)
        self.log(f"val/{self.headline}", headline, prog_bar=True)

    @property
    def counted(self) -> C:
        """The metric.

        Raises:
            ValueError: if there is none.
        """
        if self.metric is None:
            raise ValueError("no metric given: this module only trains")
        return self.metric
