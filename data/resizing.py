"""How an image is resized before a network; published weights come with the rule that they were trained with."""

import cv2
import numpy as np
from PIL import Image

from data.sizes import Size


def resize_area(image: np.ndarray, size: Size) -> np.ndarray:
    """Average over the area of each new pixel where the image shrinks; bilinear where it grows."""
    shrinks = size[0] < image.shape[0] or size[1] < image.shape[1]
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def resize_bilinear(image: np.ndarray, size: Size) -> np.ndarray:
    """Mix the four nearest pixels, however much the image shrinks, without rounding (torchvision's detectors)."""
    return cv2.resize(image.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)


def resize_antialias(image: np.ndarray, size: Size) -> np.ndarray:
    """Weigh pixels by a triangle as wide as a new pixel (Pillow's bilinear: torchvision's segmenters)."""
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


RESIZES = {"area": resize_area, "bilinear": resize_bilinear, "antialias": resize_antialias}


def find_size(original: Size, size: Size | int | None) -> Size:
    """Return the (height, width) that an image of `original` (height, width) gets.

    Args:
        original: (height, width) in pixels.
        size: (height, width); or the length of the shorter side, where the longer keeps its share, rounded down as in
            torchvision; or None for the original.
    """
    if size is None:
        return original
    if isinstance(size, tuple):
        return size
    shorter = min(original)
    return size * original[0] // shorter, size * original[1] // shorter


def resize_image(image: np.ndarray, size: Size | int | None, *, rule: str) -> np.ndarray:
    """Resize an image (H, W, 3) uint8 to `size`, see `find_size`, by a rule of `RESIZES`.

    Returns:
        (height, width, 3) uint8; float32, 0 to 255, by "bilinear".
    """
    if size is None:
        return image
    return RESIZES[rule](image, find_size((image.shape[0], image.shape[1]), size))
