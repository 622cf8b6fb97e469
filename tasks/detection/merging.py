"""One list of boxes from those of overlapping tiles: each object once, whole where any tile shows it whole.

What two tiles found is compared where both look: cut to the pixels that they have in common, two boxes of one object
agree, however much of it lies outside of one of the tiles; two objects beside each other do not.
"""

from typing import NamedTuple

import numpy as np

SAME = 0.5  # boxes of one class with this IoU, where both tiles look, are one object
INSIDE = 0.7  # a cut box of which this share lies in another box of its class is a part of that
SURE = 0.5  # a box with this share of the score of another one may extend the kept box
SEVERAL = -1
MARGIN = 1 / 40  # of a tile's side: a box that ends so near to the tile's end may be cut there


class Found(NamedTuple):
    """Boxes of an image, from several tiles."""

    boxes: np.ndarray  # (D, 4), xyxy in pixels of the image
    labels: np.ndarray  # (D,), class indices
    scores: np.ndarray  # (D,)
    tiles: np.ndarray  # (D, 4), xyxy: where the network looked
    views: np.ndarray  # (D,), number of the tile; SEVERAL for a box made of those of several

    def take(self, rows: np.ndarray) -> "Found":
        """Return those of `rows`, a mask or indices."""
        return Found(*(column[rows] for column in self))


def merge(found: Found, size: tuple[int, int]) -> Found:
    """Make one box of those that are one object.

    The best box of an object is kept. Where its tile cuts it off, a whole one that is nearly as sure takes its place,
    or, of boxes that are all cut, the union.

    Args:
        found: D boxes of one image.
        size: (height, width) of the image in pixels.

    Returns:
        At most D boxes, best first.
    """
    parts = [found.take(found.labels == label) for label in np.unique(found.labels)]
    merged = [_merge_class(part, size) for part in parts]
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


def _merge_class(found: Found, size: tuple[int, int]) -> Found:
    """Merge the boxes of one class, until no two are the same."""
    while True:
        merged = _merge_once(found, size)
        if len(merged.scores) == len(found.scores):
            return merged
        found = merged


def _merge_once(found: Found, size: tuple[int, int]) -> Found:
    """Compare each box of a class with the better ones that are kept; the first that is the same takes it in."""
    found = found.take(np.argsort(-found.scores, kind="stable"))
    found = found._replace(boxes=np.asfortranarray(found.boxes))  # one side of all boxes is read at a time
    cut = find_cut(found, size)
    nowhere = cut & (area(found.boxes) == 0)
    kept = np.zeros(len(cut), dtype=bool)
    for row in range(len(cut)):
        near = find_near(found, nowhere, row, kept)
        same = near[_is_same(found, cut, row, near)] if near.size else near
        if not same.size:
            kept[row] = True
        elif cut[best := same[0]] and found.scores[row] >= SURE * found.scores[best]:
            group = [row, best] if cut[row] else [row]
            found.boxes[best], found.tiles[best] = _unite(found.boxes[group]), _unite(found.tiles[group])
            found.views[best] = SEVERAL if cut[row] else found.views[row]
            cut[best : best + 1] = find_cut(found.take(np.array([best])), size)
            nowhere[best] = cut[best] and area(found.boxes[best]) == 0
    return found.take(kept)


def find_near(found: Found, nowhere: np.ndarray, row: int, kept: np.ndarray) -> np.ndarray:
    """Return the kept rows that may be the same as `row`: of other tiles, where they intersect or one is `nowhere`.

    Boxes of one tile are never the same; cut boxes without area, `nowhere`, are part of any other.
    """
    views, view = found.views[:row], found.views[row]
    others = kept[:row] & ((views != view) | (view == SEVERAL))
    if nowhere[row]:
        return np.flatnonzero(others)
    left, top, right, bottom = found.boxes[row]
    lefts, tops, rights, bottoms = found.boxes[:row].T
    meets = (lefts < right) & (rights > left) & (tops < bottom) & (bottoms > top)
    return np.flatnonzero(others & (meets | nowhere[:row]))


def _is_same(found: Found, cut: np.ndarray, row: int, others: np.ndarray) -> np.ndarray:
    """Tell of which others, rows too, the object of a row is."""
    box, tile, boxes, tiles = found.boxes[row], found.tiles[row], found.boxes[others], found.tiles[others]
    common = intersect(tiles, tile)
    first, second = intersect(boxes, common), intersect(box, common)
    shared = area(intersect(first, second))
    agree = shared >= SAME * np.maximum(area(first) + area(second) - shared, 1e-9)
    overlap = area(intersect(boxes, box))
    inside = cut[row] & (overlap >= INSIDE * area(box)) | cut[others] & (overlap >= INSIDE * area(boxes))
    return agree | inside


def intersect(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the common parts (D, 4) of boxes; what ends before it begins is empty."""
    return np.concatenate(
        [np.maximum(first[..., :2], second[..., :2]), np.minimum(first[..., 2:], second[..., 2:])], axis=-1
    )


def area(boxes: np.ndarray) -> np.ndarray:
    """Return the areas (D,) of boxes; none where a box ends before it begins."""
    return np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2], 0), axis=-1)


def _unite(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
