"""A teacher in a training step: a trained network that answers for the student's images and is never changed."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tasks.distillation.settings import Distillation


class Teacher:
    """A network that a student imitates.

    It is no nn.Module, and a copy of it is itself: so the module that holds it neither trains nor averages nor saves
    it.

    Args:
        network: that answers.
        settings: how the student learns from it.
        answer: images (N, 3, H, W) uint8 -> what the student predicts for them, or a feature map; by default the
            network itself.
        class_map: (K,) int64, the teacher's index of each of the student's classes; None if both have the same.
        projection: of the student's C5 to the channels of the teacher's map; None if it gives no map. It alone learns.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: Distillation,
        *,
        answer: Callable[[Tensor], Any] | None = None,
        class_map: Tensor | None = None,
        projection: nn.Conv2d | None = None,
    ) -> None:
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.settings = settings
        self.answer = answer or network
        self.class_map = class_map
        self.projection = projection

    def __deepcopy__(self, memo: dict[int, Any]) -> "Teacher":
        return self

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Any:
        """Answer for images (N, 3, H, W) uint8."""
        return self.answer(images)

    def to(self, device: torch.device) -> None:
        """Move all tensors to a device, in place."""
        self.network.to(device)
        if self.class_map is not None:
            self.class_map = self.class_map.to(device)
        if self.projection is not None:
            self.projection.to(device)


def with_projection(model: nn.Module, teacher: Teacher | None) -> nn.Module:
    """Return what learns: the model, and the projection to the teacher's features, if any."""
    if teacher is None or teacher.projection is None:
        return model
    return nn.ModuleList([model, teacher.projection])
