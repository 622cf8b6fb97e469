"""Mirror images and changes of colours that are drawn for each sample, and done later on whole batches by a device.

Steps of a pipeline draw here the very numbers of those whose place they take, so that a seed means the same in both
ways; only the rounding to grey levels is left out. Nothing makes the host wait: batches of a shape are all alike.
"""

from typing import Any, NamedTuple

import albumentations as A
import numpy as np
import torch
from torch import Tensor

from data.colors import LUMA, ColorChange, color_map

IDENTITY = np.eye(3, 4, dtype=np.float32)


class Change(NamedTuple):
    """What is left to do with a sample's image."""

    mirror: bool  # with its boxes or its mask
    color: np.ndarray  # (3, 4) float32, see `data.colors.color_map`, for a mean luma of 1


class DrawnMirror(A.NoOp):
    """Decides as A.HorizontalFlip does, and leaves everything as it is."""

    drawn = False

    def should_apply(self, force_apply: bool = False) -> bool:
        """Decide, and keep it in mind."""
        self.drawn = super().should_apply(force_apply)
        return self.drawn


class DrawnColors(ColorChange):
    """Draws as `ColorChange` does, and leaves the image as it is."""

    drawn = IDENTITY

    def should_apply(self, force_apply: bool = False) -> bool:
        """Decide; nothing is drawn as yet."""
        self.drawn = IDENTITY
        return super().should_apply(force_apply)

    def apply(
        self, img: np.ndarray, brightness: float, contrast: float, saturation: float, hue: float, **params: Any
    ) -> np.ndarray:
        """Keep the amounts in mind."""
        self.drawn = color_map(brightness, contrast, saturation, hue, luma=1.0).astype(np.float32)
        return img


def change_images(images: Tensor, mirrored: Tensor, colors: Tensor) -> Tensor:
    """Mirror images and change their colours; what is not to be changed comes out as it was.

    Args:
        images: (N, 3, H, W), RGB, 0 to 255.
        mirrored: (N,) bool, which ones.
        colors: (N, 3, 4) float32, see `Change`.

    Returns:
        (N, 3, H, W) float32, 0 to 255, not rounded; channels last in memory.
    """
    x = torch.where(mirrored[:, None, None, None], images.flip(-1), images).float()
    red, green, blue = x.mean(dim=(2, 3), keepdim=True).split(1, dim=1)  # (N, 1, 1, 1)
    luma = red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]
    columns = colors[..., None, None].unbind(2)  # 4 of (N, 3, 1, 1)
    changed = columns[3] * luma
    for channel in range(3):  # no product of matrices, which would round to TF32
        changed = torch.addcmul(changed, x[:, channel : channel + 1], columns[channel])
    return changed.clamp_(0, 255).contiguous(memory_format=torch.channels_last)


def mirror_boxes(boxes: Tensor, mirrored: Tensor, *, width: int) -> Tensor:
    """Mirror boxes (N, G, 4), xyxy in pixels of images so wide, where `mirrored` (N, G) says so."""
    left, top, right, bottom = boxes.unbind(-1)
    return torch.where(mirrored[..., None], torch.stack([width - right, top, width - left, bottom], dim=-1), boxes)


def mirror_masks(masks: Tensor, mirrored: Tensor) -> Tensor:
    """Mirror masks (N, H, W) where `mirrored` (N,) says so."""
    return torch.where(mirrored[:, None, None], masks.flip(-1), masks)
