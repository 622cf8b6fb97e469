"""What an evaluation of a classifier finds out beside its metrics: the contents of analysis.json."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.classification.metrics import ClassificationMetric
from tasks.files import to_number
from tasks.score_curves import NAMES, ScoreCurve, fill_unmeasured

MOST_PAIRS = 20  # of classes that are taken for one another


def describe_analysis(
    metric: ClassificationMetric, curves: Sequence[ScoreCurve], thresholds: Sequence[float | None]
) -> dict[str, Any]:
    """Return the numbers as analysis.json stores them.

    Args:
        metric: of one evaluation.
        curves: of the K classes.
        thresholds: that were chosen for them.
    """
    per_class = metric.describe_classes()
    for name, curve, threshold, used in zip(metric.names, curves, thresholds, fill_unmeasured(thresholds), strict=True):
        at = map(to_number, curve.measure(np.array([used]))[:, 0])
        per_class[name] |= {"threshold": threshold, **dict(zip(NAMES, at, strict=True))}
    matrix = metric.confusion
    return {
        "task": "classification",
        "per_class": per_class,
        "calibration": metric.calibration.to_dict(),
        "confused": [] if matrix is None else list_confused(matrix, metric.names),
    }


def list_confused(matrix: np.ndarray, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the pairs of classes that are taken for one another most often: truth, prediction, images."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), len(names)) for place in order]
    return [{"truth": names[t], "prediction": names[p], "images": int(wrong[t, p])} for t, p in pairs if wrong[t, p]]
