"""Images of a batch mixed with one another, and their targets alike; the host never waits for the device."""

import torch
from torch import Tensor
from torch.distributions import Beta


def mix(images: Tensor, targets: Tensor, *, mixup: float, cutmix: float) -> tuple[Tensor, Tensor]:
    """Mix each image with its neighbour in the batch, by mixup (arXiv:1710.09412) or CutMix (arXiv:1905.04899).

    One weight is drawn for the whole batch; where both are wanted, one of the two as well.

    Args:
        images: (N, 3, H, W), 0 to 255.
        targets: (N, K) float.
        mixup: alpha of its Beta distribution; 0 for none.
        cutmix: likewise.

    Returns:
        Images (N, 3, H, W) float32, and targets (N, K).
    """
    images = images.float()
    ways = [(mix_whole, mixup)] * bool(mixup) + [(mix_parts, cutmix)] * bool(cutmix)
    if not ways:
        return images, targets
    mixed = [way(images, targets, draw_weight(alpha, images)) for way, alpha in ways]
    if len(mixed) == 1:
        return mixed[0]
    first = torch.rand((), device=images.device) < 0.5
    return torch.where(first, mixed[0][0], mixed[1][0]), torch.where(first, mixed[0][1], mixed[1][1])


def draw_weight(alpha: float, like: Tensor) -> Tensor:
    """Draw a number of Beta(alpha, alpha), on the device of `like`."""
    shape = torch.full((), alpha, device=like.device)
    return Beta(shape, shape, validate_args=False).sample()


def mix_whole(images: Tensor, targets: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return images and targets of which a share of `weight` is each one's own, the rest its neighbour's."""
    return tuple(weight * each + (1 - weight) * each.roll(1, 0) for each in (images, targets))  # type: ignore[return-value]


def mix_parts(images: Tensor, targets: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return images with a rectangle of their neighbour, of 1 - `weight` of the area; less at the border."""
    height, width = images.shape[-2:]
    side = (1 - weight).sqrt()
    rows, columns = (pick_part(length, side, images) for length in (height, width))
    part = rows[:, None] & columns  # (H, W)
    own = 1 - part.float().mean()
    return torch.where(part, images.roll(1, 0), images), own * targets + (1 - own) * targets.roll(1, 0)


def pick_part(length: int, share: Tensor, like: Tensor) -> Tensor:
    """Return which of `length` pixels are in a part of this share around a drawn centre: (length,) bool."""
    places = torch.arange(length, device=like.device)
    center = torch.rand((), device=like.device) * length
    return (places + 0.5 - center).abs() <= share * length / 2
