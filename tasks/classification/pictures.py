"""Samples and predictions of a classifier as pictures: a frame in the colour of the best class, and a tag."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from data.classes import ClassTable
from data.samples import ClassificationSample
from data.sizes import Size
from tasks.classification.classifier import Classifier
from tasks.classification.thresholds import usual_threshold
from tasks.drawing.fonts import brief
from tasks.drawing.images import draw_boxes, fit, resize, side_by_side

LEAST = 240  # pixels of the shorter side: in smaller pictures no tag could be read
NOTHING = "none"


def enlarge(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W, 3), enlarged where a tag in it could not be read."""
    scale = LEAST / min(image.shape[:2])
    return resize(image, (round(image.shape[0] * scale), round(image.shape[1] * scale))) if scale > 1 else image


def draw_labels(
    image: np.ndarray, labels: Sequence[int], *, classes: ClassTable, scores: Sequence[float] | None = None
) -> np.ndarray:
    """Draw what an image shows: a frame, and the names of the classes in one tag.

    Args:
        image: (H, W, 3) uint8, RGB.
        labels: class indices, best first; the first gives its colour.
        classes: the K classes.
        scores: of these classes, 0 to 1.

    Returns:
        (H, W, 3) uint8: a new image; without any class as it was.
    """
    if not len(labels):
        return image.copy()
    names = [brief(classes.names[label]) for label in labels]
    texts = names if scores is None else [f"{name} {score:.2f}" for name, score in zip(names, scores, strict=True)]
    whole = np.array([[0, 0, image.shape[1], image.shape[0]]], dtype=np.float64)
    return draw_boxes(image, whole, np.array(labels[:1]), classes=classes, tags=[", ".join(texts)])


def draw_sample(sample: ClassificationSample, *, classes: ClassTable, size: Size) -> np.ndarray:
    """Draw a sample with its classes as a picture of (height, width): (*size, 3) uint8."""
    return draw_labels(resize(sample.image, size), list_classes(sample).tolist(), classes=classes)


def draw_pair(model: Classifier, sample: ClassificationSample, images: Tensor, *, longest: int) -> np.ndarray:
    """Draw one sample, its ground truth left and what the model finds right.

    Args:
        model: the classifier.
        sample: the sample.
        images: (1, 3, H, W), the sample as it enters the model.
        longest: pixels of the longer side of each half; smaller images stay as they are.

    Returns:
        (h, w, 3) uint8.
    """
    classes, arch = model.description.classes, model.description.arch
    size = fit(enlarge(sample.image).shape[:2], longest)
    (scores,) = model(images).cpu().double().numpy()
    labels = choose_labels(scores, single=arch.scores == "softmax", threshold=usual_threshold(arch))
    found = draw_labels(resize(sample.image, size), labels, classes=classes, scores=scores[labels].tolist())
    return side_by_side(draw_sample(sample, classes=classes, size=size), found)


def choose_labels(scores: np.ndarray, *, single: bool, threshold: float | np.ndarray) -> list[int]:
    """Return the classes that an image shows by its scores (K,), best first.

    Args:
        scores: 0 to 1.
        single: whether it shows one class at most: the best.
        threshold: lowest score; one for all classes, or K.
    """
    limits = np.broadcast_to(threshold, len(scores))
    order = np.argsort(-scores, kind="stable")[: 1 if single else None]
    return [int(label) for label in order if scores[label] >= limits[label]]


def list_classes(sample: ClassificationSample) -> np.ndarray:
    """Return the class indices that a sample shows."""
    return np.flatnonzero(sample.target)
