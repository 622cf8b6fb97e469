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
from albumentations.augmentations.crops.transforms import BaseCrop

from data.colors import ColorChange
from data.resizing import Size, resize_image
from data.samples import IGNORE, DetectionSample, SegmentationSample

CROWD_COLUMN = 5  # of the boxes inside a pipeline: 4 coordinates, position, crowd
MIN_SIDE = 1.0  # pixels of the network's input; smaller boxes are left out of training


class DetectionItem(NamedTuple):
    """One image as the network takes it."""

    image: np.ndarray  # (H, W, 3), RGB, 0 to 255: uint8, or float32 where the resize does not round
    boxes: np.ndarray  # (G, 4) float32, xyxy in pixels of `image`
    labels: np.ndarray  # (G,) int64
    crowd: np.ndarray  # (G,) bool


class SegmentationItem(NamedTuple):
    """One image as the network takes it."""

    image: np.ndarray  # (H, W, 3), RGB, 0 to 255: uint8, or float32 where the resize does not round
    mask: np.ndarray  # (H, W) uint8 in training; (h, w), at the label's own size, in evaluation


class SSDRandomCrop(BaseCrop):
    """Crop so that some box keeps a drawn IoU with the crop (SSD, arXiv:1512.02325, section 2.2).

    Boxes whose centre falls outside the crop are dropped. The area and aspect limits are those of TensorFlow's
    `ssd_random_crop`. Boxes come with two label fields, their position and whether they are a crowd, in this order.
    """

    MIN_IOUS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)  # 1: the whole image
    AREA = (0.1, 1.0)
    ASPECT = (0.5, 2.0)
    TRIALS = 50

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw a crop; the whole image where no trial fits."""
        height, width = params["shape"][:2]
        whole = {"crop_coords": (0, 0, width, height)}
        min_iou = self.py_random.choice(self.MIN_IOUS)
        rows = np.asarray(data["bboxes"])
        boxes = rows[~are_crowds(rows), :4] * (width, height, width, height)
        if min_iou == 1.0 or len(boxes) == 0:
            return whole
        for _ in range(self.TRIALS):
            crop = self._draw(height, width)
            if crop is None:
                continue
            inside = centers_inside(boxes, crop)
            if inside.any() and iou_with_crop(boxes[inside], crop).max() >= min_iou:
                return {"crop_coords": crop}
        return whole

    def _draw(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        area = self.py_random.uniform(*self.AREA) * height * width
        aspect = self.py_random.uniform(*self.ASPECT)
        crop_width, crop_height = round((area * aspect) ** 0.5), round((area / aspect) ** 0.5)
        if crop_width > width or crop_height > height or crop_width < 1 or crop_height < 1:
            return None
        x, y = self.py_random.randint(0, width - crop_width), self.py_random.randint(0, height - crop_height)
        return x, y, x + crop_width, y + crop_height

    def apply_to_bboxes(self, bboxes: np.ndarray, crop_coords: tuple[int, int, int, int], **params: Any) -> np.ndarray:
        """Keep the boxes (G, 4 + fields), xyxy in 0..1, whose centre lies in the crop, and move them into it.

        Crowds are all kept: what is left of one is still no background.
        """
        height, width = params["shape"][:2]
        inside = centers_inside(bboxes[:, :4] * (width, height, width, height), crop_coords)
        return super().apply_to_bboxes(bboxes[inside | are_crowds(bboxes)], crop_coords, **params)


def are_crowds(rows: np.ndarray) -> np.ndarray:
    """Tell which of a pipeline's boxes (G, 4 + fields) are crowds: (G,) bool; no boxes come without fields."""
    return np.asarray(rows[:, CROWD_COLUMN : CROWD_COLUMN + 1].any(axis=1))


def centers_inside(boxes: np.ndarray, crop: tuple[int, int, int, int]) -> np.ndarray:
    """Tell which boxes (G, 4), xyxy, have their centre in the crop: (G,) bool."""
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    return ((centers > crop[:2]) & (centers < crop[2:])).all(axis=1)


