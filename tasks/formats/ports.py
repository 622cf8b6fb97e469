"""What enters an exported file and what leaves it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Port:
    """One tensor at the border of a file.

    Attributes:
        name: of the tensor.
        shape: its sides; None where any number is taken.
        dtype: NumPy's name of its type.
        scale: of one integer step, where integers stand for numbers: number = scale * (integer - zero_point).
        zero_point: the integer that stands for 0.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None

    def store(self, values: np.ndarray) -> np.ndarray:
        """Return numbers as the file takes them."""
        if self.scale is None:
            return values.astype(self.dtype, copy=False)
        limits = np.iinfo(self.dtype)
        stored = np.rint(values / self.scale) + (self.zero_point or 0)
        return stored.clip(limits.min, limits.max).astype(self.dtype)

    def read(self, stored: np.ndarray) -> np.ndarray:
        """Return the numbers that a tensor of the file stands for."""
        if self.scale is None:
            return stored
        return (stored.astype(np.float32) - (self.zero_point or 0)) * np.float32(self.scale)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Tell whether a tensor has this shape."""
        return len(shape) == len(self.shape) and all(
            own in (None, side) for own, side in zip(self.shape, shape, strict=True)
        )
