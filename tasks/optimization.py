"""How weights are changed, as people set it, and the learning rate over the steps."""

import math
from dataclasses import dataclass

OPTIMIZERS = ("rmsprop", "sgd")
SCHEDULES = {  # of the share of the steps that are done, and the number of epochs in all
    "cosine": lambda progress, epochs: (1 + math.cos(math.pi * progress)) / 2,
    "poly": lambda progress, epochs: (1 - progress) ** 0.9,
    "step": lambda progress, epochs: 0.99 ** (progress * epochs // 3),
}


@dataclass(frozen=True)
class Optimization:
    """How weights are changed.

    Attributes:
        name: "sgd" or "rmsprop" (the paper's, for ImageNet).
        lr: highest learning rate, after the warm-up.
        momentum: of the optimizer.
        weight_decay: of the weights that take it, see `tasks.optimizers.split_parameters`.
        schedule: "cosine", "poly" (DeepLab, arXiv:1606.00915, section 4.1.1), or "step", 1 % less every 3 epochs
            (MobileNetV3, for ImageNet).
        warmup: share of all steps over which the rate rises linearly.
        steps: optimizer steps in all.
        epochs: passes over the data in all.

    Raises:
        ValueError: naming the field, what it held and what is allowed.
    """

    name: str
    lr: float
    momentum: float
    weight_decay: float
    schedule: str
    warmup: float
    steps: int
    epochs: int = 1

    def __post_init__(self) -> None:
        for field, choices in (("name", OPTIMIZERS), ("schedule", tuple(SCHEDULES))):
            if getattr(self, field) not in choices:
                raise ValueError(f"{field}: unknown {getattr(self, field)!r}; choose from {list(choices)}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr: {self.lr!r}; expected a number above 0")
        for field in ("momentum", "weight_decay", "warmup"):
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"{field}: {getattr(self, field)!r}; expected 0 to below 1")


def lr_factor(step: int, *, schedule: str, warmup_steps: int, steps: int, epochs: int = 1) -> float:
    """Return the learning rate at an optimizer step as a share of the highest."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return SCHEDULES[schedule](min(progress, 1.0), epochs)
