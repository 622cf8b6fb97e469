"""From which score on a detector's boxes are worth showing, class by class."""

import numpy as np

from tasks.detection.evaluation_matching import Matches
from tasks.score_curves import ScoreCurve, draw_curve


def draw_score_curves(matches: Matches) -> list[ScoreCurve]:
    """Return the curve of each of the K classes; detections on crowds do not count."""
    found, rows = matches.found, np.flatnonzero(~matches.ignored)
    rows = rows[np.lexsort((-found.scores[rows], found.labels[rows]))]
    ends = np.searchsorted(found.labels[rows], np.arange(len(matches.names) + 1))
    pairs = zip(matches.box_counts.tolist(), np.split(rows, ends[1:-1]), strict=True)
    return [draw_curve(found.scores[own], matches.right[own], objects=boxes) for boxes, own in pairs]
