"""What conf/task/ holds: how a network of some task is built and trained."""

import math
from dataclasses import dataclass, replace
from typing import Any

from data.classes import ClassTable
from data.config import DatasetConfig
from data.sizes import Size, to_size
from tasks.models.description import Description
from tasks.models.options import InputOptions
from tasks.models.preprocessing import Preprocessing
from tasks.optimization import SCHEDULES
from tasks.parsing import spread
from tasks.parts import Options
from tasks.task import Task, find_task


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is built and trained, whatever the data.

    Attributes:
        own: what the task has for itself: layers, loss, augmentation.
        size: (height, width) in pixels of the network's input in training, or both sides in one.
        batch_size: images a step.
        lr: highest learning rate.
        schedule: of the learning rate.
        warmup: share of all steps.
        preprocessing: how images enter the network.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    own: Options = spread()
    size: Size | int
    batch_size: int
    lr: float
    schedule: str
    warmup: float
    preprocessing: InputOptions

    def __post_init__(self) -> None:
        to_size(self.size, "size")
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}; expected an integer from 1")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr: {self.lr!r}; expected a number above 0")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule: unknown {self.schedule!r}; choose from {', '.join(SCHEDULES)}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup: {self.warmup!r}; expected 0 to below 1")

    @property
    def task(self) -> Task:
        """The task that this is a recipe for."""
        return find_task(self.own.model.head)

    @property
    def metric(self) -> str:
        """The number that the model is judged by."""
        return self.task.judge_by(self.own.model.arch(1).scores)

    @property
    def input_size(self) -> Size:
        """(height, width) in pixels of the network's input in training."""
        return to_size(self.size, "size")

    def describe(self, classes: ClassTable, dataset: DatasetConfig) -> Description:
        """Describe the model for data of these classes; what is to follow the data is as it is without."""
        own = self.own
        return Description(
            arch=own.model.arch(len(classes)),
            classes=classes,
            preprocessing=Preprocessing(own.input_size(self.input_size), **vars(self.preprocessing)),
            postprocessing=own.postprocessing,
            dataset=dataset,
        )

    def with_layers(self, **changes: object) -> "Recipe":
        """Return the recipe of a network of which some fields of `tasks.models.options.ModelOptions` are others."""
        own: Any = self.own
        return replace(self, own=replace(own, model=replace(own.model, **changes)))
