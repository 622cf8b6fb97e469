from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from data.classes import ClassTable
from data.findings import Finding
from tasks.detection.limits import check_evaluation
from tasks.detection.metrics import evaluate_detections
from tasks.doctor.command import diagnose
from tasks.evaluate.command import evaluate
from tasks.models.description import Description
from tasks.models.postprocessing import Postprocessing
from tasks.train.command import train
from tests.support.runs import describe, load_config, small_run
from tests.support.sound_sets import write_coco

CLASSES = ClassTable.create(["cat", "dog"], [1, 2])


@cache
def describe_detector() -> Description:
    return describe(small_run("ssdlite", Path("run")), CLASSES)


class Crowded:
    """Stands in for a reader: how many boxes of each class, and of crowds, each image has."""

    classes = CLASSES

    def __init__(self, *counts: tuple[int, int], crowds: int = 0) -> None:
        self.counts = counts
        rows = [(row, label) for row, own in enumerate(counts) for label in (0, 1) for _ in range(own[label])]
        rows += [(0, 0)] * crowds
        crowd = np.arange(len(rows)) >= len(rows) - crowds
        columns = np.array(rows, dtype=np.int64).reshape(-1, 2)
        self.boxes = (columns[:, 0], columns[:, 1], np.zeros((len(rows), 4)), np.zeros(len(rows)), crowd)

    def __len__(self) -> int:
        return len(self.counts)


def check(reader: Crowded, **settings: int) -> list[str]:
    found: list[Finding] = []
    description = replace(describe_detector(), postprocessing=Postprocessing(**settings))
    check_evaluation(description, reader, report=found.append, split="val")
    assert {finding.level for finding in found} <= {"warning"}
    return [str(finding) for finding in found]


def test_as_many_objects_as_count_are_no_finding() -> None:
    assert check(Crowded((100, 0), (50, 50), (0, 0), crowds=9)) == []
    assert check(Crowded((0, 0))) == []
    assert check(Crowded()) == []


def test_more_objects_than_the_model_keeps_are_reported_with_the_option_that_lifts_it() -> None:
    assert check(Crowded((70, 60), (0, 101), (3, 0)), max_detections=110) == [
        "val: 1 of 3 images hold more than 110 objects, up to 130; postprocessing.max_detections=110 keeps no more, "
        "the others are missed; train with postprocessing.max_detections=130",
        "val: 1 of 3 images hold more than 100 objects of one class, up to 101; COCO's metric counts no more, "
        "which lowers its best mAP; cut such images into smaller ones",
    ]


def test_more_objects_of_a_class_than_go_into_suppression_are_reported() -> None:
    (message,) = check(Crowded((3, 4), (5, 2)), per_class=3)
    assert message.startswith("val: 2 of 2 images hold more than 3 objects of one class, up to 5; ")
    assert message.endswith("train with postprocessing.per_class=5")


def test_the_metric_counts_what_the_warning_says() -> None:
    for count, recall in ((100, 1.0), (125, 0.8)):
        boxes = [{"image_id": 1, "category_id": 1, "bbox": [30.0 * k, 0.0, 25.0, 25.0]} for k in range(count)]
        truth = {
            "images": [{"id": 1, "width": 4000, "height": 30}],
            "annotations": [{**box, "id": k, "area": 625.0, "iscrowd": 0} for k, box in enumerate(boxes, start=1)],
            "categories": [{"id": 1, "name": "cat"}],
        }
        results = [{**box, "score": 0.5} for box in boxes]
        assert evaluate_detections(truth, results).summary["AR100"] == pytest.approx(recall)
        assert bool(check(Crowded((count, 0)))) == (recall < 1)


@pytest.mark.slow
def test_training_evaluation_and_the_doctor_warn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    warning = "hold more than 1 objects, up to"
    limit = "postprocessing.max_detections=1"
    train(small_run("ssdlite", tmp_path / "run", "trainer.max_epochs=1", limit))
    assert [warning in message for message in caplog.messages].count(True) == 1
    caplog.clear()
    checkpoint = f"checkpoint={tmp_path / 'run/model.safetensors'}"
    evaluate(load_config("evaluate", checkpoint, f"out={tmp_path / 'evaluated'}", "accelerator=cpu"))
    assert [warning in message for message in caplog.messages].count(True) == 1
    root = write_coco(tmp_path / "coco")
    data = (
        "dataset=coco",
        f"dataset.root={root}",
        "dataset.train=train",
        "dataset.val=val",
        f"out={tmp_path / 'report'}",
        limit,
    )
    findings = [str(finding) for finding in diagnose(load_config("doctor", *data)).findings]
    assert [finding.split(";")[0] for finding in findings if warning in finding] == [
        "train: 12 of 12 images hold more than 1 objects, up to 2",
        "val: 10 of 10 images hold more than 1 objects, up to 2",
    ]
