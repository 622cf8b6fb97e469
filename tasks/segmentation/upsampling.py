"""From a head's map to the size of the images: as a whole, or some rows at a time where nothing so large is kept.

Bilinear resizing is linear in rows and in columns, so it is a product with a matrix for each, and its gradient one with
their transposes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from data.sizes import Size
from heads.lraspp import resize

NUMBERS = {"cpu": 2**18}  # of a strip: what a core's cache holds
MOST_NUMBERS = 2**24  # elsewhere
ROUNDING = 1e-3  # of a row: how far torch's float32 places may be off


class Upsampling(NamedTuple):
    """How a head's maps are resized to the images.

    Attributes:
        size: (height, width) of the network's padded input, which they are resized to; then they are cut to the images.
        align_corners: whether the corners' centres stay where they are.
    """

    size: Size
    align_corners: bool

    def resize(self, logits: Tensor, *, cut: Size) -> Tensor:
        """Resize logits (N, K, h, w) and cut them: (N, K, *cut), float32 if they were shorter."""
        return resize(lengthen(logits), self.size, align_corners=self.align_corners)[..., : cut[0], : cut[1]]

    def matrices(self, logits: Tensor, *, cut: Size, step: int = 1) -> tuple[Tensor, Tensor]:
        """Return how every `step`-th row and column of a cut image is made of an (h, w) map's: (H, h), (W, w)."""
        down, across = (
            self._weigh(cells, size, like=logits)[:kept:step]
            for cells, size, kept in zip(logits.shape[2:], self.size, cut, strict=True)
        )
        return down, across

    def _weigh(self, cells: int, size: int, *, like: Tensor) -> Tensor:
        """Return the weights of all cells of a line in each pixel of a line of this size: (size, cells)."""
        cases = torch.eye(cells, dtype=like.dtype, device=like.device)[None]
        return F.interpolate(cases, size=size, mode="linear", align_corners=self.align_corners)[0].t()

    def reach(self, first: int, last: int, *, cells: int) -> slice:
        """Return which of a map's rows those of an image from `first` to `last` are made of; perhaps one too many."""
        low, high = (self._place(row, cells) for row in (first, last))
        return slice(max(0, int(low - ROUNDING)), min(cells, int(high + ROUNDING) + 2))

    def _place(self, row: int, cells: int) -> float:
        """Return where on a map's rows one of the image's lies."""
        if self.align_corners:
            return row * (cells - 1) / max(1, self.size[0] - 1)
        return max(0.0, (row + 0.5) * cells / self.size[0] - 0.5)


def lengthen(logits: Tensor) -> Tensor:
    """Return logits of a short float type as float32."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


class Strips:
    """The rows of a resized and cut batch, some at a time, and the gradient of its maps.

    Rows come first: a strip of R rows is R combinations of few rows of the maps, one product for the whole batch.

    Args:
        logits: (N, K, h, w) float.
        upsampling: how they are resized.
        cut: (height, width) of the images.
        step: of rows and columns; 2 leaves every second of them.
    """

    def __init__(self, logits: Tensor, upsampling: Upsampling, *, cut: Size, step: int = 1) -> None:
        self._upsampling = upsampling
        self._step = step
        self._down, self._across = upsampling.matrices(logits, cut=cut, step=step)  # (H, h), (W, w)
        n, k, cells, columns = logits.shape
        wide = logits.permute(2, 0, 1, 3).reshape(-1, columns) @ self._across.t()  # (h * N * K, W)
        self._wide = wide.view(cells, -1)  # (h, N * K * W)
        self.shape = torch.Size((len(self._down), n, k, len(self._across)))
        most = NUMBERS.get(logits.device.type, MOST_NUMBERS)
        self._rows = max(1, most // max(1, n * k * len(self._across)))

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        """Yield which rows are next, and their logits (R, N, K, W)."""
        for first in range(0, self.shape[0], self._rows):
            rows = slice(first, min(first + self._rows, self.shape[0]))
            own = self._reach(rows)
            yield rows, (self._down[rows, own] @ self._wide[own]).view(-1, *self.shape[1:])

    def _reach(self, rows: slice) -> slice:
        first, last = rows.start * self._step, (rows.stop - 1) * self._step
        return self._upsampling.reach(first, last, cells=len(self._wide))

    def start_gradient(self) -> Tensor:
        """Return the place for the gradient of the widened maps: (h, N * K * W) zeros."""
        return torch.zeros_like(self._wide)

    def add_gradient(self, total: Tensor, rows: slice, gradient: Tensor) -> None:
        """Add what the gradient (R, N, K, W) of these rows means for the widened maps."""
        own = self._reach(rows)
        total[own].addmm_(self._down[rows, own].t(), gradient.view(len(gradient), -1))

    def finish_gradient(self, total: Tensor) -> Tensor:
        """Return the gradient of the maps: (N, K, h, w)."""
        _, n, k, width = self.shape
        maps = total.view(-1, width) @ self._across  # (h * N * K, w)
        return maps.view(-1, n, k, maps.shape[1]).permute(1, 2, 0, 3)  # (N, K, h, w)
