"""The metric that collects what a detector finds, batch by batch."""

import copy

import pytest
import torch

from data.batches import DetectionBatch
from data.config import DatasetConfig
from data.datasets import open_boxes
from tasks.detection.metrics import DetectionMetric
from tasks.detection.postprocess import Detections
from tests.support import trees


@pytest.fixture
def reader(tmp_path):
    """Return the reader of image 0, 40 x 60 pixels with a cat and an axolotl, and two others."""
    return open_boxes(DatasetConfig("coco", str(trees.write_coco(tmp_path)), "train", "val"), "train")


def found_at(box, label, score=0.9):
    return Detections(torch.tensor([box]), torch.tensor([score]), torch.tensor([label]))


def test_results_are_in_the_pixels_and_the_ids_of_the_data_set(reader):
    blank = torch.zeros(1, 3, 20, 20)
    nothing = torch.zeros(1, 0)
    batch = DetectionBatch(blank, nothing, nothing, nothing, torch.tensor([0]), torch.tensor([[40, 60]]))
    metric = DetectionMetric(reader)
    metric.update(batch, [found_at([2.0, 5, 10, 15], label=2)])
    (result,) = metric.results
    assert (result["image_id"], result["category_id"]) == (0, 2)
    assert result["bbox"] == [6, 10, 24, 20]  # xywh; three pixels across and two down for each of the input
    assert metric.compute().per_class["dog"] == 0.0
    metric.reset()
    assert metric.results == []


def test_a_perfect_detector_has_a_precision_of_one(reader):
    metric = DetectionMetric(reader)
    for sample in reader:
        size = torch.tensor([sample.size])
        batch = DetectionBatch(torch.zeros(1, 3, *sample.size), None, None, None, torch.tensor([sample.image_id]), size)
        labels, boxes = torch.from_numpy(sample.labels), torch.from_numpy(sample.boxes)
        metric.update(batch, [Detections(boxes, torch.full((len(boxes),), 0.9), labels)])
    metrics = metric.compute()
    assert metrics.summary["mAP"] == pytest.approx(1)
    assert metrics.per_class == pytest.approx({"cat": 1.0, "dog": 1.0, "axolotl": 1.0})


def test_a_copy_of_the_metric_is_itself(reader):
    metric = DetectionMetric(reader)
    assert copy.deepcopy({"metric": metric})["metric"] is metric
