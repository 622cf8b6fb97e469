"""Samples and predictions of a detector as pictures."""

import numpy as np
from torch import Tensor

from data.classes import ClassTable
from data.samples import DetectionSample
from data.sizes import Size
from tasks.detection.detector import Detector, scale_to
from tasks.drawing.images import draw_boxes, fit, resize, side_by_side

LEAST_SCORE = 0.3  # of a box that is drawn


def draw_sample(sample: DetectionSample, *, classes: ClassTable, size: Size) -> np.ndarray:
    """Draw the boxes of a sample on its image, resized first, so that lines and letters keep their size.

    Args:
        sample: the sample.
        classes: the K classes.
        size: (height, width) of the picture in pixels.

    Returns:
        (*size, 3) uint8.
    """
    boxes = sample.boxes * np.array(scale_to(size, sample.size) * 2)
    return draw_boxes(resize(sample.image, size), boxes, sample.labels, classes=classes)


def draw_pair(model: Detector, sample: DetectionSample, images: Tensor, *, longest: int) -> np.ndarray:
    """Draw one sample, its ground truth left and what the model finds right.

    Args:
        model: the detector.
        sample: the sample.
        images: (1, 3, H, W), the sample as it enters the model.
        longest: pixels of the longer side of each half; smaller images stay as they are.

    Returns:
        (h, w, 3) uint8.
    """
    classes, size = model.description.classes, fit(sample.size, longest)
    (found,) = model(images)
    kept = found.scores >= LEAST_SCORE
    boxes = found.boxes[kept].cpu().numpy() * np.array(scale_to(size, model.size) * 2)
    labels, scores = found.labels[kept].cpu().numpy(), found.scores[kept].cpu().numpy()
    predicted = draw_boxes(resize(sample.image, size), boxes, labels, classes=classes, scores=scores)
    return side_by_side(draw_sample(sample, classes=classes, size=size), predicted)


def list_classes(sample: DetectionSample) -> np.ndarray:
    """Return the class indices of a sample's boxes."""
    return np.unique(sample.labels)
