"""From a reader's sample to what goes into a batch: Albumentations pipelines for training, a resize for evaluation.

The random state of a pipeline is set for every sample, so what happens to a sample depends on its seed alone.
"""

import math
import os
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # no look for updates at import

import albumentations as A
import cv2
import numpy as np

from data.colors import ColorChange
from data.crops import ScaledCrop, SSDRandomCrop
from data.deferred import Change, DrawnColors, DrawnMirror
from data.resizing import resize_image
from data.samples import IGNORE, DetectionSample, SegmentationSample
from data.sizes import Size
from data.zoom_out import ZoomOut

MIN_SIDE = 1.0  # pixels of the network's input; smaller boxes are left out of training


class DetectionItem(NamedTuple):
    """One image as the network takes it."""

    image: np.ndarray  # (H, W, 3), RGB, 0 to 255: uint8, or float32 where the resize does not round
    boxes: np.ndarray  # (G, 4) float32, xyxy in pixels of `image`
    labels: np.ndarray  # (G,) int64
    crowd: np.ndarray  # (G,) bool
    image_id: int  # in the data set's own files
    size: Size  # (height, width) of the sample's image in pixels
    change: Change | None = None  # that is left to the device


class SegmentationItem(NamedTuple):
    """One image as the network takes it."""

    image: np.ndarray  # (H, W, 3), RGB, 0 to 255: uint8, or float32 where the resize does not round
    mask: np.ndarray  # (H, W) uint8 in training; (h, w), at the label's own size, in evaluation
    name: str  # of the sample
    change: Change | None = None  # that is left to the device


class RuleResize(A.Resize):
    """Resize by a rule of `data.resizing.RESIZES`; rounded, as the steps after it take integers."""

    def __init__(self, height: int, width: int, *, rule: str) -> None:
        super().__init__(height, width)
        self.rule = rule

    def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
        """Resize an image (H, W, 3) uint8."""
        image = resize_image(img, (self.height, self.width), rule=self.rule)
        return image if image.dtype == np.uint8 else np.rint(image).astype(np.uint8)


class Photometric:
    """The last random steps of a pipeline: mirror half of the images; change brightness, contrast, saturation and hue.

    Args:
        color: probability of a change of colours: of the first three by up to 30 % each, of the hue by .03 turns.
        deferred: whether both are drawn alone, and left to the device.
    """

    def __init__(self, color: float, *, deferred: bool) -> None:
        amounts: Any = {"scale": (0.7, 1.3), "hue": 0.03, "p": color}
        self.mirror = DrawnMirror(p=0.5) if deferred else A.HorizontalFlip(p=0.5)
        self.color = DrawnColors(**amounts) if deferred else ColorChange(**amounts)

    def take_change(self) -> Change | None:
        """Return what was drawn for the last sample and is left to the device."""
        if isinstance(self.mirror, DrawnMirror) and isinstance(self.color, DrawnColors):
            return Change(self.mirror.drawn, self.color.drawn)
        return None


class DetectionTransform:
    """Zoom out and crop as SSD does, mirror, resize to the network's size, distort colours.

    Args:
        size: (height, width) of the network's input in pixels.
        zoom_out: probability of a larger grey background.
        crop: probability of a crop.
        color: probability of a change of colours.
        rule: of the resize, key of `data.resizing.RESIZES`.
        deferred: whether images are mirrored and change colours later, on the device.
    """

    def __init__(
        self,
        size: Size,
        *,
        zoom_out: float = 0.0,
        crop: float = 1.0,
        color: float = 0.5,
        rule: str = "area",
        deferred: bool = False,
    ) -> None:
        self.last = Photometric(color, deferred=deferred)
        steps = (
            ZoomOut(p=zoom_out),
            SSDRandomCrop(p=crop),
            self.last.mirror,
            RuleResize(*size, rule=rule),
            self.last.color,
        )
        boxes = A.BboxParams(format="pascal_voc", label_fields=["kept", "crowd"], clip=True, filter_invalid_bboxes=True)
        self.pipeline = A.Compose(steps, bbox_params=boxes)

    def __call__(self, sample: DetectionSample, seed: int) -> DetectionItem:
        """Transform one sample; the same seed does the same."""
        self.pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        fields = {"kept": np.arange(len(sample.boxes)), "crowd": sample.crowd.astype(np.int64)}
        out = self.pipeline(image=sample.image, bboxes=sample.boxes, **fields)
        boxes = np.asarray(out["bboxes"], dtype=np.float32).reshape(-1, 4)
        kept = np.asarray(out["kept"], dtype=np.int64)
        visible = (boxes[:, 2:] - boxes[:, :2] >= MIN_SIDE).all(axis=1)
        kept = kept[visible]
        labels, crowd, change = sample.labels[kept], sample.crowd[kept], self.last.take_change()
        return DetectionItem(out["image"], boxes[visible], labels, crowd, sample.image_id, sample.size, change)


