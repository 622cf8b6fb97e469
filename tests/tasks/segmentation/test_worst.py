import numpy as np
from PIL import Image

from data.classes import ClassTable
from data.samples import IGNORE, SegmentationSample
from tasks.segmentation.worst import describe_errors, draw_comparison, draw_error_map, draw_worst, rank_images

CLASSES = ClassTable.create(["road", "car", "sky"], range(3))


def halves(column, size=(120, 160)):
    """Class 0 left of a column, class 1 from it on; the tolerance is 1.5 pixels."""
    mask = np.zeros(size, dtype=np.uint8)
    mask[:, column:] = 1
    return mask


def test_images_are_ranked_by_their_share_of_wrong_pixels_and_perfect_ones_left_out():
    assert rank_images([0.1, 0.0, 0.5, 0.1]) == [2, 0, 3]
    assert rank_images([]) == []


def test_the_most_frequent_mistakes_are_named_with_their_share_of_the_counted_pixels():
    truth, predicted = np.zeros((10, 10), np.uint8), np.zeros((10, 10), np.uint8)
    truth[0] = IGNORE
    truth[1], predicted[1], predicted[2, :2] = 2, 1, 2
    assert describe_errors(predicted, truth, CLASSES) == "13.3% of the pixels wrong: sky as car 11.1%, road as sky 2.2%"
    assert describe_errors(truth, truth, CLASSES) == "0.0% of the pixels wrong"
    assert describe_errors(predicted, np.full_like(truth, IGNORE), CLASSES) == "0.0% of the pixels wrong"


def test_an_error_map_tells_outlines_from_regions_and_hides_nothing_that_is_right():
    truth = halves(80)
    truth[:10] = IGNORE
    drawn = draw_error_map(np.full((120, 160, 3), 128, np.uint8), halves(70), truth)
    right, at_outline, wrong, ignored = (
        tuple(drawn[row, column]) for row, column in ((50, 20), (50, 79), (50, 72), (5, 5))
    )
    assert len({right, at_outline, wrong}) == 3
    assert sum(map(int, ignored)) < sum(map(int, wrong)) < sum(map(int, right))
    assert tuple(drawn[50, 78]) == at_outline  # 1 pixel from the true outline
    assert tuple(drawn[50, 77]) == wrong  # 2 pixels


def test_without_an_outline_all_that_is_wrong_is_a_region():
    image, truth = np.full((120, 160, 3), 128, np.uint8), np.zeros((120, 160), np.uint8)
    drawn = draw_error_map(image, truth + 1, truth)
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 1
    assert drawn[0, 0, 0] > drawn[0, 0, 2]  # orange, not yellow or white


def test_large_images_are_drawn_smaller_and_odd_sizes_fit():
    rng = np.random.default_rng(0)
    sample = SegmentationSample(rng.integers(0, 255, (601, 2001, 3), dtype=np.uint8), halves(900, (601, 2001)), "x")
    assert 1800 <= draw_comparison(sample, halves(800, (601, 2001)), classes=CLASSES).shape[1] < 1830


def test_the_worst_are_written_with_what_is_wrong(tmp_path):
    samples = [SegmentationSample(np.zeros((120, 160, 3), np.uint8), halves(80), name) for name in "abc"]
    predictions = {"a": halves(80), "b": halves(90), "c": halves(40)}
    entries = draw_worst(tmp_path, [0, 1 / 16, 1 / 4], samples, classes=CLASSES, load_prediction=predictions.get)
    assert [(entry["image"], entry["picture"]) for entry in entries] == [
        ("c", "worst/01_c.jpg"),
        ("b", "worst/02_b.jpg"),
    ]
    assert entries[0]["why"] == "25.0% of the pixels wrong: road as car 25.0%"
    assert all(Image.open(tmp_path / entry["picture"]).width > 320 for entry in entries)
