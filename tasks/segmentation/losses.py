"""What the segmenter is trained on: cross-entropy over the pixels that count, beside losses made of overlaps.

All are computed in float32, over the batch as a whole, and none makes the host wait for the device.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from data.samples import IGNORE
from tasks.processes import add, add_up, count_each
from tasks.segmentation.settings import LossSettings

BLOCK = 4096  # pixels summed one by one


def flatten_pixels(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Lay the pixels of a batch out in one row each, P = N * H * W; what all losses are computed from.

    Args:
        logits: (N, K, H, W), any float type.
        masks: (N, H, W) int64, class indices or IGNORE.

    Returns:
        Logarithms of the scores (P, K) float32, and the targets (P,) int64.
    """
    rows = logits.float().permute(0, 2, 3, 1).reshape(-1, logits.shape[1])  # (P, K); no copy if channels come last
    return rows.log_softmax(1), masks.flatten()


def thin_out(log_scores: Tensor, targets: Tensor, *, size: torch.Size) -> tuple[Tensor, Tensor]:
    """Keep every second pixel of every second row of images of `size` (N, H, W); rows as in `flatten_pixels`."""
    scores = log_scores.reshape(*size, -1)[:, ::2, ::2]
    return scores.reshape(-1, scores.shape[-1]), targets.reshape(size)[:, ::2, ::2].flatten()


def cross_entropy_loss(
    log_scores: Tensor, targets: Tensor, *, ohem: float = 1.0, label_smoothing: float = 0.0
) -> Tensor:
    """Average the cross-entropy over all pixels that are not ignored, or over the hardest; 0 where every one is.

    Several processes count the pixels of all: the mean of their losses is the loss of the whole batch.

    Args:
        log_scores: (P, K), from `flatten_pixels`.
        targets: (P,), likewise.
        ohem: see `LossSettings`.
        label_smoothing: see `LossSettings`.

    Returns:
        A scalar, float32.
    """
    loss = F.nll_loss(log_scores, targets, ignore_index=IGNORE, reduction="none")  # (P,), 0 where ignored
    if label_smoothing:
        even = -log_scores.mean(1) * (targets != IGNORE)
        loss = (1 - label_smoothing) * loss + label_smoothing * even
    counted = (targets != IGNORE).sum()
    if ohem == 1:
        return loss.sum() / count_each(counted)
    # How many count, only the device knows: take as many as could, and weigh those past the quota with 0.
    hardest = loss.topk(math.ceil(ohem * len(loss))).values  # ignored pixels are 0, and so last
    quota = (ohem * counted).round().clamp(min=1)
    chosen = torch.arange(len(hardest), device=loss.device) < quota
    return (hardest * chosen).sum() / quota


def dice_loss(log_scores: Tensor, targets: Tensor) -> Tensor:
    """Average 1 - the soft Dice coefficient over the classes that the targets hold; 0 where every pixel is ignored.

    As V-Net's (arXiv:1606.04797), without the squares in the denominator. Several processes compute that of all their
    pixels.

    Args:
        log_scores: (P, K), from `flatten_pixels`.
        targets: (P,), likewise.

    Returns:
        A scalar, float32.
    """
    counted = (targets != IGNORE).float()  # (P,)
    labels, scores = torch.where(targets == IGNORE, 0, targets), log_scores.exp()
    own = scores.gather(1, labels[:, None]).squeeze(1) * counted  # (P,)
    both, sizes = (sum_by_class(values, labels, scores.shape[1]) for values in (own, counted))  # (K,) each
    both, sizes, found = add_up(both), add(sizes), add_up(counted @ scores)
    dice = 2 * both / (found + sizes.clamp(min=1))
    return average_present(1 - dice, present=sizes > 0)


def sum_by_class(values: Tensor, labels: Tensor, k: int) -> Tensor:
    """Sum values (P,) by label: (K,). Block by block, as float32 loses the small ones in a long sum."""
    blocks = torch.arange(len(values), device=values.device) // BLOCK
    sums = values.new_zeros((-(-len(values) // BLOCK), k))  # (blocks, K)
    return sums.flatten().index_add(0, blocks * k + labels, values).view_as(sums).sum(0)


def lovasz_loss(log_scores: Tensor, targets: Tensor) -> Tensor:
    """Average the Lovasz extension of 1 - IoU over the classes that the targets hold (arXiv:1705.08790).

    Of scores that are all 0 or 1 it is 1 - IoU itself. 0 where every pixel is ignored.

    Args:
        log_scores: (P, K), from `flatten_pixels`.
        targets: (P,), likewise.

    Returns:
        A scalar, float32.
    """
    scores = log_scores.exp().t()  # (K, P)
    truth = targets == torch.arange(len(scores), device=targets.device)[:, None]  # (K, P)
    # Ignored pixels have no error: they come last and add nothing.
    errors, order = ((truth.float() - scores).abs() * (targets != IGNORE)).sort(dim=1, descending=True)  # (K, P)
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


def segmentation_loss(logits: Tensor, masks: Tensor, *, settings: LossSettings) -> dict[str, Tensor]:
    """Compute the losses of a batch that the settings ask for; training minimises their sum.

    Args:
        logits: (N, K, H, W), any float type.
        masks: (N, H, W) int64, class indices or IGNORE.
        settings: what counts how much.

    Returns:
        Weighted scalars, float32, by name.
    """
    pixels = flatten_pixels(logits, masks)
    losses = {"pixels": cross_entropy_loss(*pixels, ohem=settings.ohem, label_smoothing=settings.label_smoothing)}
    if settings.dice:
        losses["dice"] = settings.dice * dice_loss(*thin_out(*pixels, size=masks.shape))
    if settings.lovasz:
        losses["lovasz"] = settings.lovasz * lovasz_loss(*pixels)
    return losses
