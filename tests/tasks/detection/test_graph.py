from dataclasses import replace

import pytest
import torch

from tasks.detection.graph import DetectorGraph
from tasks.formats.settings import GraphSettings
from tasks.models.postprocessing import Postprocessing
from tests.support.exports import SIZE, random_images, small_model

KINDS = {
    "sigmoid": ("ssdlite",),
    "softmax, per class": ("ssdlite_torchvision", "model.anchors=torchvision"),
    "tensorflow": ("ssdlite_tensorflow",),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@torch.no_grad()
def test_a_graph_finds_what_the_detector_finds(kind):
    model, images = small_model(*kind), torch.from_numpy(random_images())
    graph = DetectorGraph(model, GraphSettings(size=SIZE, batch=2, candidates=1500))
    boxes, scores, labels = graph(images)
    for index, found in enumerate(model(images.permute(0, 3, 1, 2))):
        count = len(found.scores)
        assert count > 20
        assert torch.allclose(scores[index, :count], found.scores, atol=1e-6)
        assert torch.allclose(boxes[index, :count], found.boxes, atol=1e-3)
        assert labels[index, :count].tolist() == found.labels.tolist()
        assert (labels[index, count:] == -1).all()


@torch.no_grad()
def test_few_of_each_class_are_as_few_in_the_graph():
    model = small_model("ssdlite")
    model.postprocessing = Postprocessing(0.0, 0.9, max_detections=30, per_class=4)
    images = torch.from_numpy(random_images(1))
    _, scores, _ = DetectorGraph(model, GraphSettings(size=SIZE, candidates=1000))(images)
    (found,) = model(images.permute(0, 3, 1, 2))
    assert 3 < len(found.scores) <= 12
    assert torch.allclose(scores[0, : len(found.scores)], found.scores, atol=1e-6)


@torch.no_grad()
def test_places_without_a_detection_are_marked():
    model = small_model("ssdlite")
    model.postprocessing = replace(model.postprocessing, score_threshold=1.0)
    boxes, scores, labels = DetectorGraph(model, GraphSettings(size=SIZE))(torch.from_numpy(random_images(1)))
    assert boxes.abs().max() == scores.max() == 0
    assert labels.unique().tolist() == [-1]


@torch.no_grad()
def test_the_plain_tensor_gives_the_networks_raw_predictions():
    model, images = small_model("ssdlite"), torch.from_numpy(random_images()).permute(0, 3, 1, 2)
    graph = DetectorGraph(model, GraphSettings(size=SIZE, batch=2, input="float", nms=False))
    logits, deltas = graph(model.prepare(images))
    raw = model.raw(images)
    assert torch.allclose(logits, raw.class_logits, rtol=1e-4, atol=1e-4)
    assert torch.allclose(deltas, raw.deltas, rtol=1e-4, atol=1e-4)


def test_the_model_that_is_exported_stays_as_it_is():
    model = small_model("ssdlite")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    DetectorGraph(model, GraphSettings(size=SIZE, hswish="parts"))
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
