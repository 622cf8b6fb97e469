"""From a sample with its classes to what goes into a batch: crops, colours and policies that classifiers learn from.

The random state is set for every sample, so what happens to a sample depends on its seed alone.
"""

import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from data.mixing import Mix, draw_mix
from data.resizing import resize_image
from data.samples import ClassificationSample
from data.sizes import Size
from data.transforms import Photometric

TRIALS = 10
ASPECT = (3 / 4, 4 / 3)
ERASED, ERASED_ASPECT = (0.02, 1 / 3), (0.3, 1 / 0.3)  # arXiv:1708.04896, table 2: share of the area, height to width
# Of torchvision: arXiv:1909.13719 with 2 changes of magnitude 9 of 30, arXiv:1805.09501 with ImageNet's policy.
POLICIES: dict[str, Callable[[], Any]] = {"randaugment": v2.RandAugment, "autoaugment": v2.AutoAugment}


class ClassificationItem(NamedTuple):
    """One image as the network takes it."""

    image: np.ndarray  # (H, W, 3), RGB, 0 to 255: uint8, or float32 where the resize does not round
    target: np.ndarray  # (K,) bool
    name: str  # of the sample
    mix: Mix | None = None  # how it is still to be mixed with another


def draw_area(
    size: Size, generator: np.random.Generator, *, share: tuple[float, float], aspect: tuple[float, float]
) -> tuple[int, int, int, int] | None:
    """Draw a part of an image: its share of the area evenly, its aspect evenly on a logarithmic scale.

    Inception's crop (arXiv:1409.4842, section 6), as torchvision draws it.

    Args:
        size: (height, width) in pixels of the image.
        generator: of random numbers.
        share: lowest and highest, of the area.
        aspect: lowest and highest, width to height.

    Returns:
        top, left, height and width in pixels; None where no trial fits.
    """
    for _ in range(TRIALS):
        area = generator.uniform(*share) * size[0] * size[1]
        ratio = math.exp(generator.uniform(math.log(aspect[0]), math.log(aspect[1])))
        height, width = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
        if 0 < height <= size[0] and 0 < width <= size[1]:
            top, left = generator.integers(size[0] - height + 1), generator.integers(size[1] - width + 1)
            return int(top), int(left), height, width
    return None


class ClassificationTransform:
    """Crop a part, resize it to the network's size, mirror, distort colours, apply a policy, erase a part, draw a mix.

    Args:
        size: (height, width) of the network's input in pixels.
        area: lowest and highest share of the image that the crop has.
        flip: probability of a mirror image.
        color: probability of a change of colours.
        policy: key of `POLICIES`, or "none".
        erase: probability that a rectangle becomes noise (random erasing).
        mixup: see `data.mixing.draw_mix`.
        cutmix: likewise.
        rule: of the resize, key of `data.resizing.RESIZES`.
    """

    def __init__(
        self,
        size: Size,
        *,
        area: tuple[float, float] = (0.08, 1.0),
        flip: float = 0.5,
        color: float = 0.0,
        policy: str = "none",
        erase: float = 0.0,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        rule: str = "area",
    ) -> None:
        self.mixup, self.cutmix = mixup, cutmix
        self.size, self.area, self.flip, self.erase, self.rule = size, area, flip, erase, rule
        self.color = Photometric(color, deferred=False).color
        self.policy = None if policy == "none" else POLICIES[policy]()

    def __call__(self, sample: ClassificationSample, seed: int) -> ClassificationItem:
        """Transform one sample; the same seed does the same."""
        generator, image = np.random.default_rng(seed), sample.image
        place = draw_area(sample.size, generator, share=self.area, aspect=ASPECT)
        if place is not None:
            top, left, height, width = place
            image = image[top : top + height, left : left + width]
        image = resize_image(np.ascontiguousarray(image), self.size, rule=self.rule)
        image = image if image.dtype == np.uint8 else np.rint(image).astype(np.uint8)
        if generator.random() < self.flip:
            image = np.ascontiguousarray(image[:, ::-1])
        self.color.set_random_state(generator, random.Random(seed))
        image = self.color(image=image)["image"]
        if self.policy is not None:
            image = apply_seeded(self.policy, image, seed)
        if generator.random() < self.erase:
            image = erase_part(image, generator)
        mix = draw_mix(self.size, generator, mixup=self.mixup, cutmix=self.cutmix)
        return ClassificationItem(image, sample.target, sample.name, mix)


def apply_seeded(policy: Callable[[Tensor], Tensor], image: np.ndarray, seed: int) -> np.ndarray:
    """Apply a change of torchvision's to an image (H, W, 3) uint8; torch's own random state is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        changed = policy(torch.from_numpy(image).permute(2, 0, 1))  # (3, H, W)
    return np.ascontiguousarray(changed.permute(1, 2, 0).numpy())


def erase_part(image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Fill a rectangle of an image (H, W, 3) uint8 with noise (random erasing, arXiv:1708.04896)."""
    place = draw_area((image.shape[0], image.shape[1]), generator, share=ERASED, aspect=ERASED_ASPECT)
    if place is None:
        return image
    top, left, height, width = place
    erased = image.copy()
    erased[top : top + height, left : left + width] = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return erased


class ClassificationResize:
    """For evaluation: resize the whole image.

    Args:
        size: see `data.resizing.find_size`.
        rule: key of `data.resizing.RESIZES`.
    """

    def __init__(self, size: Size | int | None, *, rule: str) -> None:
        self.size = size
        self.rule = rule

    def __call__(self, sample: ClassificationSample, seed: int) -> ClassificationItem:
        """Resize one sample; the seed changes nothing."""
        return ClassificationItem(resize_image(sample.image, self.size, rule=self.rule), sample.target, sample.name)
