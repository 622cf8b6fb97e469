import copy
import json
from collections import Counter

import numpy as np
import pytest
import torch

from data.batches import DetectionBatch
from data.config import DatasetConfig
from data.datasets import open_boxes
from tasks.detection.confusion import confusion_matrix
from tasks.detection.metrics import SUMMARY, DetectionMetric, accumulate, evaluate_detections
from tasks.detection.postprocess import Detections
from tests.support import trees
from tests.support.coco_sets import ask_pycocotools, make_set

IDS = (3, 7, 90)  # gapped, as COCO's are


def coco(boxes, num_images=2):
    """boxes: rows of (image id, category id, x, y, w, h[, iscrowd])."""
    annotations = [
        {
            "id": number,
            "image_id": row[0],
            "category_id": row[1],
            "bbox": list(row[2:6]),
            "area": row[4] * row[5],
            "iscrowd": row[6] if len(row) > 6 else 0,
        }
        for number, row in enumerate(boxes, start=1)
    ]
    return {
        "images": [{"id": i, "width": 400, "height": 300} for i in range(1, num_images + 1)],
        "annotations": annotations,
        "categories": [{"id": i, "name": f"class {i}"} for i in IDS],
    }


def found(*rows):
    """rows: (image id, category id, x, y, w, h, score)."""
    return [{"image_id": r[0], "category_id": r[1], "bbox": list(r[2:6]), "score": r[6]} for r in rows]


def random_case(seed, ids=IDS):
    rng = np.random.default_rng(seed)
    boxes, results = [], []
    for image in range(1, 13):
        for _ in range(0 if image % 5 == 0 else rng.integers(1, 14)):  # every fifth image is empty
            size = rng.choice([12, 50, 150]) * rng.uniform(0.6, 1.4, 2)
            box = [*rng.uniform(0, 200, 2), *size]
            boxes.append((image, int(rng.choice(ids)), *map(float, box), int(rng.random() < 0.15)))
            for _ in range(rng.integers(0, 3)):
                moved = np.array(box) * rng.normal(1, 0.08, 4).clip(0.5, 1.5)
                results += found((image, int(rng.choice(ids)), *moved.tolist(), float(rng.choice(20) / 20)))
        for _ in range(rng.integers(0, 120 if image == 3 else 4)):  # more than the 100 that count
            results += found((image, int(rng.choice(IDS)), *rng.uniform(5, 150, 4).tolist(), float(rng.random())))
    return coco(boxes, num_images=12), results


@pytest.mark.parametrize("seed", range(8))
def test_numbers_equal_those_of_pycocotools(seed):
    ground_truth, results = random_case(seed, ids=IDS[: 2 + seed % 2])  # with even seeds the last class has no boxes
    metrics, referee = evaluate_detections(ground_truth, results), ask_pycocotools(ground_truth, results)
    precision = referee.eval["precision"][..., 0, 2]
    assert [-1.0 if value is None else value for value in metrics.summary.values()] == referee.stats.tolist()
    assert list(metrics.per_class) == [f"class {i}" for i in IDS]
    for value, own in zip(metrics.per_class.values(), np.moveaxis(precision, 2, 0), strict=True):
        assert value == (own[own > -1].mean() if (own > -1).any() else None)
    np.testing.assert_array_equal(np.nan_to_num(metrics.precision, nan=-1), precision)
    np.testing.assert_array_equal(metrics.iou_thresholds, referee.params.iouThrs)
    np.testing.assert_array_equal(metrics.recall_thresholds, referee.params.recThrs)


@pytest.mark.parametrize("seed", range(100))
def test_random_sets_give_the_arrays_of_pycocotools_to_the_last_bit(seed):
    ground_truth, results = make_set(seed)
    ours, referee = accumulate(ground_truth, results), ask_pycocotools(ground_truth, results)
    for name in ("precision", "recall", "scores"):
        assert ours[name].shape == referee.eval[name].shape
        assert ours[name].tobytes() == referee.eval[name].tobytes(), name
    summary = evaluate_detections(ground_truth, results).summary
    assert [-1.0 if value is None else value for value in summary.values()] == referee.stats.tolist()


def test_random_sets_hold_what_a_metric_may_stumble_over():
    sets = [make_set(seed) for seed in range(100)]
    boxes = [box for truth, _ in sets for box in truth["annotations"]]
    per_class = [
        max(Counter((r["image_id"], r["category_id"]) for r in found).values(), default=0) for _, found in sets
    ]
    assert min(len(truth["images"]) for truth, _ in sets) == min(len(results) for _, results in sets) == 0
    assert sum(count > 100 for count in per_class) > 10
    assert {box["iscrowd"] for box in boxes} == {0, 1}
    assert any(box["area"] != box["bbox"][2] * box["bbox"][3] for box in boxes)
    assert any(0 in box["bbox"][2:] for box in boxes)
    assert sum(0 < (evaluate_detections(*case).summary["mAP"] or 0) < 0.99 for case in sets) > 50


