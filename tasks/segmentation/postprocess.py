"""The geometry around a segmenter: padding before it, a mask of class indices at any size after it."""

import torch
from torch import Tensor
from torch.nn import functional as F


def find_padding(size: tuple[int, int], *, stride: int) -> tuple[int, int]:
    """Return the rows below and the columns to the right that `pad_to_grid` adds to (height, width)."""
    height, width = size
    return (1 - height) % stride, (1 - width) % stride


def pad_to_grid(images: Tensor, *, stride: int) -> Tensor:
    """Pad to sides of a multiple of the stride plus one, as TensorFlow pads 1024 x 2048 to 1025 x 2049.

    Cell i of a map looks at pixel i * stride, so only on such sides do maps, resized with aligned corners, lie where
    they look.

    Args:
        images: (N, 3, H, W), normalised; zeros are added at the bottom and the right.
        stride: of the coarsest map.

    Returns:
        (N, 3, H', W').
    """
    below, right = find_padding((images.shape[-2], images.shape[-1]), stride=stride)
    return F.pad(images, (0, right, 0, below))


def resize_logits(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize logits (N, K, H, W) to (N, K, *size), bilinear; those of this size stay as they are."""
    if logits.shape[-2:] == size:
        return logits
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


@torch.no_grad()
def postprocess(logits: Tensor, *, size: tuple[int, int]) -> Tensor:
    """Take the best class of each pixel.

    Args:
        logits: (N, K, H, W) float32, at the size of the network's input.
        size: (height, width) of the mask; where the input was resized, the logits are resized back.

    Returns:
        (N, height, width) int64, class indices.
    """
    return resize_logits(logits, size).argmax(dim=1)
