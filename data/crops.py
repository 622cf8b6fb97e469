"""Random crops as steps of an Albumentations pipeline: around boxes as SSD cuts them, around pixels of rare classes."""

import math
import os
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # no look for updates at import

import albumentations as A
import cv2
import numpy as np
from albumentations.augmentations.crops.transforms import BaseCrop

from data.box_geometry import area, intersect
from data.samples import IGNORE
from data.sizes import Size

CROWD_COLUMN = 5  # of the boxes inside a pipeline: 4 coordinates, position, crowd


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
    whole = np.array(crop)
    inside = area(intersect(boxes, whole))
    return inside / (area(boxes) + area(whole) - inside)


class ScaledCrop(A.DualTransform):
    """Resize by a random factor and crop, in one: only the pixels that stay are resized.

    The crop lies anywhere; or, with a given probability, around a pixel of a class drawn evenly from those in the
    image, so that a class of few pixels is seen as often as one of many. That pixel may lie anywhere in the crop,
    whatever the image's border leaves possible. An image whose pixels are all ignored is cropped anywhere.

    Args:
        height: of the crop in pixels; less comes out where the image has less at the drawn factor.
        width: of the crop, likewise.
        scales: lowest and highest factor.
        rare: probability of a crop around a drawn pixel.
    """

    def __init__(self, height: int, width: int, *, scales: tuple[float, float], rare: float = 0.0) -> None:
        super().__init__(p=1.0)
        self.height = height
        self.width = width
        self.scales = scales
        self.rare = rare

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Draw the factor, and the window (top, left, bottom, right) of the image that becomes the crop."""
        scale, (height, width) = self.py_random.uniform(*self.scales), params["shape"][:2]
        rows, columns = min(height, math.ceil(self.height / scale)), min(width, math.ceil(self.width / scale))
        y, x = self._draw_pixel(data["mask"]) if self.py_random.random() < self.rare else (None, None)
        top, left = self._draw_start(y, rows, height), self._draw_start(x, columns, width)
        size = min(self.height, max(1, round(rows * scale))), min(self.width, max(1, round(columns * scale)))
        return {"window": (top, left, top + rows, left + columns), "size": size}

    def _draw_pixel(self, mask: np.ndarray) -> tuple[int, int] | tuple[None, None]:
        """Draw (y, x) of a pixel of a drawn class of a mask (H, W) uint8; none where all are ignored."""
        labels = list_classes(mask)
        if not labels:
            return None, None
        places = np.flatnonzero(mask == self.py_random.choice(labels))
        y, x = divmod(int(places[self.py_random.randrange(len(places))]), mask.shape[1])
        return y, x

    def _draw_start(self, position: int | None, length: int, side: int) -> int:
        """Draw where a window of `length` pixels begins on a side, such that it holds the position, if there is one."""
        if position is None:
            return self.py_random.randint(0, side - length)
        return self.py_random.randint(max(0, position - length + 1), min(position, side - length))

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


def list_classes(mask: np.ndarray) -> list[int]:
    """Return the class indices that a mask (H, W) uint8 holds, in order, without IGNORE."""
    counts = cv2.calcHist([mask], [0], None, [256], [0, 256])  # (256, 1); several times faster than np.unique
    return [int(label) for label in np.flatnonzero(counts) if label != IGNORE]
