import json

import pytest

from tasks.detection.analysis import analyse
from tasks.detection.errors import KINDS
from tasks.detection.metrics import evaluate_detections
from tasks.detection.plots import plot_errors, plot_thresholds
from tasks.detection.worst import describe_image, rank_images
from tasks.evaluation_settings import ThresholdRule
from tests.support.figures import drawn
from tests.tasks.detection.test_metrics import coco, found, random_case

BOXES = [
    (1, 3, 0, 0, 10, 10),
    (1, 7, 50, 0, 40, 40),
    (2, 3, 0, 0, 10, 10),
    (2, 3, 20, 0, 10, 10),
    (2, 7, 50, 0, 40, 40),
    (4, 3, 0, 0, 99, 99, 1),
]
FOUND = [
    (1, 3, 0, 0, 10, 10, 0.9),
    (1, 7, 50, 0, 40, 40, 0.9),
    (1, 3, 100, 0, 10, 10, 0.8),
    (2, 3, 0, 0, 10, 10, 0.7),
    (2, 7, 0, 0, 10, 10, 0.6),
    (3, 3, 0, 0, 10, 10, 0.8),
    (3, 7, 0, 0, 10, 10, 0.3),
    (4, 3, 0, 0, 10, 10, 0.9),
]


def look(boxes, results, images, thresholds=(0.5, 0.5, 0.5)):
    truth = coco(boxes, num_images=images)
    metrics = evaluate_detections(truth, results)
    return analyse(metrics, truth, results, rule=ThresholdRule(), stored=thresholds)


def test_false_positives_on_images_without_objects_are_counted_above_the_thresholds():
    values = look(BOXES, found(*FOUND), 5).to_dict()
    assert values["empty_images"] == {"images": 2, "false_positives": 1, "per_image": 0.5}  # 4 holds a crowd
    none = look(BOXES, found(*FOUND), 5, thresholds=(0.85, 0.85, 0.85)).to_dict()
    assert none["empty_images"] == {"images": 2, "false_positives": 0, "per_image": 0.0}
    assert look(BOXES[:5], found(*FOUND[:5]), 2).to_dict()["empty_images"]["per_image"] is None


def test_each_class_has_its_numbers():
    values = look(BOXES, found(*FOUND), 5).to_dict()
    first, _, last = values["per_class"].values()
    assert first["boxes"] == 3
    assert (first["precision"], first["recall"], first["F1"]) == (2 / 4, 2 / 3, 4 / 7)
    assert (first["APs"], first["APm"]) == (pytest.approx(first["AP50"]), None)
    assert last == {**dict.fromkeys(last), "boxes": 0, "threshold": 0.5}
    assert values["threshold"] == 0.5
    assert look(BOXES, found(*FOUND), 5, thresholds=(0.5, 0.5, 0.6)).to_dict()["threshold"] is None


def test_errors_are_counted_with_and_without_thresholds():
    errors = look(BOXES, found(*FOUND), 5).to_dict()["errors"]
    assert list(errors) == list(KINDS)
    assert {kind: entry["count_at_threshold"] for kind, entry in errors.items() if entry["count_at_threshold"]} == {
        "classification": 1,
        "background": 2,
        "missed": 2,
    }
    assert errors["background"]["count"] == 3


def test_images_are_ranked_by_their_mistakes_and_the_share_of_these():
    analysis = look(BOXES, found(*FOUND), 5)
    assert rank_images(analysis) == [1, 2, 0]  # 3 mistakes and 1 right; all of 1; 1 of 3; the others have none
    said = "2 of 3 missed (1 class 3, 1 class 7)", "1 of 2 false (1 classification)"
    assert describe_image(analysis, 1) == said
    assert describe_image(analysis, 3) == ("0 of 0 missed", "0 of 0 false")  # its detection lies on a crowd


@pytest.mark.parametrize(
    ("boxes", "results"),
    [(BOXES, found(*FOUND)), (BOXES, []), ([], found(*FOUND)), ([], []), (None, None)],
)
def test_everything_is_valid_json_and_drawn_also_without_boxes_or_detections(boxes, results, tmp_path):
    truth, results = random_case(1) if boxes is None else (coco(boxes, num_images=5), results)
    metrics = evaluate_detections(truth, results)
    analysis = analyse(metrics, truth, results, rule=ThresholdRule(), stored=None)
    values = json.loads(json.dumps(analysis.to_dict(), allow_nan=False))
    curves = values["curves"]
    assert all(len(row) == len(curves["scores"]) for rows in curves["per_class"].values() for row in rows.values())
    assert list(values["per_class"]) == list(curves["per_class"]) == list(metrics.per_class)
    plot_thresholds(analysis, tmp_path / "f1.png")
    plot_errors(analysis, tmp_path / "errors.png")
    assert drawn(tmp_path / "f1.png") == (2100, 690)
    assert drawn(tmp_path / "errors.png") == (1650, 510)
