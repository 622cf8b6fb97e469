"""Images in the range that a network takes."""

import torch
from torch import Tensor

from tasks.models.preprocessing import Preprocessing


def normalize(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Turn images (N, 3, H, W), 0 to 255, into float32 of the network's range, on their device."""
    mean, std = (per_channel(values, images.device) for values in (preprocessing.mean, preprocessing.std))
    return torch.sub(images, mean).div_(std)


def per_channel(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """Return values of 0..1 as (3, 1, 1), 0 to 255; filled on the device, as a copy to a GPU waits for all its work."""
    return torch.stack([torch.full((1, 1), float(value), device=device) for value in values]) * 255
