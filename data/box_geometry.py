"""What boxes have in common, and how large they are: NumPy, xyxy."""

import numpy as np


def intersect(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the common parts (..., 4) of boxes; what ends before it begins is empty."""
    return np.concatenate(
        [np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])], axis=-1
    )


def area(boxes: np.ndarray) -> np.ndarray:
    """Return the areas (...) of boxes; none where a box ends before it begins."""
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)