class SegmentationTransform:
    """Scale, crop, mirror and distort colours.

    Args:
        size: (height, width) of the crop in pixels.
        scales: of the random resize before the crop, as factors.
        color: probability of a change of colours.
        rare_crops: probability of a crop around a pixel of a class drawn evenly from those in the image.
        deferred: whether images are mirrored and change colours later, on the device.

    Raises:
        ValueError: if the scales are no range above 0, or rare_crops is no probability.
    """

    def __init__(
        self,
        size: Size,
        *,
        scales: Sequence[float] = (0.5, 2.0),
        color: float = 0.5,
        rare_crops: float = 0.0,
        deferred: bool = False,
    ) -> None:
        if not 0 <= rare_crops <= 1:
            raise ValueError(f"augmentation.rare_crops: {rare_crops!r}; expected 0 to 1")
        if not (len(scales) == 2 and 0 < scales[0] <= scales[1] < math.inf):
            raise ValueError(f"augmentation.scales: {list(scales)}; expected two factors above 0, the lowest first")
        low, high = scales
        self.last = Photometric(color, deferred=deferred)
        steps = (
            ScaledCrop(*size, scales=(low, high), rare=rare_crops),
            A.PadIfNeeded(*size, position="random", fill=127, fill_mask=IGNORE),
            self.last.mirror,
            self.last.color,
        )
        self.pipeline = A.Compose(steps)

    def __call__(self, sample: SegmentationSample, seed: int) -> SegmentationItem:
        """Transform one sample; the same seed does the same."""
        self.pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        out = self.pipeline(image=sample.image, mask=sample.mask)
        return SegmentationItem(out["image"], out["mask"], sample.name, self.last.take_change())


class DetectionResize:
    """For evaluation: resize the image, and its boxes with it.

    Args:
        size: see `data.resizing.find_size`.
        rule: key of `data.resizing.RESIZES`.
    """

    def __init__(self, size: Size | int | None, *, rule: str) -> None:
        self.size = size
        self.rule = rule

    def __call__(self, sample: DetectionSample, seed: int) -> DetectionItem:
        """Resize one sample; the seed changes nothing."""
        image = resize_image(sample.image, self.size, rule=self.rule)
        scale = np.array([image.shape[1] / sample.image.shape[1], image.shape[0] / sample.image.shape[0]] * 2)
        boxes = (sample.boxes * scale).astype(np.float32)  # (G, 4)
        return DetectionItem(image, boxes, sample.labels, sample.crowd, sample.image_id, sample.size)


class SegmentationResize:
    """For evaluation: resize the image, never the mask.

    Args:
        size: see `data.resizing.find_size`.
        rule: key of `data.resizing.RESIZES`.
    """

    def __init__(self, size: Size | int | None, *, rule: str) -> None:
        self.size = size
        self.rule = rule

    def __call__(self, sample: SegmentationSample, seed: int) -> SegmentationItem:
        """Resize one sample; the seed changes nothing."""
        return SegmentationItem(resize_image(sample.image, self.size, rule=self.rule), sample.mask, sample.name)


class WholeImage:
    """For overfitting a few images: resize image and mask to one size.

    Args:
        size: (height, width) in pixels.
        rule: of the image's resize, key of `data.resizing.RESIZES`.
    """

    def __init__(self, size: Size, *, rule: str) -> None:
        self.size = size
        self.rule = rule

    def __call__(self, sample: SegmentationSample, seed: int) -> SegmentationItem:
        """Resize one sample; the seed changes nothing."""
        mask = cv2.resize(sample.mask, self.size[::-1], interpolation=cv2.INTER_NEAREST)
        return SegmentationItem(resize_image(sample.image, self.size, rule=self.rule), mask, sample.name)
