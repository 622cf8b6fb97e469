"""Samples and predictions of a segmenter as pictures."""

import cv2
import numpy as np
from torch import Tensor

from data.classes import ClassTable
from data.samples import SegmentationSample
from data.sizes import Size
from tasks.drawing.images import draw_legend, draw_mask, fit, resize, side_by_side
from tasks.segmentation.segmenter import Segmenter


def draw_sample(sample: SegmentationSample, *, classes: ClassTable, size: Size) -> np.ndarray:
    """Lay the mask of a sample over its image, both resized first.

    Args:
        sample: the sample.
        classes: the K classes.
        size: (height, width) of the picture in pixels.

    Returns:
        (*size, 3) uint8.
    """
    return draw_mask(resize(sample.image, size), resize_mask(sample.mask, size), classes=classes)


def draw_pair(model: Segmenter, sample: SegmentationSample, images: Tensor, *, longest: int) -> np.ndarray:
    """Draw one sample, its ground truth left and what the model finds right, with a legend.

    Args:
        model: the segmenter.
        sample: the sample.
        images: (1, 3, H, W), the sample as it enters the model.
        longest: pixels of the longer side of each half; smaller images stay as they are.

    Returns:
        (h, w, 3) uint8.
    """
    classes, size = model.description.classes, fit(sample.size, longest)
    (mask,) = model(images, size=sample.size)
    predicted = resize_mask(mask.cpu().numpy().astype(np.uint8), size)
    picture = draw_mask(resize(sample.image, size), predicted, classes=classes)
    pair = side_by_side(draw_sample(sample, classes=classes, size=size), picture)
    shown = np.stack([resize_mask(sample.mask, size), predicted])
    return np.vstack([pair, draw_legend(shown, classes=classes, width=pair.shape[1])])


def resize_mask(mask: np.ndarray, size: Size) -> np.ndarray:
    """Resize a mask (H, W) of class indices to (height, width); no new values arise."""
    return cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST)


def list_classes(sample: SegmentationSample) -> np.ndarray:
    """Return the class indices of a sample's pixels, IGNORE among them where there are such."""
    return np.unique(sample.mask)
