import numpy as np
import pytest

from data.classes import ClassTable
from data.samples import IGNORE
from tasks.segmentation.analysis import describe_analysis
from tasks.segmentation.boundary import BoundaryCounts, find_boundary, find_tolerance
from tasks.segmentation.metrics import evaluate_segmentation


def halves(column, size=(20, 40)):
    """Class 0 left of a column, class 1 from it on."""
    mask = np.zeros(size, dtype=np.uint8)
    mask[:, column:] = 1
    return mask


def test_the_boundary_is_one_pixel_on_either_side():
    found = find_boundary(halves(10, (2, 20)))
    assert found.tolist() == [[0, 9, 0], [0, 10, 1], [1, 9, 0], [1, 10, 1]]


def test_ignored_pixels_and_the_border_of_the_image_bound_nothing():
    mask = halves(10)
    mask[:, 8:12] = IGNORE
    assert len(find_boundary(mask)) == 0


def test_an_outline_within_the_tolerance_is_met_and_one_beyond_is_not():
    size = (300, 400)  # a diagonal of 500: 3.75 pixels
    assert find_tolerance(size) == 3.75
    for shift, expected in ((0, 1.0), (3, 1.0), (4, 0.0)):
        counts = BoundaryCounts(3)
        counts.update(halves(200 + shift, size), halves(200, size))
        assert counts.measure() == [expected, expected, None]


def test_counts_of_images_are_added_before_they_are_divided():
    counts = BoundaryCounts(2)
    counts.update(halves(10), halves(10))  # 20 of 20 right
    counts.update(halves(30, (60, 40)), halves(10, (60, 40)))  # none of 60
    assert counts.counts.tolist() == [[80, 20, 80, 20]] * 2
    assert counts.measure() == [0.25, 0.25]


def test_what_is_predicted_where_the_truth_is_ignored_does_not_count():
    truth, predicted = halves(10), halves(10)
    truth[10:] = IGNORE
    predicted[10:] = np.random.default_rng(0).integers(0, 2, (10, 40))
    counts = BoundaryCounts(2)
    counts.update(predicted, truth)
    assert counts.counts.tolist() == [[10, 10, 10, 10]] * 2


def test_an_outline_that_only_one_side_has_is_wrong():
    counts = BoundaryCounts(2)
    counts.update(np.zeros((20, 40), np.uint8), halves(10))
    assert counts.counts.tolist() == [[0, 0, 20, 0]] * 2
    assert counts.measure() == [0.0, 0.0]


@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_those_of_all_distances(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = (np.kron(rng.integers(0, 4, (6, 8)), np.ones((30, 30))).astype(np.uint8) for _ in range(2))
    predicted = np.where(rng.random(truth.shape) < 0.98, np.roll(truth, 2, axis=seed % 2), predicted).astype(np.uint8)
    truth[rng.random(truth.shape) < 0.01] = IGNORE
    counts = BoundaryCounts(4)
    counts.update(predicted, truth)
    guesses, trues = find_boundary(np.where(truth == IGNORE, IGNORE, predicted)), find_boundary(truth)
    for k in range(4):
        own, other = guesses[guesses[:, 2] == k, :2], trues[trues[:, 2] == k, :2]
        near = np.hypot(*np.moveaxis(own[:, None] - other[None], 2, 0)) <= find_tolerance(truth.shape)
        assert counts.counts[k].tolist() == [len(own), near.any(axis=1).sum(), len(other), near.any(axis=0).sum()]


def test_the_analysis_holds_shares_and_accuracies_and_none_where_there_is_nothing():
    classes, matrix = ClassTable.create(["a", "b", "c"], range(3)), np.array([[6, 2, 0], [0, 2, 0], [0, 0, 0]])
    counts = BoundaryCounts(3)
    counts.update(halves(10), halves(10))
    values = describe_analysis(evaluate_segmentation(matrix, classes), matrix, counts, classes=classes)
    assert values["per_class"] == {
        "a": {"IoU": 6 / 8, "accuracy": 6 / 8, "boundary_F1": 1.0, "share": 0.8},
        "b": {"IoU": 2 / 4, "accuracy": 1.0, "boundary_F1": 1.0, "share": 0.2},
        "c": {"IoU": None, "accuracy": None, "boundary_F1": None, "share": 0.0},
    }
    assert values["boundary"] == {"F1": 1.0, "tolerance": 1.0}  # never below one pixel
