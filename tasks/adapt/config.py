"""The options of tasks.adapt, conf/adapt.yaml."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from data.config import DatasetConfig
from tasks.accelerators import Accelerator
from tasks.latency.settings import check_device
from tasks.latency.target import check_target, find_target
from tasks.parsing import Partial, hidden

SHARES = ("delta", "step", "least")  # above 0, below 1
FROM_ONE = ("tune_steps", "images", "epochs", "threads")


@dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """One adaptation; what each option means is said in its file.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    checkpoint: Path | None
    target_latency: str
    device: str
    dataset: Partial[DatasetConfig]
    out: Path
    resume: Path | None
    layers: Path | None
    delta: float
    step: float
    least: float
    tune_steps: int
    tune_lr: float
    images: int | None
    finish: Literal["tune", "scratch", "none"]
    epochs: int | None
    threads: int | None
    accelerator: Accelerator
    seed: int
    debug: bool = False
    typed: tuple[str, ...] = hidden(())

    def __post_init__(self) -> None:
        if self.checkpoint is None and self.resume is None:
            raise ValueError("checkpoint: none given; expected checkpoint=RUN/model.safetensors, or resume=DIR")
        check_target(self.target_latency)
        if self.target_latency.endswith("x") and find_target(self.target_latency, 1.0) >= 1:
            raise ValueError(f"target_latency: {self.target_latency!r}; expected a share below 1 of the checkpoint's")
        check_device(self.device)
        for name in SHARES:
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)!r}; expected a number above 0 and below 1")
        if self.step > 1 - self.least:
            raise ValueError(f"step: {self.step}; expected at most {1 - self.least:g}, or no layer could shrink")
        for name in FROM_ONE:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: {value}; expected an integer from 1")
        if not 0 < self.tune_lr < math.inf:
            raise ValueError(f"tune_lr: {self.tune_lr!r}; expected a number above 0")
        if self.seed < 0:
            raise ValueError(f"seed: {self.seed}; expected an integer from 0")

    @property
    def source(self) -> Path:
        """The checkpoint.

        Raises:
            ValueError: if there is none: the configuration of the run that goes on has it.
        """
        if self.checkpoint is None:
            raise ValueError("checkpoint: none given")
        return self.checkpoint