def iou_with_crop(boxes: np.ndarray, crop: tuple[int, int, int, int]) -> np.ndarray:
    """Return the IoU of each box (G, 4), xyxy, with the crop: (G,)."""
    low, high = np.maximum(boxes[:, :2], crop[:2]), np.minimum(boxes[:, 2:], crop[2:])
    inside = (high - low).clip(min=0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return inside / (areas + (crop[2] - crop[0]) * (crop[3] - crop[1]) - inside)


class RuleResize(A.Resize):
    """Resize by a rule of `data.resizing.RESIZES`; rounded, as the steps after it take whole numbers."""

    def __init__(self, height: int, width: int, *, rule: str) -> None:
        super().__init__(height, width)
        self.rule = rule

    def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
        """Resize an image (H, W, 3) uint8."""
        image = resize_image(img, (self.height, self.width), rule=self.rule)
        return image if image.dtype == np.uint8 else np.rint(image).astype(np.uint8)


class ScaledCrop(A.DualTransform):
    """Resize by a random factor and crop at random, in one: only the pixels that stay are resized.

    Args:
        height: of the crop in pixels; less comes out where the image has less at the drawn factor.
        width: of the crop, likewise.
        scales: lowest and highest factor.
    """

    def __init__(self, height: int, width: int, *, scales: tuple[float, float]) -> None:
        super().__init__(p=1.0)
        self.height = height
        self.width = width
        self.scales = scales

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the factor, and the window (top, left, bottom, right) of the image that becomes the crop."""
        scale, (height, width) = self.py_random.uniform(*self.scales), params["shape"][:2]
        rows, columns = min(height, math.ceil(self.height / scale)), min(width, math.ceil(self.width / scale))
        top, left = self.py_random.randint(0, height - rows), self.py_random.randint(0, width - columns)
        size = min(self.height, max(1, round(rows * scale))), min(self.width, max(1, round(columns * scale)))
        return {"window": (top, left, top + rows, left + columns), "size": size}

    def apply(self, img: np.ndarray, window: tuple[int, int, int, int], size: Size, **params: Any) -> np.ndarray:
        """Crop and resize an image (H, W, 3) uint8."""
        top, left, bottom, right = window
        return cv2.resize(img[top:bottom, left:right], size[::-1], interpolation=cv2.INTER_LINEAR)

    def apply_to_mask(
        self, mask: np.ndarray, window: tuple[int, int, int, int], size: Size, **params: Any
    ) -> np.ndarray:
        """Crop and resize a mask (H, W) uint8."""
        top, left, bottom, right = window
        return cv2.resize(mask[top:bottom, left:right], size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def photometric(probability: float) -> ColorChange:
    """Return a random change of brightness, contrast, saturation (by up to 30 %) and hue."""
    return ColorChange((0.7, 1.3), 0.03, p=probability)


class DetectionTransform:
    """Crop as SSD does, mirror, resize to the network's size, distort colours.

    Args:
        size: (height, width) of the network's input in pixels.
        crop: probability of a crop.
        color: probability of a change of colours.
        rule: of the resize, key of `data.resizing.RESIZES`.
    """

    def __init__(self, size: Size, *, crop: float = 1.0, color: float = 0.5, rule: str = "area") -> None:
        resize = RuleResize(*size, rule=rule)
        steps = (SSDRandomCrop(p=crop), A.HorizontalFlip(p=0.5), resize, photometric(color))
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
        return DetectionItem(out["image"], boxes[visible], sample.labels[kept], sample.crowd[kept])


class SegmentationTransform:
    """Scale, crop, mirror and distort colours.

    Args:
        size: (height, width) of the crop in pixels.
        scales: of the random resize before the crop, as factors.
        color: probability of a change of colours.
    """

    def __init__(self, size: Size, *, scales: Sequence[float] = (0.5, 2.0), color: float = 0.5) -> None:
        low, high = scales
        steps = (
            ScaledCrop(*size, scales=(low, high)),
            A.PadIfNeeded(*size, position="random", fill=127, fill_mask=IGNORE),
            A.HorizontalFlip(p=0.5),
            photometric(color),
        )
        self.pipeline = A.Compose(steps)

    def __call__(self, sample: SegmentationSample, seed: int) -> SegmentationItem:
        """Transform one sample; the same seed does the same."""
        self.pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
        out = self.pipeline(image=sample.image, mask=sample.mask)
        return SegmentationItem(out["image"], out["mask"])


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
        return DetectionItem(image, boxes, sample.labels, sample.crowd)


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
        return SegmentationItem(resize_image(sample.image, self.size, rule=self.rule), sample.mask)
