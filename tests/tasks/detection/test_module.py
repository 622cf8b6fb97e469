"""What a training step of the detector does, its parts put together."""

import pytest
import torch
from torch.nn import functional as F

from data.batches import DetectionBatch
from data.classes import ClassTable
from data.errors import InputError
from tasks.detection.detector import Detector
from tasks.detection.module import DetectionModule
from tests.support.runs import describe, load_config
from tests.support.synchronization import no_synchronization

CLASSES = ClassTable.create(["car", "dog"], [1, 2])
SSD = ("loss.assignment=iou", "loss.box=smooth_l1", "model.scores=softmax")
PRESETS = [(), SSD, ("task=ssdlite_tensorflow",), ("task=ssdlite_torchvision",)]


def build(*options):
    """Return a module."""
    config = load_config("train", "task=ssdlite", "backbone=small", "size=96", *options)
    torch.manual_seed(0)
    return DetectionModule(Detector(describe(config, CLASSES)), loss=config.recipe.own.loss)


def two_images():
    """Return a batch of an image with two boxes and one with one."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 96, 96), dtype=torch.uint8, generator=generator)
    boxes = torch.tensor([[[5.0, 5, 40, 50], [30, 30, 90, 90]], [[10, 20, 70, 60], [0, 0, 0, 0]]])
    labels = torch.tensor([[0, 1], [1, -1]])
    sizes = torch.full((2, 2), 96)
    return DetectionBatch(images, boxes, labels, torch.zeros(2, 2, dtype=torch.bool), torch.arange(2), sizes)


@pytest.mark.parametrize("options", PRESETS)
def test_a_training_step_never_makes_the_host_wait(options):
    module, batch = build(*options), two_images()
    with no_synchronization():
        module.training_step(batch, 0)["loss"].backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize("options", PRESETS)
def test_a_step_at_another_size_is_that_of_a_model_of_that_size(options):
    batch = two_images()
    losses = [build(*options, f"size={size}").training_step(batch, 0)["loss"] for size in (96, 160)]
    assert torch.equal(*losses)


def pad(batch, slots):
    """Return a batch with room for more boxes."""
    more = slots - batch.labels.shape[1]
    boxes, crowd = F.pad(batch.boxes, (0, 0, 0, more)), F.pad(batch.crowd, (0, more))
    return batch._replace(boxes=boxes, labels=F.pad(batch.labels, (0, more), value=-1), crowd=crowd)


@pytest.mark.parametrize("options", PRESETS)
@pytest.mark.parametrize("slots", [8, 32])
def test_padding_changes_neither_loss_nor_gradients(options, slots):
    module, batch = build(*options), two_images()
    found = []
    for each in (batch, pad(batch, slots)):
        module.zero_grad()
        losses = module.training_step(each, 0)
        losses["loss"].backward()
        found.append([*losses.values(), *(parameter.grad for parameter in module.parameters())])
    for plain, padded in zip(*found, strict=True):
        torch.testing.assert_close(padded, plain, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("options", [(), SSD])
def test_a_few_steps_on_one_batch_lower_the_loss(options):
    module, batch = build(*options), two_images()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = module.training_step(batch, 0)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_task_aligned_assignment_of_softmax_scores_is_refused():
    with pytest.raises(InputError, match=r"expected model\.scores=sigmoid or loss\.assignment=iou"):
        load_config("train", "model.scores=softmax")


def test_a_number_of_negatives_for_sigmoid_scores_is_refused():
    with pytest.raises(InputError, match=r"loss\.min_negatives: does nothing with model\.scores=sigmoid"):
        load_config("train", "loss.min_negatives=0")
