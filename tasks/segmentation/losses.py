"""What the segmenter is trained on: cross-entropy over the pixels that count, beside losses made of overlaps.

All are computed in float32, over the batch as a whole, and none makes the host wait for the device.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from data.samples import IGNORE


@dataclass(frozen=True)
class LossSettings:
    """How the segmenter is taught.

    Attributes:
        ohem: share of the batch's counted pixels, the hardest ones, that cross-entropy averages over; 1 for all
            (online hard example mining, arXiv:1604.03540, over pixels).
        dice: weight of the Dice loss.
        lovasz: weight of the Lovasz-softmax loss.
        label_smoothing: share of each pixel's target that is spread over all classes.
        aux_weight: weight of the plain cross-entropy of an auxiliary head, `heads.fcn.FCN`; 0 for no such head.

    Raises:
        ValueError: if one is out of range.
    """

    ohem: float = 1.0
    dice: float = 0.0
    lovasz: float = 0.0
    label_smoothing: float = 0.0
    aux_weight: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.ohem <= 1:
            raise ValueError(f"loss.ohem: {self.ohem!r}; expected above 0, up to 1")
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(f"loss.label_smoothing: {self.label_smoothing!r}; expected 0 to below 1")
        for field in ("dice", "lovasz", "aux_weight"):
            if not 0 <= getattr(self, field) < math.inf:
                raise ValueError(f"loss.{field}: {getattr(self, field)!r}; expected a number from 0")


def cross_entropy_loss(logits: Tensor, masks: Tensor, *, ohem: float = 1.0, label_smoothing: float = 0.0) -> Tensor:
    """Average the cross-entropy over all pixels that are not ignored, or over the hardest; 0 where every one is.

    Args:
        logits: (N, K, H, W), any float type.
        masks: (N, H, W) int64, class indices or IGNORE.
        ohem: see `LossSettings`.
        label_smoothing: see `LossSettings`.

    Returns:
        A scalar, float32.
    """
    counted = (masks != IGNORE).sum()
    reduction = "sum" if ohem == 1 else "none"
    loss = F.cross_entropy(
        logits.float(), masks, ignore_index=IGNORE, reduction=reduction, label_smoothing=label_smoothing
    )
    if ohem == 1:
        return loss / counted.clamp(min=1)
    # How many count, only the device knows: take as many as could, and weigh those past the quota with 0.
    hardest = loss.flatten().topk(math.ceil(ohem * masks.numel())).values  # ignored pixels are 0, and so last
    quota = (ohem * counted).round().clamp(min=1)
    chosen = torch.arange(len(hardest), device=masks.device) < quota
    return (hardest * chosen).sum() / quota


def dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Average 1 - the soft Dice coefficient over the classes that the masks hold; 0 where every pixel is ignored.

    As V-Net's (arXiv:1606.04797), without the squares in the denominator.

    Args:
        logits: (N, K, H, W), any float type.
        masks: (N, H, W) int64, class indices or IGNORE.

    Returns:
        A scalar, float32.
    """
    scores, truth, counted = flatten_classes(logits, masks)
    sizes = truth.sum(1)  # (K,)
    both = (scores * truth).sum(1)
    dice = 2 * both / ((scores * counted).sum(1) + sizes.clamp(min=1))
    return average_present(1 - dice, present=sizes > 0)


def lovasz_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Average the Lovasz extension of 1 - IoU over the classes that the masks hold (arXiv:1705.08790).

    Of scores that are all 0 or 1 it is 1 - IoU itself. 0 where every pixel is ignored.

    Args:
        logits: (N, K, H, W), any float type.
        masks: (N, H, W) int64, class indices or IGNORE.

    Returns:
        A scalar, float32.
    """
    scores, truth, counted = flatten_classes(logits, masks)
    # Ignored pixels have no error: they come last and add nothing.
    errors, order = ((truth.float() - scores).abs() * counted).sort(dim=1, descending=True)  # (K, P)
    hits = truth.gather(1, order)
    sizes = truth.sum(1, dtype=torch.int32)  # (K,); int32 throughout: the rows are long
    # Calling one pixel after the other wrong raises 1 - IoU step by step. The steps in closed form: the difference of
    # two neighbouring values, both near 1, would be all rounding.
    found = hits.cumsum(1, dtype=torch.int32)  # (K, P)
    left = sizes[:, None] - found  # of the intersection
    union = torch.arange(1, hits.shape[1] + 1, dtype=torch.int32, device=hits.device) + left
    steps = torch.where(hits, 1 / union, left / union / (union - 1).clamp(min=1))
    return average_present((errors * steps).sum(1), present=sizes > 0)


def flatten_classes(logits: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Lay the pixels of a batch out in one row for each class, P = N * H * W.

    Returns:
        Scores (K, P) float32; whether the class is the pixel's own (K, P) bool; whether the pixel counts (P,) bool.
    """
    classes = torch.arange(logits.shape[1], device=masks.device)
    scores = logits.float().softmax(1).transpose(0, 1).flatten(1)  # (K, P)
    return scores, masks.flatten() == classes[:, None], masks.flatten() != IGNORE


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
    pixels = cross_entropy_loss(logits, masks, ohem=settings.ohem, label_smoothing=settings.label_smoothing)
    losses = {"pixels": pixels}
    if settings.dice:
        losses["dice"] = settings.dice * dice_loss(logits, masks)
    if settings.lovasz:
        losses["lovasz"] = settings.lovasz * lovasz_loss(logits, masks)
    return losses
