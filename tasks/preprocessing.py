"""How images enter a model; stored with its weights, so that every command treats images alike."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image before the network.

    Attributes:
        size: (height, width) in pixels that images are resized to, whatever their shape; None leaves them as they are.
        mean: per channel (RGB), of values scaled to 0..1.
        std: per channel (RGB), likewise.
    """

    size: tuple[int, int] | None
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def normalize(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W) uint8 into float32 of the network's range, on their device."""
        mean = torch.tensor(self.mean, device=images.device).reshape(3, 1, 1) * 255
        std = torch.tensor(self.std, device=images.device).reshape(3, 1, 1) * 255
        return (images.float() - mean) / std
