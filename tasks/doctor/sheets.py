"""Many pictures on one sheet: samples with their labels, and the pictures that two splits share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from data.errors import InputError
from data.samples import space_evenly
from data.sizes import Size
from tasks.doctor.leaks import Pair
from tasks.drawing.images import PAPER, add_title, draw_legend, resize, side_by_side
from tasks.task import Task

if TYPE_CHECKING:
    from tasks.parts import Reader

SAMPLES = 20  # on a sheet
COLUMNS = 4
SIDE = 420  # pixels: the longer one of a picture
GAP = 12  # pixels
PAIRS = 12  # on a sheet
PAIR_COLUMNS = 2


def choose_samples(presence: np.ndarray, count: int = SAMPLES) -> list[int]:
    """Choose images so that every class is shown if there is room, the rarest first; the rest spread evenly.

    Args:
        presence: (N, K) bool, whether an image holds a class.
        count: images to choose.

    Returns:
        At most `count` positions, sorted.
    """
    chosen: list[int] = []
    frequency = presence.sum(axis=0)
    for label in np.argsort(frequency, kind="stable"):
        shown = np.asarray(presence[chosen].any(axis=0))
        if len(chosen) == count or not frequency[label] or shown[label]:
            continue
        gains = (presence & ~shown).sum(axis=1) * presence[:, label]  # new classes that an image of this class shows
        chosen.append(int(gains.argmax()))
    left = np.setdiff1d(np.arange(len(presence)), chosen)
    others = left[space_evenly(len(left), count - len(chosen))]
    return sorted([*chosen, *others.tolist()])


def draw_samples(reader: "Reader", rows: Sequence[int], task: Task) -> np.ndarray | None:
    """Draw images with their labels on one sheet; files that cannot be read are left out.

    Args:
        reader: of a split.
        rows: positions of the images.
        task: that the labels are for.

    Returns:
        (H, W, 3) uint8, with a legend of the classes below; None if no image can be read.
    """
    cells, seen = [], []
    for row in rows:
        try:
            sample = reader[row]
        except InputError:  # reported elsewhere
            continue
        picture = task.parts.draw_sample(sample, classes=reader.classes, size=_fit_size(sample.size))
        cells.append(add_title(picture, Path(reader.image_paths[row]).name))
        seen.append(task.parts.list_classes(sample))
    if not cells:
        return None
    sheet = tile(cells, columns=COLUMNS)
    return np.vstack([sheet, draw_legend(np.concatenate(seen), classes=reader.classes, width=sheet.shape[1])])


def draw_pairs(pairs: Sequence[Pair], read: Callable[[str, str], np.ndarray]) -> np.ndarray:
    """Draw the first PAIRS pairs of files side by side, each under its split and name.

    Args:
        pairs: of images that show the same.
        read: reads an image (H, W, 3) uint8 by its split and path.

    Returns:
        (H, W, 3) uint8.
    """
    cells = []
    for pair in pairs[:PAIRS]:
        left, right = (_fit(read(*image)) for image in zip(pair.splits, pair.paths, strict=True))
        right = cv2.resize(right, left.shape[1::-1])
        first, second = (f"{split}: {Path(path).name}" for split, path in zip(pair.splits, pair.paths, strict=True))
        cells.append(side_by_side(left, right, titles=(first, second)))
    return tile(cells, columns=PAIR_COLUMNS)


def tile(cells: Sequence[np.ndarray], *, columns: int) -> np.ndarray:
    """Set pictures (h, w, 3) in rows, GAP apart, each in the middle of a place as large as the largest: (H, W, 3)."""
    columns = min(columns, len(cells))
    height, width = (max(cell.shape[axis] for cell in cells) for axis in (0, 1))
    rows = -(-len(cells) // columns)
    size = (rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3)
    sheet = np.full(size, PAPER, dtype=np.uint8)
    for index, cell in enumerate(cells):
        top = (index // columns) * (height + GAP) + GAP + (height - cell.shape[0]) // 2
        left = (index % columns) * (width + GAP) + GAP + (width - cell.shape[1]) // 2
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet


def _fit_size(size: Size) -> Size:
    """Return the (height, width) of a picture whose longer side is SIDE."""
    scale = SIDE / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _fit(image: np.ndarray) -> np.ndarray:
    """Resize an image so that its longer side is SIDE."""
    return resize(image, _fit_size((image.shape[0], image.shape[1])))
