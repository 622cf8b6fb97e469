"""How images enter a model; stored with its weights, so that every command treats images alike."""

import math
from dataclasses import dataclass

from data.sizes import RESIZE_RULES, Size

MOST_SIDE = 2**12  # pixels, of what enters a network
MOST_INPUT = MOST_SIDE**2


@dataclass(frozen=True)
class Preprocessing:
    """What happens to an image before the network.

    Attributes:
        size: (height, width) in pixels that images are resized to, whatever their shape; or the length in pixels of the
            shorter side, with their shape kept; None leaves them as they are.
        mean: per channel (RGB), of values scaled to 0..1.
        std: per channel (RGB), likewise.
        resize: one of `data.sizes.RESIZE_RULES`, how they are resized.

    Raises:
        ValueError: if a field is not of this form.
    """

    size: Size | int | None
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    resize: str = "area"

    def __post_init__(self) -> None:
        whole = isinstance(self.size, tuple) and len(self.size) == 2
        sides = self.size if whole else (self.size,)
        if self.size is not None and not all(type(side) is int and side > 0 for side in sides):  # type: ignore[union-attr]
            raise ValueError(f"size: {self.size!r}; expected (height, width), the shorter side or None")
        if self.size is not None and math.prod(sides) > (MOST_INPUT if whole else MOST_SIDE):  # type: ignore[arg-type]
            raise ValueError(f"size: {self.size!r}; expected sides of at most {MOST_SIDE} pixels")
        if self.resize not in RESIZE_RULES:
            raise ValueError(f"resize: unknown {self.resize!r}; choose from {list(RESIZE_RULES)}")
        for values, least in ((self.mean, 0.0), (self.std, 1e-6)):
            if not (len(values) == 3 and all(type(v) in (int, float) and v >= least for v in values)):
                raise ValueError(f"mean or std: {values!r}; expected three numbers, std above 0")
