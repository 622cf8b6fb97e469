"""From logits to a mask of class indices at any size."""

import torch
from torch import Tensor

from heads.lraspp import resize


@torch.no_grad()
def postprocess(logits: Tensor, *, size: tuple[int, int]) -> Tensor:
    """Resize logits (N, K, h, w) to `size` = (height, width) and take the best class: (N, height, width) int64."""
    return resize(logits.float(), size).argmax(dim=1)
