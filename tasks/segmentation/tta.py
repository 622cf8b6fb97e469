"""Scores averaged over scales of an image and their mirror images, as DeepLab evaluates (arXiv:1606.00915)."""

import operator
from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.evaluation_settings import TTA
from tasks.segmentation.postprocess import resize_logits


@torch.no_grad()
def average_scores(images: Tensor, *, predict: Callable[[Tensor], Tensor], size: tuple[int, int], tta: TTA) -> Tensor:
    """Average the scores of an image at several scales, mirrored and not.

    An image is scaled as in training, bilinear without smoothing; its logits are resized before the softmax.

    Args:
        images: (N, 3, H, W), 0 to 255.
        predict: gives logits (N, K, h, w) of images (N, 3, h, w).
        size: (height, width) of the scores.
        tta: the scales, and whether each is flipped too.

    Returns:
        (N, K, *size) float32.
    """

    def score(scaled: Tensor, *, mirrored: bool) -> Tensor:
        logits = predict(scaled.flip(3)).flip(3) if mirrored else predict(scaled)
        return resize_logits(logits, size).softmax(1)

    sides = (False, True) if tta.flip else (False,)
    views = [(scale, mirrored) for scale in tta.scales for mirrored in sides]
    scores = (score(scale_images(images, scale), mirrored=mirrored) for scale, mirrored in views)
    return reduce(operator.add, scores) / len(views)


def scale_images(images: Tensor, scale: float) -> Tensor:
    """Resize images (N, 3, H, W), 0 to 255, by a factor; float32 unless it is 1."""
    if scale == 1:
        return images
    height, width = (max(1, round(side * scale)) for side in images.shape[-2:])
    return F.interpolate(images.float(), size=(height, width), mode="bilinear", align_corners=False)
