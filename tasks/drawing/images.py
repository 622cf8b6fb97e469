"""Boxes, masks and captions on images: uint8 RGB in, a new uint8 RGB out."""

import logging
from bisect import bisect_left
from collections.abc import Collection
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from data.classes import ClassTable, Color, find_classes
from data.errors import InputError
from data.images import to_array
from data.samples import IGNORE
from data.sizes import Size
from tasks.drawing.fonts import brief
from tasks.drawing.lettering import measure, write
from tasks.files import write_bytes

logger = logging.getLogger(__name__)

PAPER, INK = (255, 255, 255), (20, 20, 20)
SMALLEST = 8  # pixels: the height of letters that can be read
MOST_TAGS = 0.1  # share of the image that the tags of boxes may cover before they shrink
SUFFIXES = (".jpeg", ".jpg", ".png")
LONGEST_JPEG = 65_500  # pixels of a side
Place = tuple[int, int, int, int]  # left, top, right, bottom of a tag, in pixels


def draw_boxes(
    image: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    *,
    classes: ClassTable,
    scores: np.ndarray | None = None,
    tags: list[str] | None = None,
) -> np.ndarray:
    """Draw boxes in their classes' colours, each with a tag; the highest score, or else the smallest box, on top.

    Args:
        image: (H, W, 3) uint8, RGB.
        boxes: (G, 4), xyxy in pixels of `image`.
        labels: (G,) class indices.
        classes: the K classes.
        scores: (G,), 0 to 1; written into the tags.
        tags: G texts; the names of the classes by default.

    Returns:
        (H, W, 3) uint8: a new image.
    """
    drawn, line = image.copy(), max(1, round(_font_size(image) / 7))
    height, width = image.shape[:2]
    edges = np.clip(np.round(boxes), 0, (width - 1, height - 1, width - 1, height - 1)).astype(int)
    names = tags or [brief(classes.names[int(label)]) for label in labels]
    texts = names if scores is None else [f"{name} {score:.2f}" for name, score in zip(names, scores, strict=True)]
    areas = (edges[:, 2] - edges[:, 0]) * (edges[:, 3] - edges[:, 1])
    first_to_last = np.argsort(areas if scores is None else -scores, kind="stable")
    for index in first_to_last[::-1]:
        left, top, right, bottom = edges[index].tolist()
        color = classes.colors[int(labels[index])]
        cv2.rectangle(drawn, (left, top), (right, bottom), color, line)
    size = _tag_size(texts, image)
    places = _place_tags([texts[i] for i in first_to_last], edges[first_to_last], size=size, image_size=(height, width))
    if not texts:
        return drawn
    canvas = Image.fromarray(drawn)
    del drawn
    for index, place in list(zip(first_to_last, places, strict=True))[::-1]:
        _draw_tag(canvas, texts[index], place=place, color=classes.colors[int(labels[index])], size=size)
    return to_array(canvas)


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
    size = int(np.clip(width / 75, 10, 64))
    row = round(size * 1.7)
    places, x, y = [], size // 2, 0
    for index in _present(mask):
        name = brief(classes.names[index])
        step = round(size * 1.3 + measure(name, size) + size)
        if x > size // 2 and x + step > width:
            x, y = size // 2, y + row
        places.append((index, name, x, y))
        x += step
    strip = Image.new("RGB", (width, y + row), PAPER)
    draw = ImageDraw.Draw(strip)
    for index, name, left, top in places:
        middle = top + row / 2
        swatch = (left, middle - size / 2, left + size, middle + size / 2)
        draw.rectangle(swatch, fill=classes.colors[index], outline=INK)
        write(draw, name, left=left + size * 1.3, middle=middle, size=size, color=INK)
    return np.array(strip)


