"""From which score on detections are worth showing: precision, recall and F1 over the score, and a choice by class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.detection.evaluation_matching import Matches
from tasks.evaluation_settings import FALSE_POSITIVES, UNMEASURED, ThresholdRule

NAMES = ("precision", "recall", "F1")


@dataclass(frozen=True)
class ScoreCurve:
    """What a threshold at each score of one class lets through.

    Attributes:
        scores: (S,) float64, the different scores of its detections, highest first.
        right: (S,) int64, detections of at least that score that found a box.
        false: (S,) int64, detections of at least that score that found none.
        boxes: how many boxes of the class there are.
    """

    scores: np.ndarray
    right: np.ndarray
    false: np.ndarray
    boxes: int

    def measure(self, thresholds: np.ndarray) -> np.ndarray:
        """Return (3, T): precision, recall and F1 of detections of at least these scores, (T,).

        NaN: a precision without detections, a recall or an F1 without boxes.
        """
        count = np.searchsorted(-self.scores, -thresholds, side="right")
        right, false = (np.append(0, values)[count] for values in (self.right, self.false))
        boxes = np.full_like(right, self.boxes)
        parts, wholes = np.stack([right, right, 2 * right]), np.stack([right + false, boxes, right + false + boxes])
        wholes[2, boxes == 0] = 0
        return np.divide(parts, wholes, out=np.full(parts.shape, np.nan), where=wholes > 0)

    def choose_by_f1(self) -> float | None:
        """Return the threshold of the best F1, the highest of several; None where no detection is right."""
        if not len(self.right) or not self.right[-1]:
            return None
        return self._below(int(self.measure(self.scores)[2].argmax()))

    def choose_by_false_positives(self, most: float) -> float | None:
        """Return the lowest threshold with at most `most` false positives; None without detections."""
        if not len(self.scores):
            return None
        allowed = int((self.false <= most).sum())
        return self._below(allowed - 1) if allowed else float(np.nextafter(self.scores[0], np.inf))

    def _below(self, index: int) -> float:
        """Return the middle between a score and the next lower one: all between them let the same through."""
        return float(self.scores[index : index + 2].mean())


def draw_score_curves(matches: Matches) -> list[ScoreCurve]:
    """Return the curve of each of the K classes; detections on crowds do not count."""
    found, rows = matches.found, np.flatnonzero(~matches.ignored)
    rows = rows[np.lexsort((-found.scores[rows], found.labels[rows]))]
    ends = np.searchsorted(found.labels[rows], np.arange(len(matches.names) + 1))
    curves = []
    for boxes, own in zip(matches.box_counts.tolist(), np.split(rows, ends[1:-1]), strict=True):
        scores, hits = found.scores[own], matches.right[own].cumsum()
        last = np.flatnonzero(np.append(np.diff(scores) != 0, True)[: len(scores)])  # of detections of equal scores
        curves.append(ScoreCurve(scores[last], hits[last], last + 1 - hits[last], boxes))
    return curves


def choose_thresholds(
    curves: Sequence[ScoreCurve], rule: ThresholdRule, *, images: int, stored: Sequence[float] | None
) -> list[float | None]:
    """Choose the threshold of each class.

    Args:
        curves: of the K classes.
        rule: how.
        images: how many images the detections come from.
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
