"""From which score on predictions are worth showing: precision, recall and F1 over the score, and a choice by class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.evaluation_settings import FALSE_POSITIVES, UNMEASURED, ThresholdRule

NAMES = ("precision", "recall", "F1")


@dataclass(frozen=True)
class ScoreCurve:
    """What a threshold at each score of one class lets through.

    Attributes:
        scores: (S,) float64, the different scores of its predictions, highest first.
        right: (S,) int64, predictions of at least that score that are right: of a detector, that found a box.
        false: (S,) int64, predictions of at least that score that are not.
        objects: how many of the class there are to be found: boxes, or images.
    """

    scores: np.ndarray
    right: np.ndarray
    false: np.ndarray
    objects: int

    def measure(self, thresholds: np.ndarray) -> np.ndarray:
        """Return (3, T): precision, recall and F1 of predictions of at least these scores, (T,).

        NaN: a precision without predictions, a recall or an F1 without objects.
        """
        count = np.searchsorted(-self.scores, -thresholds, side="right")
        right, false = (np.append(0, values)[count] for values in (self.right, self.false))
        objects = np.full_like(right, self.objects)
        parts, wholes = np.stack([right, right, 2 * right]), np.stack([right + false, objects, right + false + objects])
        wholes[2, objects == 0] = 0
        return np.divide(parts, wholes, out=np.full(parts.shape, np.nan), where=wholes > 0)

    def choose_by_f1(self) -> float | None:
        """Return the threshold of the best F1, the highest of several; None where no prediction is right."""
        if not len(self.right) or not self.right[-1]:
            return None
        return self._below(int(self.measure(self.scores)[2].argmax()))

    def choose_by_false_positives(self, most: float) -> float | None:
        """Return the lowest threshold with at most `most` false positives; None without predictions."""
        if not len(self.scores):
            return None
        allowed = int((self.false <= most).sum())
        return self._below(allowed - 1) if allowed else float(np.nextafter(self.scores[0], np.inf))

    def _below(self, index: int) -> float:
        """Return the middle between a score and the next lower one: all between them let the same through."""
        return float(self.scores[index : index + 2].mean())


def draw_curve(scores: np.ndarray, right: np.ndarray, *, objects: int) -> ScoreCurve:
    """Return the curve of one class.

    Args:
        scores: (D,) of its predictions, highest first.
        right: (D,) bool, which of them are right.
        objects: how many of the class there are to be found.
    """
    hits = right.cumsum()
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True)[: len(scores)])  # of predictions of equal scores
    return ScoreCurve(scores[last], hits[last], last + 1 - hits[last], objects)


def choose_thresholds(
    curves: Sequence[ScoreCurve], rule: ThresholdRule, *, images: int, stored: Sequence[float] | None
) -> list[float | None]:
    """Choose the threshold of each class.

    Args:
        curves: of the K classes.
        rule: how.
        images: how many images the predictions come from.
        stored: the K thresholds that the checkpoint holds, if any.

    Returns:
        K thresholds; None where there is nothing to choose from.
    """
    if rule.rule is None and stored is not None:
        return list(stored)
    if rule.rule == FALSE_POSITIVES:
        return [curve.choose_by_false_positives(rule.limit * images) for curve in curves]
    return [curve.choose_by_f1() for curve in curves]


def fill_unmeasured(thresholds: Sequence[float | None]) -> tuple[float, ...]:
    """Return thresholds that can be used: 0.5 where none was chosen."""
    return tuple(UNMEASURED if threshold is None else threshold for threshold in thresholds)
