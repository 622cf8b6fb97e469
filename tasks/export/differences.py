"""How far two results of the same stage are apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PART = 2**22  # values that are compared at once, or the logits of a street scene would take gigabytes
SILENCE = 1e-30  # a spread that counts as none
QUIET = 1 / 200  # of the spread of a whole stage: the least that a level of it counts as having


@dataclass
class Difference:
    """How far results of a stage are from those of another way to compute it, over any number of images.

    Of numbers it is the absolute difference. Class indices have no distances: they differ by 1 or not at all, and the
    largest and the typical difference are both the share that differs.

    Attributes:
        indices: whether these are class indices.
        count: of values.
        peak: largest difference of a value; infinite where the shapes differ or a value is not finite.
        reach: largest absolute value of the reference.
        absolute: sum of the differences.
        noise: sum of their squares.
        total: sum of the reference's values; 0 for class indices.
        squares: sum of their squares; the count for class indices.
        least: mean square that the spread counts as having at least.
    """

    indices: bool = False
    count: int = 0
    peak: float = 0.0
    reach: float = 0.0
    absolute: float = 0.0
    noise: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    least: float = 0.0

    def add(self, reference: np.ndarray, other: np.ndarray) -> None:
        """Take two results."""
        self.indices = bool(np.issubdtype(reference.dtype, np.integer))
        if reference.shape != other.shape:
            self.peak = self.absolute = self.noise = math.inf
            other = reference
        parts = max(1, reference.size // PART)
        for one, two in zip(*(np.array_split(values.ravel(), parts) for values in (reference, other)), strict=True):
            self.add_part(one, two)

    def add_part(self, reference: np.ndarray, other: np.ndarray) -> None:
        """Take values of the same length."""
        if self.indices:
            values, gaps = np.ones(len(reference)), (reference != other).astype(np.float64)
        else:
            values = reference.astype(np.float64)
            gaps = np.nan_to_num(np.abs(other - values), nan=math.inf, posinf=math.inf)
            self.total += float(values.sum())
        self.count += len(values)
        self.peak = max(self.peak, float(gaps.max(initial=0.0)))
        self.reach = max(self.reach, float(np.abs(values).max(initial=0.0)))
        self.absolute += float(gaps.sum())
        self.noise += float(np.square(gaps).sum())
        self.squares += float(np.square(values).sum())

    @property
    def largest(self) -> float:
        """The largest difference."""
        return self.typical if self.indices else self.peak

    def relative(self, value: float) -> float:
        """Return a difference as a share of the largest value."""
        return value / self.reach if self.reach else value

    @property
    def typical(self) -> float:
        """The mean difference."""
        return self.absolute / self.count if self.count else 0.0

    @property
    def decibels(self) -> float:
        """Signal to noise: the spread of the reference over the differences, by squares; 20 dB are ten to one."""
        if self.noise == 0:
            return math.inf
        if math.isinf(self.noise):
            return -math.inf
        return 10 * math.log10(max(self.spread, self.least, SILENCE) * self.count / self.noise)

    @property
    def spread(self) -> float:
        """The variance of the reference; 1 for class indices."""
        return self.squares / self.count - (self.total / self.count) ** 2 if self.count else 0.0


def join_levels(levels: Sequence[Difference]) -> None:
    """Let the levels of a stage be measured by the whole of it.

    Their differences become shares of the stage's largest value. A level that hardly varies, as those do that learnt
    from no box, is rounded as coarsely as it varies: what it counts as noise is bounded by `QUIET`.
    """
    whole = Difference(
        count=sum(level.count for level in levels),
        total=sum(level.total for level in levels),
        squares=sum(level.squares for level in levels),
    )
    for level in levels:
        level.reach, level.least = max(other.reach for other in levels), QUIET * whole.spread