def add_legend(
    picture: np.ndarray, found: np.ndarray, *, classes: ClassTable, names: Collection[str] | None
) -> np.ndarray:
    """Set a legend under a picture (H, W, 3): of the classes of these names, or of those found where None are given.

    Args:
        picture: uint8, RGB.
        found: class indices in any shape, of boxes or of pixels.
        classes: the K classes.
        names: of the classes to list.

    Returns:
        (H + legend, W, 3) uint8; the picture itself where there is nothing to list.
    """
    shown = found if names is None else np.array(find_classes(classes, names), dtype=np.int64)
    if not (shown != IGNORE).any():
        return picture
    return np.vstack([picture, draw_legend(shown, classes=classes, width=picture.shape[1])])


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
    columns = [add_title(image, title) for image, title in zip((left, right), titles, strict=True)]
    space = np.full((len(columns[0]), max(2, _font_size(left) // 3), 3), PAPER, dtype=np.uint8)
    return np.hstack([columns[0], space, columns[1]])


def add_title(image: np.ndarray, title: str) -> np.ndarray:
    """Set a title above an image (H, W, 3); of one that is too long the end is shown, as of a path the name.

    Returns:
        (H + title, W, 3) uint8.
    """
    size, width = _font_size(image), image.shape[1]
    letters = round(size * 1.15)
    shown = _keep_end(title, width, size=letters)
    bar = Image.new("RGB", (width, round(size * 1.8)), PAPER)
    left = width / 2 - round(measure(shown, letters) / 2)
    write(ImageDraw.Draw(bar), shown, left=left, middle=bar.height / 2, size=letters, color=INK)
    return np.vstack([np.array(bar), image])


def _keep_end(text: str, width: int, *, size: int) -> str:
    """Return a text, or as much of its end as fits into `width` pixels."""
    if measure(text, size) <= width:
        return text
    start = bisect_left(range(len(text)), True, lo=1, key=lambda start: measure(f"…{text[start:]}", size) <= width)
    return f"…{text[start:]}"


def fit(size: Size, longest: int) -> Size:
    """Return a (height, width) whose longer side is at most `longest` pixels; smaller ones stay."""
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def resize(image: np.ndarray, size: Size) -> np.ndarray:
    """Resize an image (H, W, 3) to (height, width), for people to look at."""
    smaller = size[0] < image.shape[0]
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def save_image(image: np.ndarray, path: Path) -> Path:
    """Write a uint8 RGB image as PNG or JPEG, by the path's suffix; as PNG where a side is too long for JPEG.

    Returns:
        The path of what was written.

    Raises:
        InputError: if the suffix is another one.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: cannot write images as {path.suffix!r}; choose from {', '.join(SUFFIXES)}")
    if path.suffix.lower() != ".png" and max(image.shape[:2]) > LONGEST_JPEG:
        height, width = image.shape[:2]
        logger.warning("%s: JPEG cannot hold %d x %d pixels; written as PNG", path, height, width)
        path = path.with_suffix(".png")
    write_picture(Image.fromarray(image), path)
    return path


def write_picture(image: Image.Image, path: Path) -> None:
    """Write a picture as PNG or JPEG, by the path's suffix, whole or not at all."""
    file = BytesIO()
    image.save(file, "PNG" if path.suffix.lower() == ".png" else "JPEG", quality=92)  # PNG has no quality
    write_bytes(path, file.getbuffer())


def _tag_size(texts: list[str], image: np.ndarray) -> int:
    """Return the font's height in pixels: as `_font_size`, but down to half where the tags would hide the image."""
    size = _font_size(image)
    area = sum((measure(text, size) + 2 * _padding(size)) * size * 1.3 for text in texts)
    share = area / (image.shape[0] * image.shape[1])
    return size if share <= MOST_TAGS else max(SMALLEST, size // 2, round(size * float(np.sqrt(MOST_TAGS / share))))


def _place_tags(texts: list[str], edges: np.ndarray, *, size: int, image_size: tuple[int, int]) -> list[Place]:
    """Find each tag's place inside the image: above its box, in its top or under it, where no earlier tag is.

    A low box, which a tag in its top would hide, has it rather under it.
    """
    places: list[Place] = []
    for text, (left, top, _, bottom) in zip(texts, edges.tolist(), strict=True):
        width, height = round(measure(text, size)) + 2 * _padding(size), round(size * 1.3)
        x = max(0, min(left, image_size[1] - width))
        low = bottom - top < 3 * height
        tops = (top - height, bottom, top) if low else (top - height, top, bottom)
        options = [(x, y, x + width, y + height) for y in tops]
        inside = [place for place in options if place[1] >= 0 and place[3] <= image_size[0]]
        free = [place for place in inside if not any(_overlap(place, taken) for taken in places)]
        places.append([*free, *inside, (x, 0, x + width, height)][0])
    return places


def _overlap(first: Place, second: Place) -> bool:
    beside = first[2] <= second[0] or second[2] <= first[0]
    return not beside and first[1] < second[3] and second[1] < first[3]


def _draw_tag(canvas: Image.Image, text: str, *, place: Place, color: Color, size: int) -> None:
    """Write a text on a ground of `color`."""
    left, top, right, bottom = place
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((left, top, right - 1, bottom - 1), fill=color)
    middle = (top + bottom) / 2
    write(draw, text, left=left + _padding(size), middle=middle, size=size, color=_contrasting(color))


def _padding(size: int) -> int:
    return max(1, size // 4)


def _contrasting(color: Color) -> Color:
    """Return black or white, whichever reads better on a colour (brightness of ITU-R BT.601)."""
    red, green, blue = color
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else PAPER


def _present(mask: np.ndarray) -> np.ndarray:
    values = np.unique(mask)
    return values[values != IGNORE]


def _font_size(image: np.ndarray) -> int:
    """Return a height in pixels that reads alike on images of any size: 8 at the least, 13 on 640 x 480."""
    return max(SMALLEST, round(0.024 * float(np.sqrt(image.shape[0] * image.shape[1]))))
