"""How images enter a model; stored with its weights, so that every command treats images alike."""

from dataclasses import dataclass

import torch
from torch import Tensor

from data.resizing import RESIZES


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image before the network.

    Attributes:
        size: (height, width) in pixels that images are resized to, whatever their shape; or the length in pixels of the
            shorter side, with their shape kept; None leaves them as they are.
        mean: per channel (RGB), of values scaled to 0..1.
        std: per channel (RGB), likewise.
        resize: key of `data.resizing.RESIZES`, how they are resized.

    Raises:
        ValueError: if a field is not of this form.
    """

    size: tuple[int, int] | int | None
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    resize: str = "area"

    def __post_init__(self) -> None:
        whole = isinstance(self.size, tuple) and len(self.size) == 2
        sides = self.size if whole else (self.size,)
        if self.size is not None and not all(type(side) is int and side > 0 for side in sides):  # type: ignore[union-attr]
            raise ValueError(f"size: {self.size!r}; expected (height, width), the shorter side or None")
        if self.resize not in RESIZES:
            raise ValueError(f"resize: unknown {self.resize!r}; choose from {sorted(RESIZES)}")
        for values, least in ((self.mean, 0.0), (self.std, 1e-6)):
            if not (len(values) == 3 and all(type(v) is float and v >= least for v in values)):
                raise ValueError(f"mean or std: {values!r}; expected three numbers, std above 0")

    def normalize(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W), 0 to 255, into float32 of the network's range, on their device."""
        mean, std = (per_channel(values, images.device) for values in (self.mean, self.std))
        return torch.sub(images, mean).div_(std)


def per_channel(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """Return values of 0..1 as (3, 1, 1), 0 to 255; filled on the device, as a copy to a GPU waits for all its work."""
    return torch.stack([torch.full((1, 1), value, device=device) for value in values]) * 255
