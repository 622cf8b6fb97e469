"""Boxes, masks and captions on images: uint8 RGB in, a new uint8 RGB out."""

from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.classes import ClassTable, Color
from data.errors import InputError
from data.samples import IGNORE

PAPER, INK = (255, 255, 255), (20, 20, 20)
SUFFIXES = (".jpeg", ".jpg", ".png")


def draw_boxes(
    image: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    *,
    classes: ClassTable,
    scores: np.ndarray | None = None,
) -> np.ndarray:
    """Draw boxes in their classes' colours, each with a tag; the highest score, or else the last box, on top.

    Args:
        image: (H, W, 3) uint8, RGB.
        boxes: (G, 4), xyxy in pixels of `image`.
        labels: (G,) class indices.
        classes: the K classes.
        scores: (G,), 0 to 1; written into the tags.

    Returns:
        (H, W, 3) uint8: a new image.
    """
    drawn = image.copy()
    size = _font_size(image)
    width = max(1, round(size / 7))
    order = np.arange(len(boxes)) if scores is None else np.argsort(scores, kind="stable")
    for index in order:
        left, top, right, bottom = (round(float(value)) for value in boxes[index])
        color = classes.colors[int(labels[index])]
        cv2.rectangle(drawn, (left, top), (right, bottom), color, width)
    canvas = Image.fromarray(drawn)
    for index in order:
        name, color = classes.names[int(labels[index])], classes.colors[int(labels[index])]
        text = name if scores is None else f"{name} {float(scores[index]):.2f}"
        _draw_tag(canvas, text, box=boxes[index], color=color, size=size)
    return np.array(canvas)


def draw_mask(image: np.ndarray, mask: np.ndarray, *, classes: ClassTable, opacity: float = 0.6) -> np.ndarray:
    """Lay the classes' colours over an image.

    Args:
        image: (H, W, 3) uint8, RGB.
        mask: (H, W) class indices; pixels that are IGNORE keep the image's colour.
        classes: the K classes.
        opacity: 0 shows the image alone, 1 the colours alone.

    Returns:
        (H, W, 3) uint8: a new image.

    Raises:
        ValueError: if the sizes differ or the mask holds a value that is no class.
    """
    if mask.shape != image.shape[:2]:
        raise ValueError(f"mask has size {mask.shape}; expected the image's {image.shape[:2]}")
    present = _present(mask)
    if present.size and present[-1] >= len(classes):
        raise ValueError(f"mask holds {present[-1]}; expected 0 to {len(classes) - 1} or {IGNORE}")
    table = np.zeros((IGNORE + 1, 3), dtype=np.uint8)
    table[: len(classes)] = classes.colors
    blended = cv2.addWeighted(table[mask], opacity, image, 1 - opacity, 0.0)
    return np.where((mask == IGNORE)[:, :, None], image, blended)


def draw_legend(mask: np.ndarray, *, classes: ClassTable, width: int) -> np.ndarray:
    """Draw a strip with the colour and name of each class in a mask, to stack under an image of that width.

    Args:
        mask: class indices in any shape (several masks at once, or the labels of boxes); IGNORE is not listed.
        classes: the K classes.
        width: of the strip, in pixels.

    Returns:
        (height, width, 3) uint8; as many lines as the names need, at least one.
    """
    size = int(np.clip(width / 60, 10, 28))
    font, row = _font(size), round(size * 1.7)
    places, x, y = [], size // 2, 0
    for index in _present(mask):
        step = round(size * 1.3 + font.getlength(classes.names[index]) + size)
        if x > size // 2 and x + step > width:
            x, y = size // 2, y + row
        places.append((index, x, y))
        x += step
    strip = Image.new("RGB", (width, y + row), PAPER)
    draw = ImageDraw.Draw(strip)
    for index, left, top in places:
        middle = top + row / 2
        swatch = (left, middle - size / 2, left + size, middle + size / 2)
        draw.rectangle(swatch, fill=classes.colors[index], outline=INK)
        draw.text((left + size * 1.3, middle), classes.names[index], fill=INK, font=font, anchor="lm")
    return np.array(strip)


def side_by_side(
    left: np.ndarray, right: np.ndarray, *, titles: tuple[str, str] = ("ground truth", "prediction")
) -> np.ndarray:
    """Set two images of one size next to each other, each under its title.

    Args:
        left: (H, W, 3) uint8, RGB.
        right: the same size.
        titles: of the left and the right image.

    Returns:
        (H + title, 2 W + gap, 3) uint8.

    Raises:
        ValueError: if the sizes differ.
    """
    if left.shape != right.shape:
        raise ValueError(f"the right image has shape {right.shape}; expected the left one's {left.shape}")
    size = _font_size(left)
    height, gap = round(size * 1.8), max(2, size // 3)
    columns = []
    for image, title in zip((left, right), titles, strict=True):
        bar = Image.new("RGB", (image.shape[1], height), PAPER)
        middle = (image.shape[1] / 2, height / 2)
        ImageDraw.Draw(bar).text(middle, title, fill=INK, font=_font(round(size * 1.15)), anchor="mm")
        columns.append(np.vstack([np.array(bar), image]))
    space = np.full((height + left.shape[0], gap, 3), PAPER, dtype=np.uint8)
    return np.hstack([columns[0], space, columns[1]])


def save_image(image: np.ndarray, path: Path) -> None:
    """Write a uint8 RGB image as PNG or JPEG, by the path's suffix.

    Raises:
        InputError: if the suffix is another one.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: cannot write images as {path.suffix!r}; choose from {', '.join(SUFFIXES)}")
    Image.fromarray(image).save(path, quality=92)  # PNG takes no notice of the quality


def _draw_tag(canvas: Image.Image, text: str, *, box: np.ndarray, color: Color, size: int) -> None:
    """Write a text on a ground of `color` above a box, or in its top where there is no room, inside the canvas."""
    font, pad = _font(size), max(1, size // 4)
    width, height = round(font.getlength(text)) + 2 * pad, round(size * 1.3)
    left = round(float(np.clip(box[0], 0, max(0, canvas.width - width))))
    above = float(box[1]) - height
    top = round(float(np.clip(above if above >= 0 else box[1], 0, max(0, canvas.height - height))))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((left, top, left + width - 1, top + height - 1), fill=color)
    draw.text((left + pad, top + height / 2), text, fill=_contrasting(color), font=font, anchor="lm")


def _contrasting(color: Color) -> Color:
    """Return black or white, whichever reads better on a colour (brightness of ITU-R BT.601)."""
    red, green, blue = color
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else PAPER


def _present(mask: np.ndarray) -> np.ndarray:
    values = np.unique(mask)
    return values[values != IGNORE]


def _font_size(image: np.ndarray) -> int:
    """Return a height in pixels that reads alike on images of any size: 8 at the least, 13 on 640 x 480."""
    return max(8, round(0.024 * float(np.sqrt(image.shape[0] * image.shape[1]))))


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Load matplotlib's DejaVu Sans: class names need more letters than OpenCV's fonts have."""
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
