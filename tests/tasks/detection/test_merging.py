"""Tiles 0 to 100 and 80 to 180 of an image 180 wide and 100 high: both see the columns 80 to 100."""

import numpy as np
import pytest

from tasks.detection import merging
from tasks.detection.merging import SEVERAL, Found, find_cut, merge

SIZE = (100, 180)
LEFT, RIGHT, WHOLE = (0, 0, 100, 100), (80, 0, 180, 100), (0, 0, 180, 100)


def found(*rows, labels=None):
    """Return boxes from rows (tile, box, score), of one class unless `labels` says otherwise."""
    tiles, boxes, scores = zip(*rows, strict=True)
    labels = np.zeros(len(rows), np.int64) if labels is None else np.array(labels)
    views = np.array([sorted(set(tiles)).index(tile) for tile in tiles])
    return Found(np.array(boxes, float), labels, np.array(scores), np.array(tiles, float), views)


def merged(*rows, **settings):
    return merge(found(*rows, **settings), SIZE).boxes.tolist()


def test_an_object_over_the_seam_that_both_tiles_cut_is_their_union():
    assert merged((LEFT, (60, 20, 100, 50), 0.9), (RIGHT, (80, 21, 130, 50), 0.8)) == [[60, 20, 130, 50]]


def test_an_object_that_one_tile_shows_whole_is_taken_from_there():
    whole, cut = (RIGHT, (84, 20, 120, 50), 0.7), (LEFT, (85, 20, 100, 50), 0.9)
    assert merged(whole, cut) == [[84, 20, 120, 50]]
    assert merge(found(whole, cut), SIZE).scores.tolist() == [0.9]


def test_an_object_in_both_tiles_is_one_with_the_better_box():
    assert merged((LEFT, (82, 20, 96, 50), 0.7), (RIGHT, (83, 20, 96, 50), 0.9)) == [[83, 20, 96, 50]]


def test_two_objects_beside_each_other_at_the_seam_stay_two():
    rows = (LEFT, (60, 20, 88, 50), 0.9), (RIGHT, (89, 20, 120, 50), 0.8)
    assert merged(*rows) == [[60, 20, 88, 50], [89, 20, 120, 50]]


def test_two_objects_that_are_both_cut_stay_two():
    above, below = (LEFT, (60, 10, 100, 40), 0.9), (RIGHT, (80, 42, 130, 70), 0.8)
    assert len(merged(above, below)) == 2


def test_objects_of_two_classes_stay_two():
    rows = (LEFT, (60, 20, 100, 50), 0.9), (RIGHT, (80, 20, 130, 50), 0.8)
    assert len(merged(*rows, labels=[0, 1])) == 2


def test_overlapping_boxes_of_one_tile_are_left_to_its_own_suppression():
    assert len(merged((LEFT, (10, 10, 50, 50), 0.9), (LEFT, (10, 10, 50, 40), 0.8))) == 2


def test_the_whole_image_gives_large_objects_and_the_tiles_small_ones():
    large = (WHOLE, (10, 5, 170, 95), 0.6)
    parts = [(LEFT, (10, 5, 100, 95), 0.9), (RIGHT, (80, 5, 170, 95), 0.8)]
    small = (RIGHT, (140, 20, 150, 30), 0.7)
    assert sorted(merged(large, *parts, small)) == [[10, 5, 170, 95], [140, 20, 150, 30]]


def test_a_part_of_an_object_at_a_tiles_end_is_no_object_of_its_own():
    assert merged((WHOLE, (20, 10, 150, 90), 0.9), (LEFT, (70, 50, 100, 80), 0.6)) == [[20, 10, 150, 90]]


def test_a_doubtful_box_changes_no_sure_one():
    assert merged((LEFT, (60, 20, 100, 50), 0.9), (RIGHT, (80, 21, 170, 50), 0.1)) == [[60, 20, 100, 50]]


def test_an_object_over_three_tiles_is_one_though_the_middle_comes_last():
    tiles = [(0, 0, 70, 100), (55, 0, 125, 100), (110, 0, 180, 100)]
    boxes, scores = [(20, 20, 70, 50), (55, 20, 125, 50), (110, 20, 160, 50)], [0.9, 0.7, 0.8]
    assert merged(*zip(tiles, boxes, scores, strict=True)) == [[20, 20, 160, 50]]


def test_boxes_are_cut_at_the_ends_of_tiles_but_not_of_the_image():
    rows = (LEFT, (0, 0, 50, 100), 1), (LEFT, (50, 0, 99, 100), 1), (RIGHT, (81, 5, 90, 9), 1), (WHOLE, WHOLE, 1)
    assert find_cut(found(*rows), SIZE).tolist() == [False, True, True, False]


@pytest.mark.parametrize("seed", range(5))
def test_comparing_only_boxes_that_meet_changes_nothing(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    rows = []
    for tile in (LEFT, RIGHT, WHOLE) * 30:
        first = rng.integers(tile[:2], tile[2:])
        last = np.minimum(first + rng.integers(0, 60, 2) * (rng.random(2) < 0.95), tile[2:])  # some without area
        rows.append((tile, (*first, *last), rng.uniform(0.05, 1)))
    quick = merge(found(*rows), SIZE)
    monkeypatch.setattr(merging, "find_near", find_all)
    for column, expected in zip(quick, merge(found(*rows), SIZE), strict=True):
        np.testing.assert_array_equal(column, expected)
    assert len(quick.scores) < len(rows)


def find_all(boxes, nowhere, row, kept):
    """Return all kept rows of other tiles."""
    other = (boxes.views != boxes.views[row]) | (boxes.views[row] == SEVERAL)
    return np.flatnonzero(kept & other)


def test_no_boxes_stay_none():
    none = Found(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0), np.zeros((0, 4)), np.zeros(0, int))
    assert merge(none, SIZE).boxes.shape == (0, 4)


@pytest.mark.parametrize("seed", range(3))
def test_objects_seen_exactly_are_found_once_each(seed):
    rng = np.random.default_rng(seed)
    corners = np.stack(np.meshgrid(np.arange(5, 170, 34), np.arange(5, 90, 32)), -1).reshape(-1, 2)
    objects = np.hstack([corners, corners + rng.integers(8, 26, corners.shape)]).astype(float)
    rows = []
    for tile in (LEFT, RIGHT, WHOLE):
        seen = np.hstack([np.maximum(objects[:, :2], tile[:2]), np.minimum(objects[:, 2:], tile[2:])])
        rows += [(tile, box, rng.uniform(0.5, 1)) for box in seen if (box[2:] - box[:2] >= 4).all()]
    assert sorted(merged(*rows)) == sorted(objects.tolist())
