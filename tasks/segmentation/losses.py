"""What the segmenter is trained on: cross-entropy over the pixels that count, beside losses made of overlaps.

All are computed in float32, over the batch as a whole, and none makes the host wait for the device.
"""

import math

import torch
from torch import Tensor

from tasks.collectives import all_sum, all_sum_with_gradient, mean_count
from tasks.processes import count
from tasks.segmentation.hardest import weigh_hardest
from tasks.segmentation.pixels import Pixels
from tasks.segmentation.settings import LossSettings

BLOCK = 4096  # pixels summed one by one
DICE_STEP = 2  # see `LossSettings`


def cross_entropy_loss(pixels: Pixels, *, ohem: float = 1.0, label_smoothing: float = 0.0) -> Tensor:
    """Average the cross-entropy over all pixels that are not ignored, or over the hardest; 0 where every one is.

    Several processes count the pixels of all: the mean of their losses is the loss of the whole batch.

    Args:
        pixels: of a batch.
        ohem: see `LossSettings`.
        label_smoothing: see `LossSettings`.

    Returns:
        A scalar, float32.
    """
    log_scores = pixels.own
    if label_smoothing:
        log_scores = (1 - label_smoothing) * log_scores + label_smoothing * pixels.average_log_scores()
    loss = -(log_scores * pixels.counted).flatten()  # (P,), 0 where ignored
    counted = pixels.counted.sum()
    if ohem == 1:
        return loss.sum() / mean_count(counted)
    if count() > 1:
        quota = (ohem * all_sum(counted)).round().clamp(min=1)
        return (loss * weigh_hardest(loss, quota)).sum() * count() / quota
    # How many count, only the device knows: take as many as could, and weigh those past the quota with 0.
    hardest = loss.topk(math.ceil(ohem * len(loss))).values  # ignored pixels are 0, and so last
    quota = (ohem * counted).round().clamp(min=1)
    chosen = torch.arange(len(hardest), device=loss.device) < quota
    return (hardest * chosen).sum() / quota


def dice_loss(pixels: Pixels, *, step: int = 1) -> Tensor:
    """Average 1 - the soft Dice coefficient over the classes that the targets hold; 0 where every pixel is ignored.

    As V-Net's (arXiv:1606.04797), without the squares in the denominator. Several processes compute that of all their
    pixels.

    Args:
        pixels: of a batch.
        step: of the pixels that count: 2 for every second of every second row.

    Returns:
        A scalar, float32.
    """
    own, counted, labels = (
        values[:, ::step, ::step].flatten() for values in (pixels.own, pixels.counted, pixels.labels)
    )
    scores = all_sum_with_gradient(pixels.sum_scores(step=step))  # (K,)
    both, sizes = (sum_by_class(values, labels, len(scores)) for values in (own.exp() * counted, counted.to(own.dtype)))
    both, sizes = all_sum_with_gradient(both), all_sum(sizes)
    dice = 2 * both / (scores + sizes.clamp(min=1))
    return average_present(1 - dice, present=sizes > 0)


def sum_by_class(values: Tensor, labels: Tensor, k: int) -> Tensor:
    """Sum values (P,) by label: (K,). Block by block, as float32 loses the small ones in a long sum."""
    blocks = torch.arange(len(values), device=values.device) // BLOCK
    sums = values.new_zeros((-(-len(values) // BLOCK), k))  # (blocks, K)
    return sums.flatten().index_add(0, blocks * k + labels, values).view_as(sums).sum(0)


def lovasz_loss(pixels: Pixels) -> Tensor:
    """Average the Lovasz extension of 1 - IoU over the classes that the targets hold (arXiv:1705.08790).

    Of scores that are all 0 or 1 it is 1 - IoU itself. 0 where every pixel is ignored.

    Args:
        pixels: of a batch.

    Returns:
        A scalar, float32.
    """
    scores, labels, counted = pixels.all_scores(), pixels.labels.flatten(), pixels.counted.flatten()  # (K, P), (P,)
    truth = (labels == torch.arange(len(scores), device=labels.device)[:, None]) & counted  # (K, P)
    # Ignored pixels have no error: they come last and add nothing.
    errors, order = ((truth.to(scores.dtype) - scores).abs() * counted).sort(dim=1, descending=True)  # (K, P)
    hits = truth.gather(1, order)
    sizes = truth.sum(1, dtype=torch.int32)  # (K,); int32 throughout: the rows are long
    # Calling one pixel after the other wrong raises 1 - IoU step by step. The steps in closed form: the difference of
    # two neighbouring values, both near 1, would be all rounding.
    found = hits.cumsum(1, dtype=torch.int32)  # (K, P)
    left = sizes[:, None] - found  # of the intersection
    union = torch.arange(1, hits.shape[1] + 1, dtype=torch.int32, device=hits.device) + left
    steps = torch.where(hits, 1 / union, left / union / (union - 1).clamp(min=1))
    return average_present((errors * steps).sum(1), present=sizes > 0)


def average_present(values: Tensor, *, present: Tensor) -> Tensor:
    """Average values (K,) over the classes that are present (K,) bool; 0 where none is."""
    return (values * present).sum() / present.sum().clamp(min=1)


def segmentation_loss(pixels: Pixels, *, settings: LossSettings) -> dict[str, Tensor]:
    """Compute the losses of a batch that the settings ask for; training minimises their sum.

    Args:
        pixels: of the batch.
        settings: what counts how much.

    Returns:
        Weighted scalars, float32, by name.
    """
    losses = {"pixels": cross_entropy_loss(pixels, ohem=settings.ohem, label_smoothing=settings.label_smoothing)}
    if settings.dice:
        losses["dice"] = settings.dice * dice_loss(pixels, step=DICE_STEP)
    if settings.lovasz:
        losses["lovasz"] = settings.lovasz * lovasz_loss(pixels)
    return losses
