"""How an image is mixed with the one before it in its batch: drawn for each sample, so that its seed alone decides.

By mixup (arXiv:1710.09412) or CutMix (arXiv:1905.04899). A device mixes whole batches later.
"""

import math
from typing import NamedTuple

import numpy as np

from data.sizes import Size


class Mix(NamedTuple):
    """What an image keeps of its own."""

    weight: float  # 0 to 1, of its pixels, but for the part
    part: tuple[int, int, int, int]  # top, left, bottom and right in pixels of what is all the other's; 0s for none


def draw_mix(size: Size, generator: np.random.Generator, *, mixup: float, cutmix: float) -> Mix | None:
    """Draw how an image is mixed; where both ways are wanted, one of the two, evenly.

    Args:
        size: (height, width) of the image in pixels.
        generator: of random numbers.
        mixup: alpha of the distribution Beta(alpha, alpha) of its own weight; 0 for none.
        cutmix: likewise, of its own share of the area.

    Returns:
        None where nothing is to be mixed.
    """
    if not (mixup or cutmix):
        return None
    cuts = bool(cutmix) and (not mixup or generator.random() < 0.5)
    alpha = cutmix if cuts else mixup
    weight = float(generator.beta(alpha, alpha))
    if not cuts:
        return Mix(weight, (0, 0, 0, 0))
    side = math.sqrt(1 - weight)
    (top, bottom), (left, right) = (draw_stretch(length, side, generator) for length in size)
    return Mix(1.0, (top, left, bottom, right))


def draw_stretch(length: int, share: float, generator: np.random.Generator) -> tuple[int, int]:
    """Draw where a share of `length` pixels begins and the first pixel after it: around any centre, cut at borders."""
    center, half = generator.random() * length, share * length / 2
    return max(0, round(center - half)), min(length, round(center + half))
