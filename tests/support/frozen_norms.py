"""python -m tests.support.frozen_norms OPTIONS: tasks.train with all norms on the statistics that they came with.

What batch norm measures depends on the images that a process has; without it a batch can be divided in any way.
"""

from typing import Any

from torch import nn

from tasks.train.__main__ import main
from tasks.train.callbacks import FreezeBatchNorm


def freeze(callback: FreezeBatchNorm, trainer: Any, module: nn.Module, batch: object, index: int) -> None:
    """Put all norms into evaluation mode."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()


if __name__ == "__main__":
    FreezeBatchNorm.on_train_batch_start = freeze  # type: ignore[method-assign]
    main()
