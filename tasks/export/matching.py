"""Two lists of detections of the same image, put side by side."""

from typing import NamedTuple

import numpy as np
import torch
from torchvision.ops import box_iou

SHOWN = 0.05  # the lowest score of a detection that is compared: what scores less is not shown, and there are hundreds
SAME = 0.5  # boxes of one class that overlap by at least this are the same detection
TIE = 1e-5  # scores that differ by less may stand in any order


class Found(NamedTuple):
    """What was found in an image, best first, as exported files have it: unused places hold 0, 0 and -1."""

    boxes: np.ndarray  # (D, 4) float32, xyxy in pixels
    scores: np.ndarray  # (D,) float32
    labels: np.ndarray  # (D,) int32, class indices


def align(reference: Found, other: Found) -> tuple[Found, Found]:
    """Put the detections of two lists side by side, whatever their order.

    Two are the same where their classes are and their boxes overlap by `SAME`. One without a counterpart stands beside
    an unused place, unless it scores less than `SHOWN` or than the last one of a full list, which had no place for it.

    Returns:
        Two lists of one length.
    """
    iou = box_iou(torch.from_numpy(reference.boxes), torch.from_numpy(other.boxes)).numpy()  # (D, D')
    iou[(reference.labels[:, None] != other.labels) | (reference.labels[:, None] < 0)] = 0
    pairs: list[tuple[int, int]] = []  # -1: an unused place
    for row in range(len(iou)):  # the best choose first
        column = int(iou[row].argmax())
        if iou[row, column] >= SAME:
            pairs.append((row, column))
            iou[:, column] = 0
    rows, columns = ({pair[side] for pair in pairs} for side in (0, 1))
    pairs = [(i, j) for i, j in pairs if max(reference.scores[i], other.scores[j]) >= SHOWN]
    pairs += [(i, -1) for i in list_wanted(reference, cut(other)) if i not in rows]
    pairs += [(-1, j) for j in list_wanted(other, cut(reference)) if j not in columns]
    return take(reference, [i for i, _ in pairs]), take(other, [j for _, j in pairs])


def cut(found: Found) -> float:
    """Return the score from which a list had a place for every detection."""
    full = bool((found.labels >= 0).all())
    return max(SHOWN, float(found.scores[-1]) + TIE) if full else SHOWN


def list_wanted(found: Found, least: float) -> list[int]:
    """Return the places of the detections that score at least so much."""
    return [int(place) for place in np.flatnonzero((found.labels >= 0) & (found.scores >= least))]


def take(found: Found, places: list[int]) -> Found:
    """Return the detections at these places; -1 gives an unused one."""
    boxes = np.concatenate([found.boxes, np.zeros((1, 4), found.boxes.dtype)])
    scores, labels = np.append(found.scores, np.float32(0)), np.append(found.labels, np.int32(-1))
    index = np.array(places, dtype=np.int64)  # -1 is the last of each
    return Found(boxes[index], scores[index], labels[index])
