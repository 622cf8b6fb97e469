"""Why detections are wrong, and what each reason costs: the six kinds of error of TIDE (arXiv:2008.08115, section 2).

Where the paper leaves the order of its tests open, it is that of the authors' program: localisation, classification,
duplicate, background; both is what remains. Detections that lie on a crowd are no errors here.
"""

from dataclasses import dataclass

import numpy as np

from tasks.detection.evaluation_matching import FOREGROUND, Matches

BACKGROUND_IOU = 0.1  # largest IoU of a detection that lies on nothing
DETECTION_KINDS = ("classification", "localisation", "both", "duplicate", "background")  # of a false positive
MISSED = "missed"  # of a box
KINDS = (*DETECTION_KINDS, MISSED)
CLASSIFICATION, LOCALISATION, BOTH, DUPLICATE, ON_NOTHING = range(len(DETECTION_KINDS))
NONE = -1
RECALLS = np.linspace(0, 1, 101)  # that COCO's average precision samples


@dataclass(frozen=True)
class Errors:
    """The errors among some detections.

    Attributes:
        kinds: (D,) int64, positions in DETECTION_KINDS; -1 for detections that are right, ignored or not looked at.
        target: (D,) int64, the box that a classification or localisation error is about; -1 for the others.
        missed: (M,) bool, boxes that neither a detection found nor such an error is about.
    """

    kinds: np.ndarray
    target: np.ndarray
    missed: np.ndarray

    def count(self) -> dict[str, int]:
        """Return how many there are of each kind."""
        counts = np.bincount(self.kinds[self.kinds >= 0], minlength=len(DETECTION_KINDS)).tolist()
        return {**dict(zip(DETECTION_KINDS, counts, strict=True)), MISSED: int(self.missed.sum())}


def find_errors(matches: Matches, keep: np.ndarray | None = None) -> Errors:
    """Say what is wrong with each false positive, and which boxes nothing came near to.

    Args:
        matches: detections and boxes.
        keep: (D,) bool, the detections to look at, which must be those above a threshold of their class; None: all.
    """
    false = matches.false if keep is None else matches.false & keep
    tests = {
        LOCALISATION: (matches.own_iou >= BACKGROUND_IOU) & (matches.own_iou < FOREGROUND),
        CLASSIFICATION: matches.other_iou >= FOREGROUND,
        DUPLICATE: matches.own_iou >= FOREGROUND,
        ON_NOTHING: np.maximum(matches.own_iou, matches.other_iou) < BACKGROUND_IOU,
    }
    kinds = np.where(false, np.select(list(tests.values()), list(tests), default=BOTH), NONE)
    target = np.select([kinds == LOCALISATION, kinds == CLASSIFICATION], [matches.own_box, matches.other_box], NONE)
    near = matches.boxes_found(np.ones(len(kinds), dtype=bool) if keep is None else keep)
    near[target[target >= 0]] = True
    return Errors(kinds, target, ~near)


def measure_gains(matches: Matches) -> dict[str, float | None]:
    """Return how much AP50 rises where one kind of error alone is mended, in all detections whatever their score.

    A localisation error gets its box and a classification error its class, unless the box is found already or another
    such error of higher score is about it: then the detection is removed, as those of the other kinds are. Missed
    boxes are taken out of the ground truth.

    Returns:
        The rise of the mean over the classes that have boxes, 0 to 1, by kind; None where no class has any.
    """
    errors = find_errors(matches)
    counts, labels, right = matches.box_counts, matches.found.labels, matches.right
    if not counts.any():
        return dict.fromkeys(KINDS)
    before = _mean_ap(matches, labels, right, use=~matches.ignored, boxes=counts)
    mendable = _choose_mendable(matches, errors)
    gains = {}
    for kind, name in enumerate(DETECTION_KINDS):
        mended = mendable & (errors.kinds == kind)
        named = np.where(mended, matches.truth.labels[errors.target], labels) if len(matches.truth) else labels
        use = ~matches.ignored & ((errors.kinds != kind) | mended)
        gains[name] = _mean_ap(matches, named, right | mended, use=use, boxes=counts)
    fewer = counts - np.bincount(matches.truth.labels[errors.missed], minlength=len(counts))
    gains[MISSED] = _mean_ap(matches, labels, right, use=~matches.ignored, boxes=fewer)
    return {name: max(0.0, after - before) for name, after in gains.items()}


def _choose_mendable(matches: Matches, errors: Errors) -> np.ndarray:
    """Return (D,) bool: the error of the highest score about each box that no detection found."""
    about = np.flatnonzero(errors.target >= 0)
    about = about[~matches.boxes_found(matches.right)[errors.target[about]]]
    about = about[np.argsort(-matches.found.scores[about], kind="stable")]
    _, first = np.unique(errors.target[about], return_index=True)
    chosen = np.zeros(len(errors.target), dtype=bool)
    chosen[about[first]] = True
    return chosen


def _mean_ap(matches: Matches, labels: np.ndarray, right: np.ndarray, *, use: np.ndarray, boxes: np.ndarray) -> float:
    """Return AP50, the mean over the classes that have boxes in truth, as if these detections were of these labels."""
    rows = np.flatnonzero(use)
    rows = rows[np.lexsort((-matches.found.scores[rows], labels[rows]))]
    ends = np.searchsorted(labels[rows], np.arange(len(boxes) + 1))
    parts = np.split(right[rows], ends[1:-1])  # by class
    measured = np.flatnonzero(matches.box_counts)
    return float(np.mean([average_precision(parts[k], boxes=int(boxes[k])) for k in measured]))


def average_precision(right: np.ndarray, *, boxes: int) -> float:
    """Return COCO's average precision: the mean over 101 recalls of the best precision at that recall or more.

    Args:
        right: (D,) bool, detections of one class by score, highest first.
        boxes: how many there are to find; with none the precision is 0.
    """
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(hits / max(boxes, 1), RECALLS)
    return float(np.append(precision, 0.0)[places].mean()) if boxes else 0.0