def test_boxes_whose_union_rounds_to_zero_are_a_miss_here_and_a_hit_in_pycocotools():
    ground_truth = coco([(1, 3, 0, 0, 1e-200, 1e-200)])
    results = found((1, 3, 0, 0, 1e-200, 1e-200, 0.9))
    assert evaluate_detections(ground_truth, results).summary["AR100"] == 0.0
    assert ask_pycocotools(ground_truth, results).stats[8] == 1.0


def test_one_hit_below_one_false_positive_gives_half_the_precision():
    ground_truth = coco([(1, 3, 10, 10, 40, 40)])
    results = found((1, 3, 10, 10, 40, 40, 0.6), (1, 3, 200, 200, 40, 40, 0.9))
    metrics = evaluate_detections(ground_truth, results)
    assert metrics.summary["mAP"] == pytest.approx(0.5)
    assert metrics.summary["AR1"] == 0.0
    assert metrics.summary["AR10"] == 1.0
    assert metrics.summary["APs"] is None  # 1600 square pixels are a medium box
    assert metrics.summary["APm"] == pytest.approx(0.5)
    assert metrics.per_class == {"class 3": pytest.approx(0.5), "class 7": None, "class 90": None}


def test_an_iou_of_two_thirds_counts_at_four_of_ten_thresholds():
    ground_truth = coco([(1, 3, 0, 0, 30, 10)])
    metrics = evaluate_detections(ground_truth, found((1, 3, 0, 0, 20, 10, 0.9)))  # IoU .667: .50 .55 .60 .65
    assert metrics.summary["mAP"] == pytest.approx(0.4)
    assert (metrics.summary["AP50"], metrics.summary["AP75"]) == (pytest.approx(1.0), 0.0)


def test_no_detections_score_zero_where_there_are_boxes():
    metrics = evaluate_detections(coco([(1, 3, 10, 10, 40, 40)]), [])
    assert metrics.summary["mAP"] == metrics.summary["AR100"] == metrics.per_class["class 3"] == 0.0
    assert metrics.per_class["class 7"] is None
    assert metrics.summary["APl"] is None


def test_no_boxes_at_all_give_no_numbers():
    metrics = evaluate_detections(coco([]), found((1, 3, 10, 10, 40, 40, 0.9)))
    assert set(metrics.summary.values()) == set(metrics.per_class.values()) == {None}


def test_the_numbers_are_valid_json():
    metrics = evaluate_detections(coco([(1, 3, 10, 10, 40, 40)]), [])
    text = json.dumps(metrics.to_dict(), allow_nan=False)
    assert list(json.loads(text)) == [*SUMMARY, "per_class"]


def test_annotations_may_be_numbered_from_zero():
    ground_truth = coco([(1, 3, 10, 10, 40, 40)])
    ground_truth["annotations"][0]["id"] = 0
    assert evaluate_detections(ground_truth, found((1, 3, 10, 10, 40, 40, 0.9))).summary["mAP"] == pytest.approx(1.0)


def test_classes_keep_the_order_of_the_categories():
    ground_truth = coco([(1, 3, 10, 10, 40, 40), (1, 90, 100, 100, 40, 40)])
    ground_truth["categories"].reverse()
    metrics = evaluate_detections(ground_truth, found((1, 3, 10, 10, 40, 40, 0.9)))
    assert metrics.per_class == {"class 90": 0.0, "class 7": None, "class 3": pytest.approx(1.0)}
    assert list(metrics.per_class) == ["class 90", "class 7", "class 3"]
    assert metrics.precision[0, 0, 2] == pytest.approx(1.0)


def test_evaluation_is_silent_and_changes_no_input(capfd):
    ground_truth, results = random_case(0)
    before = copy.deepcopy((ground_truth, results))
    evaluate_detections(ground_truth, results)
    confusion_matrix(ground_truth, results)
    assert (ground_truth, results) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((5, 3, 0, 0, 9, 9, 0.5), "unknown image_id"),
        ((1, 4, 0, 0, 9, 9, 0.5), "unknown category_id"),
        ((1, 3, float("nan"), 0, 9, 9, 0.5), "bad boxes"),
        ((1, 3, 0, 0, 9, 9, float("nan")), "bad boxes"),
        ((1, 3, 0, 0, -9, 9, 0.5), "bad boxes"),
    ],
)
def test_results_that_cocoeval_would_misread_are_refused(row, message):
    with pytest.raises(ValueError, match=message):
        evaluate_detections(coco([(1, 3, 10, 10, 40, 40)]), found(row))


