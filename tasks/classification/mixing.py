"""Images of a batch mixed with one another, and their targets alike; the host never waits for the device."""

import torch
from torch import Tensor

from data.batches import ClassificationBatch
from tasks.collectives import take_previous


def mix(batch: ClassificationBatch) -> tuple[Tensor, Tensor]:
    """Mix each image with the one before it in the batch, as `data.mixing` has drawn; the first with the last.

    Several processes mix as one does: what comes before may be another's.

    Returns:
        Images (N, 3, H, W), 0 to 255, float32 if mixed, and targets (N, K) float32: how much of an image shows each
        class.
    """
    images, targets = batch.images, batch.targets.float()
    if batch.weights is None or batch.parts is None:
        return images, targets
    other_images, other_targets = take_previous([images, targets])
    return mix_pairs(
        images.float(), targets, other_images.float(), other_targets, weights=batch.weights, parts=batch.parts
    )


def mix_pairs(
    images: Tensor, targets: Tensor, other_images: Tensor, other_targets: Tensor, *, weights: Tensor, parts: Tensor
) -> tuple[Tensor, Tensor]:
    """Mix images (N, 3, H, W) float and their targets (N, K) with others.

    Args:
        images: of which a share is kept.
        targets: theirs.
        other_images: what comes in their place.
        other_targets: theirs.
        weights: (N,), of each image's own pixels, but for its part.
        parts: (N, 4) int64, top, left, bottom and right in pixels of what is all the other's.

    Returns:
        Images and targets of the same shapes.
    """
    (top, left, bottom, right), (height, width) = parts[..., None].unbind(1), images.shape[-2:]  # (N, 1) each
    rows, columns = (torch.arange(length, device=images.device) for length in (height, width))
    inside = ((rows >= top) & (rows < bottom))[:, :, None] & ((columns >= left) & (columns < right))[:, None]
    blended = torch.lerp(other_images, images, weights[:, None, None, None])
    mixed = torch.where(inside[:, None], other_images, blended)  # (N, 3, H, W)
    own = (weights * (1 - inside.float().mean((1, 2))))[:, None]  # (N, 1)
    return mixed, torch.lerp(other_targets, targets, own)
