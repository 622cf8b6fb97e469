"""A large image as overlapping tiles, for a network that would shrink its small objects away."""

from math import ceil
from typing import NamedTuple

from data.sizes import Size


class Tile(NamedTuple):
    """A part of an image, in its pixels."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def size(self) -> Size:
        """Its (height, width)."""
        return self.bottom - self.top, self.right - self.left


def cut_tiles(size: Size, tile: Size, *, overlap: float) -> list[Tile]:
    """Cover an image with tiles of one size, row by row; none leaves the image, so the last ones overlap more.

    Args:
        size: (height, width) of the image in pixels.
        tile: (height, width) of a tile; cut to the image's.
        overlap: share of a tile's side that neighbours have in common, at least; 0 to below 1.
    """
    height, width = min(tile[0], size[0]), min(tile[1], size[1])
    rows, columns = find_starts(size[0], height, overlap), find_starts(size[1], width, overlap)
    return [Tile(top, left, top + height, left + width) for top in rows for left in columns]


def find_starts(length: int, side: int, overlap: float) -> list[int]:
    """Return where tiles of `side` pixels begin on a line of `length` pixels, evenly spread."""
    step = max(1, int(side * (1 - overlap)))
    count = ceil((length - side) / step) + 1
    return [round(index * (length - side) / max(1, count - 1)) for index in range(count)]
