"""Detections of the same image side by side."""

import numpy as np
import pytest

from tasks.export.matching import Found, align

BOXES = [[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]]


def list_found(*places, places_in_all=4):
    """Return detections (box, score, label), and unused places behind them."""
    rows = [*places, *[([0, 0, 0, 0], 0, -1)] * (places_in_all - len(places))]
    boxes, scores, labels = zip(*rows, strict=True)
    return Found(np.array(boxes, np.float32), np.array(scores, np.float32), np.array(labels, np.int32))


A, B, C = ((box, 0.5, 1) for box in BOXES)


def pair(one, two):
    """Return the pairs of left edges, -1 for an unused place."""
    sides = align(one, two)
    edges = [np.where(side.labels < 0, -1, side.boxes[:, 0]).tolist() for side in sides]
    return sorted(zip(*edges, strict=True))


def test_the_order_of_detections_does_not_matter():
    one, two = align(list_found(A, B, C), list_found(C, A, B))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first, second)
    assert len(one.scores) == 3


def test_a_box_that_moved_a_little_is_the_same_and_one_that_moved_far_is_not():
    assert pair(list_found(A), list_found(([2, 0, 12, 10], 0.5, 1))) == [(0, 2)]
    assert pair(list_found(A), list_found(([8, 0, 18, 10], 0.5, 1))) == [(-1, 8), (0, -1)]


def test_another_class_is_another_detection():
    one, two = align(list_found(A), list_found((BOXES[0], 0.5, 2)))
    assert one.labels.tolist() == [1, -1]
    assert two.labels.tolist() == [-1, 2]
    assert one.boxes.tolist() == [BOXES[0], [0, 0, 0, 0]]
    assert two.scores.tolist() == [0, 0.5]


def test_each_detection_has_one_counterpart():
    twice = list_found(A, ([1, 0, 11, 10], 0.4, 1))
    assert pair(twice, list_found(A)) == [(0, 0), (1, -1)]


@pytest.mark.parametrize(("score", "expected"), [(0.04, []), (0.06, [(20, -1)])])
def test_what_scores_next_to_nothing_is_not_missed(score, expected):
    assert pair(list_found(A, (BOXES[1], score, 1)), list_found(A)) == [*([(0, 0)]), *expected]


def test_a_pair_counts_where_either_scores_enough():
    assert pair(list_found((BOXES[0], 0.04, 1)), list_found((BOXES[0], 0.06, 1))) == [(0, 0)]
    assert pair(list_found((BOXES[0], 0.04, 1)), list_found((BOXES[0], 0.03, 1))) == []


def test_what_a_full_list_had_no_place_for_is_not_missed():
    full = {"places_in_all": 2}
    assert pair(list_found(A, B, **full), list_found(A, C, **full)) == [(0, 0)]  # B and C score alike
    better = (BOXES[1], 0.7, 1)
    assert pair(list_found(better, A, **full), list_found(A, C, **full)) == [(0, 0), (20, -1)]
