"""What an evaluation of a detector finds out beside COCO's numbers: the contents of analysis.json."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.detection.errors import Errors, find_errors, measure_gains
from tasks.detection.evaluation_matching import Matches, match_detections
from tasks.detection.metrics import DetectionMetrics
from tasks.detection.thresholds import draw_score_curves
from tasks.evaluation_settings import ThresholdRule
from tasks.files import to_number
from tasks.score_curves import NAMES, ScoreCurve, choose_thresholds, fill_unmeasured

GRID = np.linspace(0, 1, 101)  # scores that the curves are written at
DIGITS = 4  # of the curves


@dataclass(frozen=True)
class Analysis:
    """An evaluation of a detector, looked at through thresholds.

    Attributes:
        metrics: COCO's numbers.
        matches: D detections and M boxes.
        curves: of the K classes.
        chosen: the K thresholds; None where there was nothing to choose from.
        keep: (D,) bool, detections of at least the threshold of their class, which is 0.5 where none was chosen.
        errors: among the kept ones.
        gains: of AP50 by kind of error, see `measure_gains`.
    """

    metrics: DetectionMetrics
    matches: Matches
    curves: list[ScoreCurve]
    chosen: list[float | None]
    keep: np.ndarray
    errors: Errors
    gains: dict[str, float | None]

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The K thresholds, 0.5 where none was chosen."""
        return fill_unmeasured(self.chosen)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as analysis.json stores them."""
        shared = set(self.chosen)
        return {
            "task": "detection",
            "threshold": shared.pop() if len(shared) == 1 else None,
            "per_class": self._describe_classes(),
            "errors": self._describe_errors(),
            "empty_images": self._count_on_empty_images(),
            "curves": {
                "scores": GRID.round(2).tolist(),
                "per_class": {
                    name: _name_rows(curve.measure(GRID).round(DIGITS))
                    for name, curve in zip(self.matches.names, self.curves, strict=True)
                },
            },
        }

    def _describe_classes(self) -> dict[str, dict[str, Any]]:
        """Return boxes, average precisions, and what the threshold gives, by class."""
        classes = {}
        rows = zip(self.matches.names, self.curves, self.chosen, self.thresholds, strict=True)
        for name, curve, chosen, used in rows:
            at = curve.measure(np.array([used]))[:, 0]
            classes[name] = {
                "boxes": curve.objects,
                **self.metrics.parts[name],
                "threshold": chosen,
                **dict(zip(NAMES, map(to_number, at), strict=True)),
            }
        return classes

    def _describe_errors(self) -> dict[str, dict[str, Any]]:
        """Return counts over all detections, those the paper speaks of, and over the kept ones, which a user sees."""
        everything, shown = find_errors(self.matches).count(), self.errors.count()
        return {
            kind: {"count": everything[kind], "count_at_threshold": shown[kind], "dAP50": gain}
            for kind, gain in self.gains.items()
        }

    def _count_on_empty_images(self) -> dict[str, Any]:
        images = int(self.matches.empty.sum())
        false = int(self.matches.empty[self.matches.found.images[self.keep]].sum())
        return {"images": images, "false_positives": false, "per_image": false / images if images else None}


def analyse(
    metrics: DetectionMetrics,
    ground_truth: dict[str, Any],
    results: list[dict[str, Any]],
    *,
    rule: ThresholdRule,
    stored: tuple[float, ...] | None,
) -> Analysis:
    """Match, choose thresholds, and name the errors.

    Args:
        metrics: of the same results.
        ground_truth: as for `tasks.detection.metrics.evaluate_detections`.
        results: likewise.
        rule: how the thresholds are chosen.
        stored: the thresholds that the checkpoint holds, if any.
    """
    matches = match_detections(ground_truth, results)
    curves = draw_score_curves(matches)
    chosen = choose_thresholds(curves, rule, images=len(matches.empty), stored=stored)
    keep = matches.keep(np.array(fill_unmeasured(chosen)))
    return Analysis(metrics, matches, curves, chosen, keep, find_errors(matches, keep), measure_gains(matches))


def _name_rows(rows: np.ndarray) -> dict[str, list[float | None]]:
    """Return (3, T) precision, recall and F1 by name."""
    return {name: [to_number(value) for value in row] for name, row in zip(NAMES, rows, strict=True)}
