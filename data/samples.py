"""What a reader returns for one index, before any transform."""

from dataclasses import dataclass

import numpy as np

IGNORE = 255  # the mask value of pixels that neither teach nor count


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` of the positions 0 to count - 1, evenly spread, the first and the last among them."""
    found: list[int] = np.unique(np.linspace(0, count - 1, most).astype(int)).tolist()
    return found


@dataclass
class DetectionSample:
    """One image with its boxes.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        boxes: (G, 4) float32, xyxy in pixels of `image`.
        labels: (G,) int64, class indices 0 to K - 1.
        crowd: (G,) bool; a crowd box marks a group: neither a positive nor background.
        image_id: the id of the image in the data set's own files.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    image_id: int


@dataclass
class SegmentationSample:
    """One image with its mask.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        mask: (H, W) uint8, class indices 0 to K - 1 or IGNORE.
        name: the stem that the prediction's file takes, unique in the split.
    """

    image: np.ndarray
    mask: np.ndarray
    name: str
