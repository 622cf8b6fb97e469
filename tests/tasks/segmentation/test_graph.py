import pytest
import torch

from tasks.formats.settings import GraphSettings
from tasks.segmentation.graph import SegmenterGraph
from tests.support.exports import SIZE, random_images, small_model

TASKS = ("lraspp", "lraspp_torchvision", "raspp")


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("hswish", ["native", "parts"])
@torch.no_grad()
def test_a_graph_classifies_as_the_segmenter_does(task, hswish):
    model, images = small_model(task), torch.from_numpy(random_images())
    graph = SegmenterGraph(model, GraphSettings(size=SIZE, batch=2, hswish=hswish, scores=True))
    labels, scores = graph(images)
    logits = model.raw(images.permute(0, 3, 1, 2))
    assert labels.dtype == torch.uint8
    assert len(labels.unique()) > 1
    assert (labels == logits.argmax(1)).float().mean() > 0.999  # ties alone may differ
    assert torch.allclose(scores, logits.softmax(1).amax(1), atol=1e-4)


@torch.no_grad()
def test_classes_of_cells_and_logits_of_cells_belong_together():
    model, images = small_model("lraspp"), torch.from_numpy(random_images(1))
    (low,) = SegmenterGraph(model, GraphSettings(size=SIZE, argmax="low"))(images)
    (logits,) = SegmenterGraph(model, GraphSettings(size=SIZE, argmax="none"))(images)
    assert low.shape == (1, *logits.shape[2:]) == (1, 9, 13)  # 65 and 97 pixels at stride 8
    assert torch.equal(low.long(), logits.argmax(1))


@torch.no_grad()
def test_pooling_in_windows_as_on_the_papers_images():
    model, size = small_model("lraspp"), (801, 1001)  # maps of 51 x 63 cells, beyond the window of 49
    images = torch.randint(0, 256, (1, *size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    (logits,) = SegmenterGraph(model, GraphSettings(size=size, argmax="none"))(images)
    expected = model.head(model.backbone(model.prepare(images.permute(0, 3, 1, 2))))
    assert (logits - expected).abs().max() < 1e-4 * expected.abs().max()
