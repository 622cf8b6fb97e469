"""One mask from the scores of overlapping tiles, without seams where they meet."""

import numpy as np
import torch
from torch import Tensor

from data.streams.tiling import Tile


class Blend:
    """Adds up scores of tiles, weighed by how far from the tile's border a pixel is: there the network knows least.

    The tiles come row by row, so no more than the scores of one row of them are held.

    Args:
        size: (height, width) of the image in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.mask = np.zeros(size, dtype=np.uint8)
        self.top = 0
        self.scores: Tensor | None = None  # (K, h, W), from `top` on

    def add(self, tile: Tile, scores: Tensor) -> None:
        """Take the scores (K, h, w) of a tile."""
        if self.scores is None:
            self.scores = scores.new_zeros(len(scores), scores.shape[1], self.mask.shape[1])
        if tile.top > self.top:
            self._finish(tile.top)
        height, width = tile.size
        self.scores[:, :, tile.left : tile.right] += scores * ramp(height, scores)[:, None] * ramp(width, scores)

    def finish(self) -> np.ndarray:
        """Return the mask (H, W) uint8, class indices."""
        self._finish(self.mask.shape[0])
        return self.mask

    def _finish(self, bottom: int) -> None:
        """Decide the rows above `bottom`, and make place for as many below."""
        if self.scores is None:
            return
        count = bottom - self.top
        self.mask[self.top : bottom] = self.scores[:, :count].argmax(dim=0).cpu().numpy()
        self.scores = torch.cat([self.scores[:, count:], torch.zeros_like(self.scores[:, :count])], dim=1)
        self.top = bottom


def ramp(length: int, like: Tensor) -> Tensor:
    """Return weights (length,) that rise from both ends to the middle, as a tensor of the kind of `like`."""
    place = torch.arange(length, device=like.device, dtype=like.dtype) + 0.5
    return torch.minimum(place, length - place)
