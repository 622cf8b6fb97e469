"""Whether scores are as often right as they say: expected calibration error (arXiv:1706.04599, section 2)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """Predictions by their score, in bins of one width.

    Attributes:
        counts: (B,) int64, predictions in each bin.
        scores: (B,) float64, their mean score; NaN in an empty bin.
        right: (B,) float64, the share of them that is right; NaN likewise.
    """

    counts: np.ndarray
    scores: np.ndarray
    right: np.ndarray

    @property
    def error(self) -> float | None:
        """The mean distance between score and share, each prediction counted once; None without any."""
        if not self.counts.sum():
            return None
        gaps = np.nan_to_num(np.abs(self.scores - self.right))
        return float((gaps * self.counts).sum() / self.counts.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as analysis.json stores them."""
        filled = self.counts > 0
        return {
            "error": self.error,
            "scores": self.scores[filled].tolist(),
            "right": self.right[filled].tolist(),
            "counts": self.counts[filled].tolist(),
        }


def measure_calibration(scores: np.ndarray, right: np.ndarray) -> Calibration:
    """Sort predictions into bins of their score, each with its upper limit.

    Args:
        scores: (P,), 0 to 1.
        right: (P,) bool.
    """
    bins = np.clip(np.ceil(scores * BINS).astype(np.int64) - 1, 0, BINS - 1)
    counts, sums, hits = (np.bincount(bins, weights, BINS) for weights in (None, scores, right.astype(np.float64)))
    with np.errstate(invalid="ignore"):
        return Calibration(counts.astype(np.int64), sums / counts, hits / counts)
