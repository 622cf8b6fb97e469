"""Random changes of brightness, contrast, saturation and hue as one matrix: one pass over the pixels instead of six."""

import math
from typing import Any

import albumentations as A
import cv2
import numpy as np

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, of RGB
TO_YIQ = np.array([LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])  # rows: Y, I, Q (NTSC)
FROM_YIQ = np.linalg.inv(TO_YIQ)


class ColorChange(A.ImageOnlyTransform):
    """Change brightness, contrast, saturation and hue by drawn amounts, rounded once.

    As torchvision's ColorJitter but for the hue, which turns about the grey axis of YIQ instead of HSV's: the four
    changes then commute, as the turn keeps the luma, and are one affine map of RGB.

    Args:
        scale: (low, high) of the factors of brightness, contrast and saturation; each is drawn on its own.
        hue: the largest turn either way, in turns.
        p: probability of any change.
    """

    def __init__(self, scale: tuple[float, float], hue: float, *, p: float) -> None:
        super().__init__(p=p)
        self.scale = scale
        self.hue = hue

    def get_params(self) -> dict[str, float]:
        """Draw the amounts."""
        names = ("brightness", "contrast", "saturation")
        factors = {name: self.py_random.uniform(*self.scale) for name in names}
        return {**factors, "hue": self.py_random.uniform(-self.hue, self.hue)}

    def apply(
        self, img: np.ndarray, brightness: float, contrast: float, saturation: float, hue: float, **params: Any
    ) -> np.ndarray:
        """Change an image (H, W, 3) uint8, RGB."""
        luma = float(LUMA @ cv2.mean(img)[:3])
        return cv2.transform(img, color_map(brightness, contrast, saturation, hue, luma=luma).astype(np.float32))


def color_map(brightness: float, contrast: float, saturation: float, hue: float, *, luma: float) -> np.ndarray:
    """Return all four changes as an affine map of RGB (3, 4); its last column is proportional to an image's mean luma.

    Args:
        brightness: factor.
        contrast: factor of the distance from the mean luma.
        saturation: factor of the distance from grey.
        hue: turn, see `turn_and_saturate`.
        luma: mean of the image.
    """
    matrix = brightness * contrast * turn_and_saturate(hue, saturation)
    offset = np.full((3, 1), (1 - contrast) * (brightness * luma))
    return np.hstack([matrix, offset])


def turn_and_saturate(hue: float, saturation: float) -> np.ndarray:
    """Return the matrix (3, 3) of RGB that turns the hue (in turns, from red towards green) and scales the colours."""
    cos, sin = saturation * math.cos(math.tau * hue), saturation * math.sin(math.tau * hue)
    return FROM_YIQ @ np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]]) @ TO_YIQ
