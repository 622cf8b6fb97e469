"""A detector without a trainer, and the metric that collects what it finds."""

import copy

import pytest
import torch

from data.classes import ClassTable
from data.config import DatasetConfig
from data.datasets import open_boxes
from data.loading import DetectionBatch
from tasks.detection.detector import Detector, scale_to
from tasks.detection.metrics import DetectionMetric
from tasks.detection.postprocess import Detections
from tasks.models.network import build_model
from tests.support import trees
from tests.support.random_weights import randomize
from tests.support.runs import describe, load_config

CLASSES = ClassTable.create(["cat", "dog"], [1, 2])


@pytest.fixture
def detector():
    """Return a detector of images of 64 x 96 pixels that finds something everywhere."""
    description = describe(load_config("train", "backbone=small", "size=[64,96]"), CLASSES)
    return randomize(Detector(description))


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_an_image_alone_has_the_detections_that_it_has_in_a_batch(detector, images):
    for image, together in zip(images, detector(images), strict=True):
        (alone,) = detector(image[None])
        assert len(alone.boxes) > 20
        assert torch.equal(alone.labels, together.labels)
        torch.testing.assert_close(alone.boxes, together.boxes, rtol=0, atol=1e-3)


@torch.no_grad()
def test_boxes_lie_in_the_pixels_of_the_input(detector, images):
    boxes = torch.cat([found.boxes for found in detector(images)])
    assert boxes.amin() >= 0
    assert (boxes.amax(dim=0) <= torch.tensor([96.0, 64, 96, 64])).all()
    assert boxes[:, 2].max() > 64  # the first of a box's numbers go along the width


def test_its_weights_bear_the_names_that_checkpoints_hold(detector):
    names = set(build_model(detector.description.arch).state_dict())
    assert set(detector.state_dict()) == names
    assert detector.anchors.shape[1] == 4


def test_a_description_of_another_model_is_refused():
    description = describe(load_config("train", "task=lraspp", "backbone=small"), CLASSES)
    with pytest.raises(ValueError, match="needs an SSDLite head"):
        Detector(description)


def test_boxes_are_scaled_to_an_image_by_its_width_first():
    assert scale_to((480, 640), (320, 160)) == (4.0, 1.5)


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
