"""One list of boxes from those of overlapping tiles: each object once, whole where any tile shows it whole.

What two tiles found is compared where both look: cut to the pixels that they have in common, two boxes of one object
agree, however much of it lies outside of one of the tiles; two objects beside each other do not.
"""

from typing import NamedTuple

import numpy as np

SAME = 0.5  # boxes of one class with this IoU, where both tiles look, are one object
INSIDE = 0.7  # a cut box of which this share lies in another box of its class is a part of that
MARGIN = 1 / 40  # of a tile's side: a box that ends so near to the tile's end may be cut there


class Found(NamedTuple):
    """Boxes of an image, from several tiles."""

    boxes: np.ndarray  # (D, 4), xyxy in pixels of the image
    labels: np.ndarray  # (D,), class indices
    scores: np.ndarray  # (D,)
    tiles: np.ndarray  # (D, 4), xyxy: where the network looked

    def take(self, rows: np.ndarray) -> "Found":
        """Return those of `rows`, a mask or indices."""
        return Found(self.boxes[rows], self.labels[rows], self.scores[rows], self.tiles[rows])


def merge(found: Found, size: tuple[int, int]) -> Found:
    """Make one box of those that are one object.

    A box that its tile cuts off gives way to a whole one; of those that are all cut, the union is kept. The object's
    score is the best of its boxes.

    Args:
        found: D boxes of one image.
        size: (height, width) of the image in pixels.

    Returns:
        At most D boxes, best first.
    """
    parts = [found.take(found.labels == label) for label in np.unique(found.labels)]
    merged = [_merge_class(part, find_cut(part, size)) for part in parts]
    if not merged:
        return found
    together = Found(*(np.concatenate(column) for column in zip(*merged, strict=True)))
    return together.take(np.argsort(-together.scores, kind="stable"))


def find_cut(found: Found, size: tuple[int, int]) -> np.ndarray:
    """Tell which boxes (D,) end where their tile ends inside of an image of `size` (height, width)."""
    first, last = found.tiles[:, :2], found.tiles[:, 2:]
    margin = (last - first) * MARGIN
    at_first = (found.boxes[:, :2] < first + margin) & (first > 0)
    at_last = (found.boxes[:, 2:] > last - margin) & (last < size[::-1])
    return (at_first | at_last).any(axis=1)


def _merge_class(found: Found, cut: np.ndarray) -> Found:
    """Merge the boxes of one class, those that are whole first."""
    boxes, tiles, scores, cut = found.boxes.copy(), found.tiles.copy(), found.scores.copy(), cut.copy()
    kept = np.zeros(0, dtype=np.int64)  # rows
    for row in np.lexsort((-scores, cut)):
        same = kept[_is_same(boxes, tiles, cut, row, kept)]
        whole = same[~cut[same]]
        if whole.size:
            best = whole[0]
            scores[best] = max(scores[best], scores[row])
            continue
        if same.size:  # all are cut, this one too
            group = [*same, row]
            boxes[row], tiles[row], scores[row] = _unite(boxes[group]), _unite(tiles[group]), scores[group].max()
            kept = np.setdiff1d(kept, same, assume_unique=True)
        kept = np.append(kept, row)
    return Found(boxes, found.labels, scores, tiles).take(kept)


def _is_same(boxes: np.ndarray, tiles: np.ndarray, cut: np.ndarray, row: int, others: np.ndarray) -> np.ndarray:
    """Tell of which others, rows of the arrays, the object of a row is too; never of those of its own tile."""
    box, tile = boxes[row], tiles[row]
    common = _intersect(tiles[others], tile)
    first, second = _intersect(boxes[others], common), _intersect(box, common)
    shared = _area(_intersect(first, second))
    agree = shared >= SAME * np.maximum(_area(first) + _area(second) - shared, 1e-9)
    overlap = _area(_intersect(boxes[others], box))
    inside = cut[row] & (overlap >= INSIDE * _area(box)) | cut[others] & (overlap >= INSIDE * _area(boxes[others]))
    return (agree | inside) & (tiles[others] != tile).any(axis=1)


def _intersect(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the common parts (D, 4) of boxes; what ends before it begins is empty."""
    return np.concatenate(
        [np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])], axis=-1
    )


def _area(boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)


def _unite(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
