"""What a reader returns for one index, before any transform."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np  # not otherwise: a command reads its configuration, and IGNORE, before the slow imports

IGNORE = 255  # the mask value of pixels that loss and metric ignore


def space_evenly(count: int, most: int) -> list[int]:
    """Return at most `most` of the positions 0 to count - 1, evenly spaced, the first and the last among them."""
    return sorted({index * (count - 1) // max(1, most - 1) for index in range(most)}) if count else []


@dataclass
class ClassificationSample:
    """One image with the classes that it shows.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        target: (K,) bool; of several labels an image any number holds, else one.
        name: of the image's file, relative to the folder of its split; unique in the split.
    """

    image: "np.ndarray"
    target: "np.ndarray"
    name: str

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        return self.image.shape[0], self.image.shape[1]


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

    image: "np.ndarray"
    boxes: "np.ndarray"
    labels: "np.ndarray"
    crowd: "np.ndarray"
    image_id: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        return self.image.shape[0], self.image.shape[1]


@dataclass
class SegmentationSample:
    """One image with its mask.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        mask: (H, W) uint8, class indices 0 to K - 1 or IGNORE.
        name: the stem that the prediction's file takes, unique in the split.
    """

    image: "np.ndarray"
    mask: "np.ndarray"
    name: str

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image in pixels."""
        return self.image.shape[0], self.image.shape[1]
