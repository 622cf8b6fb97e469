"""The options of tasks.train, conf/train.yaml."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from data.config import DatasetConfig
from tasks.accelerators import Accelerator
from tasks.distillation.settings import Distillation
from tasks.optimization import OPTIMIZERS, Optimization
from tasks.parsing import hidden, spread
from tasks.recipe import Recipe

AUGMENTERS = ("auto", "loader", "device")
CHECKS = ("fast", "deep")
FINDABLE = ("lr", "batch_size")
QUANTIZATIONS = ("int8",)
LOGGERS = ("csv", "tensorboard", "wandb", "mlflow", "none")
FROM_ONE = (  # of the trainer
    "max_epochs",
    "accumulate_grad_batches",
    "check_val_every_n_epoch",
    "nan_patience",
    "devices",
    "timeout",
)
INTERVAL = re.compile(r"([1-9]\d{0,8})(min|steps)")


class Interval(NamedTuple):
    """From one checkpoint to the next: minutes or optimizer steps, whichever is set."""

    minutes: int | None
    steps: int | None


@dataclass(frozen=True)
class OptimizerOptions:
    """conf/optimizer/.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    name: str
    momentum: float
    weight_decay: float

    def __post_init__(self) -> None:
        if self.name not in OPTIMIZERS:
            raise ValueError(f"name: unknown {self.name!r}; choose from {', '.join(OPTIMIZERS)}")
        for name in ("momentum", "weight_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)!r}; expected 0 to below 1")


@dataclass(frozen=True)
class TrainerOptions:
    """conf/trainer/; what each means is said there.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    max_epochs: int
    accelerator: Accelerator = "auto"
    precision: str = "auto"
    gradient_clip_val: float = 10.0
    accumulate_grad_batches: int = 1
    check_val_every_n_epoch: int = 1
    ema_decay: float = 0.998
    compile: bool = False
    graph: bool = True
    augment: str = "auto"
    early_stopping: int | None = None
    progress_bar: bool = True
    log_images: int = 0
    save_every: str = "10min"
    nan_patience: int = 10
    devices: int = 1
    sync_batchnorm: bool = False
    timeout: int = 600

    def __post_init__(self) -> None:
        for name in FROM_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)}; expected an integer from 1")
        for name in ("early_stopping", "log_images"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name}: {getattr(self, name)}; expected an integer from 0")
        if self.augment not in AUGMENTERS:
            raise ValueError(f"augment: unknown {self.augment!r}; choose from {', '.join(AUGMENTERS)}")
        if not INTERVAL.fullmatch(self.save_every):
            raise ValueError(f"save_every: {self.save_every!r}; expected minutes or steps, such as 10min or 500steps")

    @property
    def interval(self) -> Interval:
        """Return how often checkpoints are written within an epoch."""
        count, unit = INTERVAL.fullmatch(self.save_every).groups()  # type: ignore[union-attr]  # checked above
        return Interval(int(count), None) if unit == "min" else Interval(None, int(count))


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run.

    Attributes:
        recipe: how the network is built and trained.
        dataset: the data.
        optimizer: how weights are changed.
        trainer: how long, where, and what one sees of it.
        distill: a trained network to imitate.
        out: folder of the run.
        resume: folder of an earlier run to go on with.
        resume_anyway: whether that run goes on with data, configuration or code that have changed since.
        check_data: how it is seen whether data changed: "fast", by sizes and times, or "deep", by hashes of all files.
        weights: to start from: a published name, or a file.
        freeze: of these: "none", "backbone" or the number of the last frozen row.
        quantize: "int8": train these weights on, rounded as a file in integers will hold them; None for float.
        seed: of everything random.
        logger: where numbers go.
        overfit: how many training images to overfit; None for a real run.
        find: what to look for in place of training.
        debug: whether an error shows its traceback.
        typed: the options of the command line, as they were typed.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    recipe: Recipe = spread()
    dataset: DatasetConfig
    optimizer: OptimizerOptions
    trainer: TrainerOptions
    out: Path
    seed: int
    distill: Distillation = field(default_factory=Distillation)
    resume: Path | None = None
    resume_anyway: bool = False
    check_data: str = "fast"
    weights: str | None = None
    freeze: str = "none"
    quantize: str | None = None
    logger: str | tuple[str, ...] = "tensorboard"
    overfit: int | None = None
    find: str | None = None
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: {self.seed}; expected an integer from 0")
        if self.overfit is not None and self.overfit < 2:
            raise ValueError(f"overfit: {self.overfit}; expected an integer from 2, which batch norm needs")
        if self.check_data not in CHECKS:
            raise ValueError(f"check_data: unknown {self.check_data!r}; choose from {', '.join(CHECKS)}")
        if self.find is not None and self.find not in FINDABLE:
            raise ValueError(f"find: unknown {self.find!r}; choose from {', '.join(FINDABLE)}")
        if self.find is not None and self.overfit is not None:
            raise ValueError(f"find={self.find} overfit={self.overfit}: two things at once; expected one of them")
        for name in self.loggers:
            if name not in LOGGERS:
                choices = ", ".join(LOGGERS)
                raise ValueError(f"logger: unknown {name!r}; choose from {choices}, or several: logger=[csv,wandb]")
        if "none" in self.loggers and len(set(self.loggers)) > 1:
            raise ValueError(f"logger: {list(self.loggers)}; expected none alone, or no none")
        if self.trainer.augment == "device" and not self.recipe.task.device_augmentation:
            raise ValueError(f"trainer.augment=device: not for {self.recipe.task.kind}; expected auto or loader")
        if self.weights is None and self.freeze != "none":
            raise ValueError(f"freeze={self.freeze}: no weights given, it would freeze random ones; give weights=")
        if self.quantize is not None:
            self._check_quantize()

    def _check_quantize(self) -> None:
        if self.quantize not in QUANTIZATIONS:
            raise ValueError(f"quantize: unknown {self.quantize!r}; choose from {', '.join(QUANTIZATIONS)}, or null")
        if self.weights is None:
            raise ValueError(
                f"quantize={self.quantize}: no weights given, it goes on from trained ones; "
                "give weights=RUN/model.safetensors"
            )
        if self.trainer.compile:
            raise ValueError(
                f"quantize={self.quantize} trainer.compile=true: rounding cannot be compiled; expected false"
            )

    @property
    def loggers(self) -> tuple[str, ...]:
        """The names of the loggers."""
        return (self.logger,) if isinstance(self.logger, str) else self.logger

    def optimization(self, steps: int) -> Optimization:
        """Return how weights are changed over so many steps."""
        rates = {name: getattr(self.recipe, name) for name in ("lr", "schedule", "warmup")}
        return Optimization(**vars(self.optimizer), **rates, steps=steps, epochs=self.trainer.max_epochs)