def test_confusion_matrix_by_hand():
    ground_truth = coco([(1, 3, 0, 0, 10, 10), (1, 7, 50, 0, 10, 10), (1, 90, 100, 0, 10, 10), (2, 3, 0, 0, 10, 10)])
    results = found(
        (1, 3, 0, 0, 10, 10, 0.9),  # right
        (1, 3, 1, 0, 10, 10, 0.8),  # a second one on the same box: false positive
        (1, 90, 50, 0, 10, 8, 0.7),  # class 7 taken for class 90, IoU .8
        (1, 90, 100, 0, 10, 10, 0.4),  # below the score threshold: class 90 is missed
        (2, 3, 6, 0, 10, 10, 0.9),  # IoU .25: a miss and a false positive
    )
    expected = [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [2, 0, 0, 0]]
    matrix = confusion_matrix(ground_truth, results)
    assert matrix.dtype == np.int64
    assert matrix.tolist() == expected
    assert confusion_matrix(ground_truth, results, score_threshold=0.3)[2].tolist() == [0, 0, 1, 0]
    assert confusion_matrix(ground_truth, results, iou_threshold=0.2)[0].tolist() == [2, 0, 0, 0]


def test_the_higher_score_takes_the_box_whatever_its_place_in_the_list():
    results = found((1, 7, 0, 0, 10, 10, 0.6), (1, 3, 0, 0, 10, 9, 0.8))
    matrix = confusion_matrix(coco([(1, 3, 0, 0, 10, 10)]), results)
    assert (matrix[0, 0], matrix[3, 1], matrix.sum()) == (1, 1, 2)


def test_detections_on_a_crowd_are_not_counted():
    ground_truth = coco([(1, 3, 0, 0, 100, 100, 1), (1, 3, 0, 0, 10, 10)])
    results = found((1, 3, 0, 0, 10, 10, 0.9), (1, 3, 50, 50, 10, 10, 0.9), (1, 7, 95, 50, 20, 10, 0.9))
    matrix = confusion_matrix(ground_truth, results)  # the third lies on the crowd by a quarter only
    assert (matrix[0, 0], matrix[3, 1], matrix.sum()) == (1, 1, 2)


def test_perfect_detections_stay_on_the_diagonal_even_for_equal_boxes_of_two_classes():
    ground_truth = coco([(1, 3, 0, 0, 10, 10), (1, 7, 0, 0, 10, 10), (2, 90, 5, 5, 20, 20)])
    results = found((1, 7, 0, 0, 10, 10, 0.9), (1, 3, 0, 0, 10, 10, 0.8), (2, 90, 5, 5, 20, 20, 0.7))
    assert confusion_matrix(ground_truth, results).tolist() == np.diag([1, 1, 1, 0]).tolist()


def test_every_box_stands_in_its_row_once():
    ground_truth, results = random_case(1)
    matrix = confusion_matrix(ground_truth, results, score_threshold=0.2)
    singles = [box["category_id"] for box in ground_truth["annotations"] if not box["iscrowd"]]
    assert matrix[:3].sum(axis=1).tolist() == [singles.count(i) for i in IDS]
    assert matrix[3, 3] == 0


@pytest.fixture
def reader(tmp_path):
    """Return the reader of image 0, 40 x 60 pixels with a cat and an axolotl, and two others."""
    return open_boxes(DatasetConfig("coco", str(trees.write_coco(tmp_path)), "train", "val"), "train")


def tell(metric, sample, detections, *, size):
    """Tell a metric what was found in a sample, in pixels of an input of `size`."""
    none = torch.zeros(1, 0)
    image_ids, sizes = torch.tensor([sample.image_id]), torch.tensor([sample.size])
    metric.update(DetectionBatch(torch.zeros(1, 3, *size), none, none, none, image_ids, sizes), [detections])


def test_results_are_in_the_pixels_and_the_ids_of_the_data_set(reader):
    metric = DetectionMetric(reader)
    detections = Detections(torch.tensor([[2.0, 5, 10, 15]]), torch.tensor([0.5]), torch.tensor([2]))
    tell(metric, reader[0], detections, size=(20, 20))  # three pixels across and two down for each of these
    assert metric.results == [{"image_id": 0, "category_id": 2, "bbox": [6, 10, 24, 20], "score": 0.5}]
    assert metric.compute().per_class["dog"] == 0
    metric.reset()
    assert metric.results == []


def test_a_perfect_detector_has_a_precision_of_one_in_every_class(reader):
    metric = DetectionMetric(reader)
    for sample in reader:
        boxes, labels = torch.from_numpy(sample.boxes), torch.from_numpy(sample.labels)
        tell(metric, sample, Detections(boxes, torch.full((len(boxes),), 0.9), labels), size=sample.size)
    assert metric.compute().per_class == pytest.approx({"cat": 1, "dog": 1, "axolotl": 1})


def test_a_copy_of_the_metric_is_itself(reader):
    metric = DetectionMetric(reader)
    assert copy.deepcopy({"metric": metric})["metric"] is metric
