"""What conf/task/ holds: how a network of some task is built and trained."""

import math
from dataclasses import dataclass, replace
from typing import Any

from data.classes import ClassTable
from data.config import DatasetConfig
from data.sizes import Size, to_size
from tasks.models.description import Description
from tasks.models.options import InputOptions
from tasks.models.preprocessing import MOST_SIDE, Preprocessing
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
        sizes: the same of several, of which each step of training has one; `size` is then that in use alone.
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
    sizes: tuple[Size | int, ...] | None = None
    batch_size: int
    lr: float
    schedule: str
    warmup: float
    preprocessing: InputOptions

    def __post_init__(self) -> None:
        to_size(self.size, "size")
        if self.sizes is not None:
            self._check_sizes(self.sizes)
        if self.batch_size < 1:
            raise ValueError(f"batch_size: {self.batch_size}; expected an integer from 1")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr: {self.lr!r}; expected a number above 0")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule: unknown {self.schedule!r}; choose from {', '.join(SCHEDULES)}")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup: {self.warmup!r}; expected 0 to below 1")

    def _check_sizes(self, sizes: tuple[Size | int, ...]) -> None:
        if not self.task.one_size:
            raise ValueError(f"sizes: {list(sizes)}; {self.task.kind} has crops of one size=; expected null")
        different = {to_size(size, "sizes") for size in sizes}
        if len(different) < max(len(sizes), 2):
            raise ValueError(f"sizes: {list(sizes)}; expected two sizes or more, each once, or null")
        if max(map(max, different)) > MOST_SIDE:
            raise ValueError(f"sizes: {list(sizes)}; expected sides of at most {MOST_SIDE} pixels")

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
        """(height, width) in pixels of the network's input in use, and in training unless that has several."""
        return to_size(self.size, "size")

    @property
    def training_sizes(self) -> tuple[Size, ...]:
        """(height, width) in pixels of the network's input in training: each step has one of these."""
        return tuple(to_size(size, "sizes") for size in self.sizes or (self.input_size,))

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
