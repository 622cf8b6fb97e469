"""How well the outlines of classes are met: precision, recall and F1 of boundary pixels within a tolerance.

The measure of Csurka et al., "What is a good evaluation measure for semantic segmentation?" (BMVC 2013), with the
tolerance that they use, .75 % of the image's diagonal. Unlike theirs, and that of the DAVIS benchmark (Perazzi et al.,
CVPR 2016), counts are added up over the data set before they are divided, as for IoU, so that an image that holds a few
pixels of a class weighs no more than these.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from data.samples import IGNORE

TOLERANCE = 0.0075  # of the diagonal
SMALLEST = 1.0  # tolerance in pixels


class BoundaryCounts:
    """Counts of boundary pixels by class; those of images add up.

    Attributes:
        counts: (K, 4) int64: predicted pixels, those of them near a true one, true pixels, those near a predicted one.
        tolerances: in pixels, of each image.
    """

    def __init__(self, num_classes: int) -> None:
        self.counts = np.zeros((num_classes, 4), dtype=np.int64)
        self.tolerances: list[float] = []

    def update(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """Count the boundary pixels of one image.

        Args:
            predicted: (H, W) class indices.
            truth: (H, W) class indices or IGNORE; what is predicted there does not count.
        """
        self.tolerances.append(find_tolerance(truth.shape))
        disc = build_disc(self.tolerances[-1])
        guesses, trues = find_boundary(np.where(truth == IGNORE, IGNORE, predicted)), find_boundary(truth)

        def compare(k: int) -> tuple[int, int, int, int]:
            return _compare(guesses[guesses[:, 2] == k, :2], trues[trues[:, 2] == k, :2], disc)

        with ThreadPoolExecutor() as pool:  # OpenCV lets go of Python's lock
            self.counts += np.array(list(pool.map(compare, range(len(self.counts)))))

    def __add__(self, other: "BoundaryCounts") -> "BoundaryCounts":
        """Return the counts of both."""
        total = BoundaryCounts(len(self.counts))
        total.counts, total.tolerances = self.counts + other.counts, self.tolerances + other.tolerances
        return total

    def measure(self) -> list[float | None]:
        """Return F1 of each of the K classes; None where neither side has a boundary."""
        return [_f1(*row) for row in self.counts.tolist()]


def find_tolerance(size: tuple[int, ...]) -> float:
    """Return how far apart in pixels boundary pixels may be in an image of (height, width)."""
    return max(SMALLEST, TOLERANCE * math.hypot(*size))


def find_boundary(mask: np.ndarray) -> np.ndarray:
    """Find the pixels that touch one of another class with a side; ignored pixels and the image's border bound nothing.

    Args:
        mask: (H, W) class indices or IGNORE.

    Returns:
        (P, 3) int64: row, column, class index.
    """
    edge = np.zeros(mask.shape, dtype=bool)
    for first, second in (((slice(1, None),), (slice(-1),)), ((slice(None), slice(1, None)), (slice(None), slice(-1)))):
        differ = (mask[first] != mask[second]) & (mask[first] != IGNORE) & (mask[second] != IGNORE)
        edge[first] |= differ
        edge[second] |= differ
    rows, columns = np.nonzero(edge)
    return np.stack([rows, columns, mask[rows, columns]], axis=1)


def build_disc(radius: float) -> np.ndarray:
    """Return (D, D) uint8, 1 within the radius of the middle: dilating by it marks all pixels at most so far away."""
    whole = int(radius)
    rows, columns = np.mgrid[-whole : whole + 1, -whole : whole + 1]
    return (rows**2 + columns**2 <= radius**2).astype(np.uint8)


def _compare(predicted: np.ndarray, true: np.ndarray, disc: np.ndarray) -> tuple[int, int, int, int]:
    """Return the four counts of one class in one image, from (P, 2) and (T, 2) rows and columns."""
    if not len(predicted) or not len(true):
        return len(predicted), 0, len(true), 0
    near_true, near_predicted = _count_near(predicted, true, disc), _count_near(true, predicted, disc)
    return len(predicted), near_true, len(true), near_predicted


def _count_near(pixels: np.ndarray, others: np.ndarray, disc: np.ndarray) -> int:
    """Return how many pixels have one of the others within the disc around them."""
    reach = len(disc) // 2
    low, high = pixels.min(0) - reach, pixels.max(0) + reach
    inside = others[((others >= low) & (others <= high)).all(axis=1)] - low
    canvas = np.zeros(high - low + 1, dtype=np.uint8)
    canvas[inside[:, 0], inside[:, 1]] = 1
    rows, columns = (pixels - low).T
    return int(cv2.dilate(canvas, disc)[rows, columns].sum())


def _f1(predicted: int, near_true: int, true: int, near_predicted: int) -> float | None:
    if not predicted and not true:
        return None
    precision, recall = near_true / max(predicted, 1), near_predicted / max(true, 1)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
